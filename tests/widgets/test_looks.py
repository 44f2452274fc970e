"""Looks and accessibility: every control says what it is, Tab goes down, nothing jumps, small windows scroll."""

from itertools import pairwise

import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QScrollBar,
    QWidget,
)
from upaint_pictures import picture

from napari_upaint.widgets._focus import Ring, in_order

CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QPlainTextEdit, QAbstractSlider, QAbstractItemView)
UNITS = {"px": "pixel", "s": "second", "%": "%"}


@pytest.fixture
def shown(make_napari_viewer, qtbot, put_away):
    """A dock in a window that is on the screen, with an image and paint."""
    from napari_upaint.widgets.upaint import UPaintDock

    viewer = make_napari_viewer(show=True)
    viewer.add_image(picture(), name="cells")
    dock = UPaintDock(viewer, "upaint_dock_tasks")
    viewer.window.add_dock_widget(dock, name="U-Paint", area="right")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((50, 60), 1)
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    for section in (*dock.sections.settings.sections.values(), dock.sections.history):
        section.expand(animate=False)
    QApplication.processEvents()
    yield dock
    put_away(dock)


def controls(dock):
    """All controls of the dock, hidden ones too, without parts of others (the buttons in a spin box)."""
    parts = (QComboBox, QAbstractSpinBox, QAbstractItemView)
    for widget in dock.findChildren(QWidget):
        inside = widget.parentWidget()
        while inside is not None and not isinstance(inside, parts):
            inside = inside.parentWidget()
        if isinstance(widget, CONTROLS) and not isinstance(widget, QScrollBar) and inside is None:
            yield widget


def described(widget):
    text = widget.text() if hasattr(widget, "text") else ""
    return f"{type(widget).__name__} {text!r} {widget.accessibleName()!r} in {type(widget.parentWidget()).__name__}"


def test_every_control_says_what_it_is(shown):
    """By a tooltip, which names the unit of a number; by a name for screen readers, if it has no text."""
    every = list(controls(shown))
    assert len(every) > 50
    assert [described(widget) for widget in every if not widget.toolTip().strip()] == []
    boxes = [box for box in every if isinstance(box, QAbstractSpinBox) and box.suffix().strip()]
    assert len(boxes) >= 4
    assert [described(box) for box in boxes if UNITS[box.suffix().strip()] not in box.toolTip()] == []
    wordless = []
    for widget in every:
        words = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not any(letter.isalpha() for letter in words) and not isinstance(widget, QPlainTextEdit):
            wordless.append(widget)
    wordless += shown.findChildren(QProgressBar)
    assert len(wordless) > 20
    assert [described(widget) for widget in wordless if not widget.accessibleName()] == []


def test_tab_goes_from_top_to_bottom(shown):
    area = shown.findChild(QScrollArea)
    inner = area.widget()
    order = list(in_focus_chain_from(inner))
    assert len(order) > 40
    assert [described(one) for one in in_order(inner) if takes_tab(one) and one not in order] == []
    for one, following in pairwise(order):
        here, there = (widget.mapTo(inner, QPoint(0, 0)) for widget in (one, following))
        same_row = abs(there.y() - here.y()) <= 10  # a box is lower than a button
        assert same_row or there.y() > here.y(), (described(one), described(following))
        assert not same_row or there.x() >= here.x(), (described(one), described(following))


def test_tab_shows_where_it_is_and_a_click_gives_the_image_its_keys_back(shown, qtbot):
    """Space, held to move the view, pressed the clicked button again: Train became Stop."""
    window, train = shown.window(), shown.sections.train
    QApplication.sendEvent(train.button, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))
    (ring,) = train.button.findChildren(Ring)
    assert ring.size() == train.button.size()
    QApplication.sendEvent(train.button, QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.TabFocusReason))
    assert not ring.isVisible()
    for button in (train.preview, shown.sections.labels.next_button, train.button):
        train.seconds.setFocus()
        assert window.focusWidget() is train.seconds
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert not shown.isAncestorOf(window.focusWidget())


def in_focus_chain_from(inner):
    """The controls that Tab visits, in order, from the topmost until it leaves them.

    Not once around: with PySide6, a window whose own widgets were asked for the next one stays in memory.
    """
    one = next(one for one in in_order(inner) if takes_tab(one))
    while inner.isAncestorOf(one):
        if takes_tab(one):
            yield one
        one = one.nextInFocusChain()


def takes_tab(widget):
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.isVisible() and isinstance(widget, CONTROLS)


def test_nothing_jumps_while_a_training_tells_its_progress(shown, qtbot, settle):
    s = shown.sections
    s.train.seconds.setValue(2)
    seen, widths, numbers = {}, {}, set()

    def measure(*_):
        QApplication.processEvents()
        parts = {name: part for name, part in vars(s).items() if isinstance(part, QWidget) and part is not s.message}
        numbers.add(sum(label.isVisible() for part in parts.values() for label in part.findChildren(QLabel)))
        for name, part in parts.items():
            seen.setdefault(name, set()).add((part.y(), part.height()))
            for label in part.findChildren(QLabel):
                if label.isVisible():
                    place = label.mapTo(part, QPoint(0, 0))
                    widths.setdefault((name, place.x(), place.y()), set()).add((label.width(), label.height()))

    shown.working.training.progress.connect(measure)
    s.train.button.click()
    qtbot.waitUntil(lambda: len(s.train.plot.loss) > 20, timeout=10000)
    settle(shown)
    assert len(seen) > 5
    assert {name: places for name, places in seen.items() if len(places) > 1} == {}
    assert {label: some for label, some in widths.items() if len(some) > 1} == {}
    assert numbers == {len(widths)}  # none at another place


def test_a_small_window_scrolls_and_nothing_is_cut_off_at_the_side(shown, qtbot):
    window = shown.window()
    window.resize(800, 600)
    qtbot.waitUntil(lambda: window.height() <= 620, timeout=20000)
    area = shown.findChild(QScrollArea)
    assert area.verticalScrollBar().maximum() > 0
    inner = area.widget()
    assert inner.width() <= area.viewport().width()
    wide = [one for one in controls(shown) if one.isVisible() and inner.isAncestorOf(one)]
    assert len(wide) > 40
    assert [described(one) for one in wide if one.mapTo(inner, QPoint(one.width(), 0)).x() > inner.width()] == []
    last = wide[-1]
    area.ensureWidgetVisible(last)
    assert area.viewport().rect().contains(last.mapTo(area.viewport(), QPoint(2, 2)))


def test_all_settings_go_back_to_their_defaults(shown):
    settings = shown.sections.settings
    forms = (settings.train, settings.augment, settings.weights, settings.predict, settings.objects)
    before = [form.value() for form in forms]
    settings.train.control("steps").setValue(77)
    settings.augment.control("rotate").setChecked(False)
    settings.weights.control("w0").setValue(3)
    settings.predict.control("rotations").setValue(8)
    settings.objects.control("smallest").setValue(0)
    assert all(form.value() != one for form, one in zip(forms, before, strict=True))
    settings.restore_button.click()
    assert [form.value() for form in forms] == before
    assert shown.sections.weights.sliders["w0"].value() == before[2].w0


def test_why_nothing_runs_is_shown_whole(shown, qtbot):
    shown.window().resize(1024, 700)
    why = "These labels were painted on img 1; press 'New labels', or pick them in the list."
    now = 0.5, "Step 12, 40 s left"
    for progress in (shown.sections.train.progress, shown.sections.segment.progress):
        words = progress._words

        def height(say, *what, words=words):
            say(*what)  # again and again: the dock says that it is ready when it has looked at its layers
            return words.height() / words.fontMetrics().height()

        qtbot.waitUntil(lambda say=progress.rest: height(say, why) > 1.5, timeout=5000)
        assert words.height() >= words.heightForWidth(words.width())
        qtbot.waitUntil(lambda say=progress.show_fraction: height(say, *now) < 1.5, timeout=5000)
