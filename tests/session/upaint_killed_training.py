"""A program that trains until somebody ends it: run by test_interrupted.py in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main():
    from napari_upaint.core.normalize import measure
    from napari_upaint.core.sample import Sample
    from napari_upaint.io.samples import open_sample
    from napari_upaint.session.interrupted import Asked, begin_training
    from napari_upaint.session.job import EngineProcess
    from napari_upaint.session.protocol import Event, TrainRequest
    from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

    opened = open_sample("nuclei_fluorescence")
    image = np.asarray(opened.image.data)[None]
    sample = Sample(image, opened.strokes.astype(np.int32), measure(image), name="cells")
    settings = TrainSettings(seconds=600)
    asked = Asked("cells", image.shape[1:], "objects", "generalist-fast", settings, WeightSettings(), AugmentSettings())
    request = TrainRequest(
        (sample,), settings=settings, name="cells", checkpoint=begin_training(asked), checkpoint_seconds=0.5
    )

    seconds = Path(sys.argv[1])

    def note(message):
        if isinstance(message, Event):
            new = seconds.with_suffix(".new")
            new.write_text(f"{message.payload.seconds}")
            new.replace(seconds)  # at once: the end may come between any two lines

    with EngineProcess() as engine:
        engine.submit(request, note).wait()


if __name__ == "__main__":
    main()
