"""Copy as Python, copy as command: what is on the clipboard runs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image as NapariImage
from qtpy.QtWidgets import QApplication
from upaint_pictures import picture

from napari_upaint._writer import as_image
from napari_upaint.io.image import Image
from napari_upaint.io.images import read_image, write_image
from napari_upaint.io.models import bundled_models, load_model
from napari_upaint.widgets._copying import _is_file_of
from napari_upaint.widgets._open_layers import image_source


@pytest.fixture
def copied(dock, settle, qtbot):
    """Return a function that paints on an open image, trains, and copies the training as a text."""

    def run(viewer, name, what, colour=False):
        dock.sections.labels.new_button.click()
        layer = viewer.layers[f"{name} annotation"]
        layer.brush_size = 6
        layer.paint((*(0,) * (layer.ndim - 2), 50, 60), 1)
        layer.paint((*(0,) * (layer.ndim - 2), 20, 20), 2)
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
        dock.sections.train.seconds.setValue(1)
        dock.sections.settings.train.control("seed").setValue(7)
        section = dock.sections.history
        before = section.list.count()
        dock.sections.train.button.click()
        settle(dock)
        qtbot.waitUntil(lambda: section.list.count() > before, timeout=20000)  # files are listed in a thread
        qtbot.waitUntil(lambda: section.buttons[what].isEnabled(), timeout=20000)
        section.buttons[what].click()
        qtbot.waitUntil(lambda: not dock.keeping.busy, timeout=20000)
        return QApplication.clipboard().text()

    return run


LONGEST = 240.0  # s
LOOP = """
import json, os, sys
for line in sys.stdin:
    folder, os.environ["UPAINT_HOME"], text = json.loads(line)
    os.chdir(folder)
    exec(text, {"__name__": "__main__"})
    print("\\nEND", flush=True)
"""


@pytest.fixture(scope="module")
def interpreter():
    """A Python without the window, as not every torch works with its libraries; one for all, as torch takes seconds."""
    with subprocess.Popen(
        [sys.executable, "-c", LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_python(interpreter, tmp_path):
    """Return a function that runs a program in a folder."""

    def run(text):
        interpreter.stdin.write(json.dumps([str(tmp_path), os.environ["UPAINT_HOME"], text]) + "\n")
        interpreter.stdin.flush()
        overdue = threading.Timer(LONGEST, interpreter.kill)  # or it would be waited for without end
        overdue.start()
        said = "END\n" in iter(interpreter.stdout.readline, "")
        overdue.cancel()
        assert said, "it ended; what it said is above"

    return run


@pytest.fixture
def run_command(run_python):
    """Return a function that runs a command in a folder, for two steps."""

    def run(words):
        at = words.index("--seconds")
        arguments = [*words[1:at], "--steps", "2", *words[at + 2 :]]
        run_python(f"from napari_upaint.cli import main\nassert main({arguments!r}) == 0")

    return run


def test_a_command_for_a_file(viewer, dock, copied, tmp_path, run_command):
    path = write_image(tmp_path / "cells.tif", Image(picture(), "YX"))
    viewer.open(str(path), plugin="napari-upaint")
    text = copied(viewer, "cells", "command")
    words = shlex.split(text)
    assert words[:3] == ["upaint", "train", str(path)]
    assert "--seed" in words
    assert dock.sections.message.text().startswith("Copied. Paste it into a terminal")
    painted = read_image(words[words.index("--labels") + 1])
    np.testing.assert_array_equal(painted.data, viewer.layers["cells annotation"].data)
    run_command(words)
    assert load_model(tmp_path / "cells.safetensors").header.training["seed"] == 7


def test_a_program_for_a_layer_that_is_in_no_file(viewer, copied, tmp_path, run_python):
    viewer.add_image(picture(), name="a b/c", scale=(0.5, 0.5), units=("um", "um"))
    text = copied(viewer, "a b/c", "python")
    written = Path(next(line for line in text.splitlines() if line.startswith("    (Path(")).split("'")[1])
    assert read_image(written).spacing == pytest.approx({"Y": 0.5, "X": 0.5})
    run_python(text.replace("TrainSettings(", "TrainSettings(steps=2, "))
    assert load_model(tmp_path / "a b_c.safetensors").header.name == "a b/c"


def test_one_channel_of_a_file_is_written_by_itself(viewer, copied, tmp_path):
    path = write_image(tmp_path / "two.tif", Image(np.stack([picture(), picture()[::-1]]), "CYX"))
    viewer.open(str(path), plugin="napari-upaint")
    name = viewer.layers[-1].name
    viewer.layers.remove(viewer.layers[0])
    words = shlex.split(copied(viewer, name, "command"))
    assert words[2] != str(path)
    assert read_image(words[2]).channel_count == 1


def test_images_of_one_name_or_one_long_beginning_have_files_of_their_own(viewer, copied, tmp_path):
    """The paint of the second was written over that of the first, which an earlier program still names."""
    painted = set()
    for folder, name in (
        ("monday", "Pos0"),
        ("tuesday", "Pos0"),
        ("tuesday", "x" * 70 + "1"),
        ("tuesday", "x" * 70 + "2"),
    ):
        viewer.layers.clear()
        (tmp_path / folder).mkdir(exist_ok=True)
        viewer.open(str(write_image(tmp_path / folder / f"{name}.tif", Image(picture(), "YX"))), plugin="napari-upaint")
        words = shlex.split(copied(viewer, name, "command"))
        painted.add(words[words.index("--labels") + 1])
    assert len(painted) == 4


def test_a_volume_is_repeated_with_the_pixel_size_that_was_set(tmp_path):
    path = write_image(tmp_path / "stack.tif", Image(np.repeat(picture()[None], 4, 0), "ZYX"))
    for step, names, same in ((1.0, "zyx", True), (3.0, "zyx", False), (1.0, "tyx", False)):
        layer = NapariImage(np.repeat(picture()[None], 4, 0), scale=(step, 1, 1), axis_labels=tuple(names))
        image = image_source(layer)
        place = {key: getattr(image.placement, key) for key in ("scale", "units", "axis_labels")}
        shown = as_image(image.data, {"name": "stack", **place})
        assert _is_file_of(path, image, shown, 3) is same
        assert _is_file_of(path, image, shown, 2)


def test_a_stack(viewer, copied, run_command):
    viewer.add_image(picture((3, 60, 80)), name="stack")
    words = shlex.split(copied(viewer, "stack", "command"))
    assert read_image(words[words.index("--labels") + 1]).data.shape == (3, 60, 80)
    run_command(words)


def test_a_training_of_two_images(viewer, dock, copied, settle, qtbot, tmp_path, run_command):
    for name in ("one", "two"):
        dock.sections.model.choose(bundled_models()[0])  # the command cannot go on from what the scripted engine made
        dock.sections.image.combo.set_key(viewer.add_image(picture(), name=name).unique_id)
        text = copied(viewer, name, "command")
    words = shlex.split(text)
    labels = words.index("--labels")
    assert [Path(one).name.split()[0] for one in words[2:labels]] == ["two", "one"]
    painted = [Path(one).name.split()[::2] for one in words[labels + 1 : labels + 3]]
    assert painted == [["two", "painted.tif"], ["one", "painted.tif"]]
    assert "on the present paint, 2 files in" in dock.sections.message.text()
    run_command(words)
    images = load_model(tmp_path / "two.safetensors").header.provenance["images"]
    assert [name.split()[0] for name in images] == ["two", "one"]
    viewer.layers.remove("one")
    dock.sections.history.buttons["command"].click()
    qtbot.waitUntil(lambda: "learnt from 2 images; open 'one', too" in dock.sections.message.text(), timeout=20000)


def test_without_the_image_it_says_so(viewer, dock, copied):
    viewer.add_image(picture(), name="cells")
    copied(viewer, "cells", "command")
    button = dock.sections.history.buttons["command"]
    viewer.layers.remove("cells annotation")
    assert not button.isEnabled()
    assert "Choose the labels of this training" in button.toolTip()
    viewer.layers.clear()
    assert button.toolTip() == "Open the image first: the text names its file."
