"""What people read of a model: everything that its header knows, and no word of what it does not."""

from napari_upaint.io.model_facts import facts, short
from napari_upaint.io.models import Architecture, ModelHeader


def told(header):
    return dict(line.removeprefix("* **").split("**: ", 1) for line in facts(header).splitlines())


def test_a_header_is_told_line_by_line():
    training = {"steps_done": 70, "channel_shares": [0.75, 0.25], "validation_before": 0.5, "validation_after": 0.25}
    origin = {"date": "2026-01-02", "start": "generalist-fast", "seed": 4, "hours": 3, "images": ["a", "b"]}
    origin |= {"pixel_size": [0.25, 0.5], "data": ["one", "two"], "terms": {"one": "CC0"}, "command": "upaint train"}
    origin |= {"version": "1.0", "torch": "2.6"}
    network = Architecture(in_channels=2, n_outputs=3)
    said = told(ModelHeader("m", network, border=True, scale=0.7, training=training, provenance=origin))
    assert said["Classes"] == "background, object, border; painted as objects"
    assert said["Channels"] == "2; at first it saw 75%, 25% of them"
    assert said["Scale"] == "images are resized by 0.7"
    assert said["Pixel size"] == "0.25 to 0.5, in the unit of the images"
    assert said["Trained"] == "2026-01-02, start: generalist-fast, 70 steps, 3 hours, seed 4"
    assert said["Loss on held-out paint"] == "0.500 before, 0.250 after"
    assert said["Data"] == "one (CC0); two"
    assert (said["Images"], said["Command"], said["Versions"]) == (
        "a, b",
        "`upaint train`",
        "napari-upaint 1.0, torch 2.6",
    )


def test_what_is_not_known_is_not_told():
    said = told(ModelHeader("m", Architecture()))
    assert list(said) == ["Classes", "Channels", "Network", "Normalisation", "Scale", "Pixel size"]
    assert (said["Channels"], said["Pixel size"]) == ("1, or any", "unknown")
    assert told(ModelHeader("m", Architecture(variant="multimodal")))["Channels"] == "1"
    assert told(ModelHeader("m", Architecture(), spacing=(0.5, 0.25)))["Pixel size"] == "0.5 x 0.25"


def test_what_another_version_has_written_otherwise_is_left_out():
    training = {"channel_shares": ["a", "b"], "validation_before": "low", "validation_after": "lower"}
    origin = {"images": 3, "data": ["one"], "terms": 7, "pixel_size": [None, {}], "command": ["upaint"]}
    said = told(ModelHeader("m", Architecture(), training=training, provenance=origin))
    assert list(said) == ["Classes", "Network", "Normalisation", "Scale", "Command"]


def test_long_texts_end_in_dots():
    assert [short(text, 6) for text in ("123456", "1234567")] == ["123456", "123..."]
