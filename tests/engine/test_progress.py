"""What a training says about itself when it ends."""

import math

import pytest

from napari_upaint.engine.progress import TrainResult


def result(improved, before, after, steps=12, **rest):
    return TrainResult(None, improved, before, after, steps, 15.2, **rest)


LITTLE = (
    "Trained, but there was too little paint to hold some out and test the model; paint a few more strokes with"
    " every label."
)
NEW = "the scale of these images and the size of their objects"
KNOWN = "Kept the network from before: it knows such objects (loss on held-out paint 0.05), and now"
NOTHING = "because nothing was better (loss on held-out paint 0.3);"


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (result(True, 0.9, 0.3), "Better than before: loss on held-out paint from 0.9 to 0.3 (lower is better)."),
        (
            result(True, 0.92, 0.911, steps=5),
            "Better than before: loss on held-out paint from 0.92 to 0.911 (lower is better); give it more time.",
        ),
        (
            result(True, 0.9, 0.8, steps=5, pretrained=False),
            "Trained from scratch; loss on held-out paint 0.8 (lower is better); give it more time.",
        ),
        (
            result(True, 0.3, 0.2998, steps=1),
            "Hardly better than before (loss on held-out paint 0.3); give it more time.",
        ),
        (
            result(True, 0.3, 0.2998),
            "Hardly better than before (loss on held-out paint 0.3); paint more and train again.",
        ),
        (
            result(True, 0.9, 0.3, pretrained=False),
            "Trained from scratch; loss on held-out paint 0.3 (lower is better).",
        ),
        (result(True, math.nan, math.nan), LITTLE),
        (result(True, math.inf, 0.3), LITTLE),
        (result(True, 0.9, math.inf), LITTLE),
        (result(True, 0.9, math.nan, pretrained=False), LITTLE),
        (result(False, 0.05, 0.05, knows_more=True), f"{KNOWN} {NEW}."),
        (
            result(False, 0.3, 0.3, knows_more=True),
            f"Kept the network from before, {NOTHING} now it knows {NEW}; paint more and train again.",
        ),
        (result(False, 0.3, 0.3), f"Kept the model from before, {NOTHING} paint more and train again."),
        (result(False, 0.3, 0.3, steps=1), f"Kept the model from before, {NOTHING} give it more time."),
        (result(False, 0.3, 0.3, steps=0), "Stopped before the first step; nothing was learnt."),
    ],
)
def test_words_say_what_came_of_it_and_what_to_do(trained, words):
    assert trained.message == words
