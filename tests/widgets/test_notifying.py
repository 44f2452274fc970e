"""A note when something long has ended and nobody looks."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QApplication, QWidget

from napari_upaint.widgets import _notifying
from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._notifying import Notifying
from napari_upaint.widgets._reasons import Situation


class Window(QWidget):
    active = False

    def isActiveWindow(self):
        return self.active


@pytest.fixture
def told(monkeypatch):
    """What the user was told, and whether the window blinked."""
    said = []
    monkeypatch.setattr(_notifying, "show_info", said.append)
    monkeypatch.setattr(QApplication, "alert", lambda window, *_: said.append(window))
    return said


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(_notifying.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def window(qtbot):
    window = Window()
    qtbot.addWidget(window)
    return window


def run(notifying, clock, seconds, activity="training"):
    notifying.follow(Situation(activity=activity))
    clock[0] += seconds / 2
    notifying.follow(Situation(activity=activity, image=True))
    clock[0] += seconds / 2
    notifying.follow(Situation())


def test_after_a_long_training(window, told, clock, qtbot):
    message = MessageLine()
    qtbot.addWidget(message)
    run(Notifying(window, message), clock, 40)
    message.show_message("Better than before.")  # comes a moment later
    qtbot.waitUntil(lambda: len(told) == 2, timeout=20000)
    assert told == [window, "The training ended: Better than before."]


def test_what_a_training_said_is_not_told_of_the_segmenting_after_it(window, told, clock, qtbot):
    message = MessageLine()
    qtbot.addWidget(message)
    message.show_message("Better than before.")
    run(Notifying(window, message), clock, 40, "segmenting")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=20000)
    assert told == [window, "Segmenting ended."]


def test_only_what_was_added_meanwhile_is_told(window, told, clock, qtbot):
    message = MessageLine()
    qtbot.addWidget(message)
    message.show_message("Better than before.")
    run(Notifying(window, message), clock, 40, "segmenting")
    message.add("Nothing was found.")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=20000)
    assert told == [window, "Segmenting ended: Nothing was found."]


@pytest.mark.parametrize(
    ("seconds", "active", "activity"), [(20, False, "training"), (40, True, "training"), (40, False, "")]
)
def test_otherwise_not(window, told, clock, qtbot, seconds, active, activity):
    message = MessageLine()
    qtbot.addWidget(message)
    window.active = active
    run(Notifying(window, message), clock, seconds, activity)
    qtbot.wait(50)
    assert told == []


def test_in_the_dock(dock, window, told, clock, qtbot):
    dock.keeping.notifying._dock = window
    run(dock.keeping.notifying, clock, 40, "segmenting")
    qtbot.waitUntil(lambda: bool(told), timeout=20000)
    assert told[-1] == "Segmenting ended."
