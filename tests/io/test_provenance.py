"""What a model's file says about its origin."""

from __future__ import annotations

import json
import re

from napari_upaint import __version__
from napari_upaint.io.models import Architecture, ModelHeader
from napari_upaint.io.provenance import command_line, own_summary, provenance


def test_the_record_holds_plain_values():
    record = provenance(start="generalist-fast", images=["a", "b"], seed=3, pixels=[(9.0, 0.5, 0.25), None, (1, 2)])
    assert json.loads(json.dumps(record)) == record
    assert record["pixel_size"] == [0.25, 2.0]  # steps between slices are not pixels
    assert (record["start"], record["images"], record["seed"]) == ("generalist-fast", ["a", "b"], 3)
    assert record["version"] == __version__
    assert {"torch", "numpy", "python"} <= set(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert "pixel_size" not in provenance(start="from scratch", images=[], seed=0, pixels=[None])


def test_a_command_names_files_and_no_folders():
    said = command_line(["upaint", "train", "/home/me/my cells.tif", "--labels", "painted/", "-o", "out/m.safetensors"])
    assert said == "upaint train 'my cells.tif' --labels painted -o m.safetensors"
    assert command_line(["upaint", "segment", "/"]) == "upaint segment /"
    said = command_line(["upaint", "train", "a/b.tif", "--labels=/home/me/c.tif", "-oout/m.safetensors", "--width=8"])
    assert said == "upaint train b.tif --labels=c.tif -om.safetensors --width=8"


def test_a_trained_model_says_in_a_sentence_where_it_comes_from():
    def said(images, start="generalist-fast", before=0.5, after=0.2, kind="objects"):
        training = {"validation_before": before, "validation_after": after}
        told = {"images": images, "start": start}
        classes = ("background", "cell", "debris")[: 2 if kind == "objects" else 3]
        architecture = Architecture(n_outputs=len(classes))
        return own_summary(
            ModelHeader(
                "m", architecture, kind=kind, classes=classes, summary="Old.", training=training, provenance=told
            )
        )

    assert said(["a", "b", "a"]) == "Learned objects of a, b, starting from generalist-fast."
    assert said(["a", "b", "c", "d"], kind="classes").startswith("Learned classes of a, b and 2 more, starting")
    assert said(["a"], "from scratch", 0.3, 0.3) == "Learned objects of a, from scratch."
    kept = "The network of generalist-fast, which no training made better, at the scale of a."
    assert said(["a"], before=0.3, after=0.3) == kept
    assert said(["a"], before=None, after=None).startswith("Learned objects of a,")  # nothing judged it
    assert said([]) == said(["a"], start=None) == said(3) == "Old."
    assert said([{}, 1], start=2) == "Learned objects of {}, 1, starting from 2."  # as a later version may write it
