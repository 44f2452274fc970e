"""Small parts of the dock, one by one."""

from __future__ import annotations

import errno
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_upaint.core.colours import BACKGROUND_COLOUR, CLASS_COLOURS, label_colour, label_rgba
from napari_upaint.engine.progress import TrainProgress, TrainResult
from napari_upaint.errors import ImageError
from napari_upaint.io import models
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.settings import WeightSettings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._colours import theme_colours
from napari_upaint.widgets._guide_row import GuideRow
from napari_upaint.widgets._labels_section import LabelsSection
from napari_upaint.widgets._loss_plot import LossPlot
from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._model_list import model_choices
from napari_upaint.widgets._model_section import ModelSection
from napari_upaint.widgets._painted_list import painted_lines
from napari_upaint.widgets._progress_line import ProgressLine, duration
from napari_upaint.widgets._segment_section import SegmentSection
from napari_upaint.widgets._segmenting import Segmented
from napari_upaint.widgets._slider_box import SliderBox
from napari_upaint.widgets._train_section import TrainSection
from napari_upaint.widgets._training import Trained
from napari_upaint.widgets._turns import Turns
from napari_upaint.widgets._words import after_segmenting, after_training


def model(name="mine", **more):
    return ModelFile(ModelHeader(name, Architecture(), **more), {"bias": np.zeros(1, np.float32)})


def test_background_has_a_colour_of_its_own():
    assert BACKGROUND_COLOUR not in CLASS_COLOURS
    table = label_rgba(1)
    assert not table[0].any()
    for label in range(1, len(table)):
        rgb = "#" + "".join(f"{round(255 * part):02x}" for part in table[label, :3])
        assert rgb == label_colour(label)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_plot_and_message_are_drawn_in_every_theme(qtbot, theme):
    plot, message = LossPlot(), MessageLine()
    for widget in (plot, message):
        qtbot.addWidget(widget)
        widget.set_colours(theme_colours(theme))
        widget.show()
    empty = plot.grab().toImage()
    plot.clear(60)
    for step in range(5000):
        plot.add(step / 100, 1 / (step + 1), 0.5 if step % 500 == 0 else None)
    assert len(plot.loss) <= 600
    assert len(plot.validation) == 10
    assert plot.grab().toImage() != empty


def test_message(qtbot):
    line = MessageLine()
    qtbot.addWidget(line)
    assert line.isHidden()
    line.show_message("It broke.", "error", "Traceback")
    assert not line.isHidden()
    assert not line._more.isHidden()
    assert line._details.isHidden()
    line._more.click()
    assert not line._details.isHidden()
    line._dismiss.click()
    assert line.isHidden()
    assert line.text() == ""


def test_what_is_added_to_a_message_does_not_keep_a_reason_there(qtbot):
    line, button = MessageLine(), QPushButton(toolTip="Open an image first.")
    for widget in (line, button):
        qtbot.addWidget(widget)
    line.show_message("It is trained.")
    line.add("Nothing was found.")
    assert line.text() == "It is trained. Nothing was found."
    line.refuse(button)
    line.add("Nothing was found.")
    assert (line.text(), line.kind) == ("Nothing was found.", "info")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_many_classes_fit_in_six_rows():
    lines = painted_lines({label: label for label in range(1, 12)}, "classes")
    assert len(lines) == 7
    assert lines[-1] == ((7, 8, 9, 10, 11), "5 more classes", 45)
    assert painted_lines({}, "objects") == [((1,), "Background", 0), ((2,), "0 objects", 0)]


def test_work_tells_its_outcome_on_the_main_thread(qtbot):
    work, heard = Work(), []
    work.done.connect(lambda value: heard.append((value, threading.current_thread() is threading.main_thread())))
    with qtbot.waitSignal(work.done):
        work.start(lambda: 7)
    assert heard == [(7, True)]
    assert not work.busy


@pytest.mark.parametrize("writes", [False, True])
def test_python_ends_when_all_is_written(qtbot, writes):
    work = Work(writes=writes)
    with qtbot.waitSignal(work.done) as left_alone:
        work.start(lambda: threading.current_thread().daemon)
    assert left_alone.args == [not writes]


def test_work_tells_what_went_wrong(qtbot):
    def broken(error):
        raise error

    work = Work()
    for error, words in (
        (ImageError("It is constant."), "It is constant."),
        (RuntimeError("boom"), "Something unexpected happened (RuntimeError: boom); see the details."),
        (MemoryError(), "Memory ran out; "),
    ):
        with qtbot.waitSignal(work.failed) as signal:
            work.start(broken, error)
        assert signal.args[0].startswith(words)
        assert bool(signal.args[1]) != isinstance(error, ImageError)


def test_forgotten_work_is_not_heard(qtbot):
    work, go = Work(), threading.Event()
    heard = []
    work.done.connect(heard.append)
    work.start(go.wait)
    work.forget()
    with qtbot.waitSignal(work.done):
        work.start(lambda: "new")
        go.set()
    qtbot.wait(50)
    assert heard == ["new"]


def test_turns_keep_their_order(qtbot):
    turns, done = Turns(), []
    turns.add(lambda: done.append(1), lambda: done.append(2))
    turns.add(lambda: done.append(3))
    assert len(turns) == 3
    qtbot.waitUntil(lambda: len(turns) == 0)
    assert done == [1, 2, 3]


@pytest.mark.parametrize(("path", "end"), [(None, ""), (Path("cells.safetensors"), " Saved as 'cells'.")])
def test_words_after_training(path, end):
    result = TrainResult(model(), True, 0.9, 0.3, 12, 15.2)
    assert after_training(Trained(result, path)) == f"{result.message} 12 steps in 15 s.{end}"
    one = replace(result, steps=1)
    assert after_training(Trained(one, path)) == f"{one.message} 1 step in 15 s.{end}"


def test_words_after_segmenting():
    assert after_segmenting(Segmented(3, (), False)) == ("Segmented 3 planes.", "info", "")
    assert after_segmenting(Segmented(1, (), True))[0] == "Stopped after 1 plane."
    assert after_segmenting(Segmented(0, (), True))[0] == "Stopped before the first plane was segmented."
    words, kind, details = after_segmenting(Segmented(2, (("A is bad.", "why"), ("B is bad.", "")), False))
    assert kind == "warning"
    assert words == "Segmented 2 planes, but: A is bad. (2 layers failed; see the details.)"
    assert "B is bad." in details
    assert after_segmenting(Segmented(0, (("A is bad.", ""),), False))[:2] == ("A is bad.", "error")


def test_progress_of_a_training(qtbot):
    section = TrainSection()
    qtbot.addWidget(section)
    section.show_running(True)
    section.show_progress(TrainProgress("training", 41, 20.0, 60.0, 1 / 3, 0.5, 0.4))
    assert section.progress.words() == "Training, step 41, 40 s left"
    assert section.progress.fraction() == pytest.approx(1 / 3, abs=0.01)
    section.show_stopping()
    section.show_progress(TrainProgress("training", 42, 21.0, 60.0, 0.35, 0.5))  # it was under way
    section.allow("")
    assert section.progress.words() == "Stopping…"
    assert not section.button.isEnabled()
    section.show_running(True)
    section.show_progress(TrainProgress("training", 10, 10.0, 0.0, 0.1, 0.5))  # steps are counted
    assert section.progress.words() == "Training, step 10"
    section.show_progress(TrainProgress("training", 30, 20.0, 0.0, 0.3, 0.5))
    assert section.progress.words() == "Training, step 30, 35 s left"
    assert section.plot.budget == 0
    section.show_running(False)
    section.allow("Open an image first.")
    assert not section.button.isEnabled()


def test_models_of_files(qtbot, tmp_path, own_home, monkeypatch):
    section = ModelSection()
    qtbot.addWidget(section)
    path = save_model(model(summary="Mine."), tmp_path / "mine.safetensors")
    section.open_file(path)
    assert section.choice().path == path
    assert section._summary.text() == "Mine."
    with qtbot.waitSignal(section.refused) as refused:
        (tmp_path / "none.safetensors").write_bytes(b"nothing")
        section.open_file(tmp_path / "none.safetensors")
    assert "is not a U-Paint model" in refused.args[0]
    assert section.choice().path == path
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))  # cancelled
    section.combo.setCurrentIndex(section.combo.findText("Open file…"))
    assert section.choice().path == path
    section.combo.activated.emit(section.combo.currentIndex())
    assert (section.choice().path, section.combo.currentText()) == (path, "mine")
    with qtbot.waitSignal(section.said) as said:
        section.save_to(tmp_path / "copy")
    assert said.args == [f"Saved the model as {tmp_path / 'copy.safetensors'}."]
    assert (tmp_path / "copy.safetensors").read_bytes() == path.read_bytes()
    section.choose(None)
    assert not section.save_button.isEnabled()
    assert section.combo.currentText() == "From scratch"


def test_a_model_that_cannot_be_copied_leaves_the_one_of_that_name(qtbot, tmp_path, own_home, monkeypatch):
    def full(source, target):
        threads.append(threading.current_thread())
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    section, threads = ModelSection(), []
    qtbot.addWidget(section)
    older = tmp_path / "mine.safetensors"
    older.write_bytes(b"older")
    monkeypatch.setattr(shutil, "copyfile", full)
    with qtbot.waitSignal(section.refused) as refused:
        section.save_to(older)
    assert "No space left" in refused.args[0] and threading.main_thread() not in threads
    assert older.read_bytes() == b"older" and list(tmp_path.glob("*.safetensors")) == [older]


def test_own_models_say_where_they_come_from(qtbot, own_home):
    told = {"images": ["cells"], "start": "generalist-fast"}
    save_model(model(summary="Any objects.", provenance=told), own_home / "models" / "cells 1.safetensors")
    section = ModelSection()
    qtbot.addWidget(section)
    section.combo.setCurrentText("cells 1")
    assert section._summary.text() == "Learned objects of cells, starting from generalist-fast."


def test_the_list_of_models_waits_for_no_more_files_than_it_shows(own_home, monkeypatch):
    first = save_model(model(), own_home / "models" / "cells 0.safetensors")
    for number in range(1, 25):
        shutil.copyfile(first, first.with_name(f"cells {number}.safetensors"))
    read, listed = [], []
    monkeypatch.setattr(models, "_read", lambda *a, real=models._read, **k: read.append(a) or real(*a, **k))
    monkeypatch.setattr(models, "_own_models", lambda real=models._own_models: listed.append(real()) or listed[-1])
    bundled, own = model_choices()
    assert [choice.path for choice in own] == listed[0][:20]
    assert len(read) == len(bundled) + len(own) and len(listed) == 1


def test_a_slider_can_be_dragged_where_the_dock_is_narrow(qtbot):
    box = SliderBox(WeightSettings, "w0", 50.0)
    qtbot.addWidget(box)
    box.resize(box.minimumSizeHint())
    box.show()
    assert box.slider.width() >= 48


@pytest.mark.parametrize("corrected", [False, True])
def test_what_numbers_mean_is_broken_into_lines_by_the_width_alone(qtbot, corrected):
    section = LabelsSection()
    qtbot.addWidget(section)
    section.show_corrected(corrected)
    assert "\n" not in section._meaning.text() and section._meaning.wordWrap()


def test_words_without_room_end_in_dots_and_are_whole_in_the_tooltip(qtbot):
    line = ProgressLine()
    qtbot.addWidget(line)
    line.resize(150, 60)
    line.show()
    words = "Plane 2 of 4: a name that does not fit into the line"
    line.show_fraction(0.5, words)
    assert line._words.text().startswith("Plane 2 of 4") and line._words.text().endswith("…")
    assert line.words() == line._words.toolTip() == words
    line.rest(words)
    assert line._words.text() == words and line._words.wordWrap()


def test_progress_is_drawn_when_the_window_has_time_for_it(qtbot):
    """If each message were drawn at once, quick steps of a training would leave no time for anything else."""
    line = ProgressLine()
    qtbot.addWidget(line)
    with qtbot.waitExposed(line):
        line.show()
    drawn = Drawn(line._bar)
    for step in range(100):
        line.show_fraction(step / 100, f"Training, step {step}")
    assert drawn.times == 0
    qtbot.waitUntil(lambda: drawn.times > 0)
    assert line.fraction() == 0.99


class Drawn(QObject):
    """How often a widget was drawn."""

    def __init__(self, widget):
        super().__init__(widget)
        self.times = 0
        widget.installEventFilter(self)

    def eventFilter(self, _watched, event):
        self.times += event.type() == QEvent.Type.Paint
        return False


def test_every_measure_of_uncertainty_is_explained_by_its_name(qtbot):
    row = GuideRow()
    qtbot.addWidget(row)
    tip = row.methods.toolTip()
    for method in ("margin", "entropy", "rotations"):
        assert f"\n{method.capitalize()}: " in tip


def test_the_tip_for_volumes_is_no_endless_line(qtbot):
    section = SegmentSection()
    qtbot.addWidget(section)
    section.allow_volumes("")
    assert max(map(len, section.volume_box.toolTip().split("\n"))) <= 100
