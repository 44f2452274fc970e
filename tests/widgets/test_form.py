"""Forms made from settings."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QLocale, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QLabel, QPushButton

from napari_upaint.settings import AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings
from napari_upaint.widgets._form import Form
from napari_upaint.widgets._slider_box import SliderBox


@pytest.mark.parametrize("settings", [AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings])
def test_a_form_begins_with_the_defaults_and_goes_back_to_them(qtbot, settings):
    form = Form(settings)
    qtbot.addWidget(form)
    assert form.value() == settings()
    for control in form._controls.values():
        getattr(control.widget, "stepUp", lambda: None)()
    assert form.value() is not None  # limits hold, so settings can be made
    form.restore()
    assert form.value() == settings()


def test_values_go_in_and_out(qtbot):
    form = Form(TrainSettings, without=["seconds"], zero={"learning_rate": "automatic"})
    qtbot.addWidget(form)
    wanted = TrainSettings(seconds=7, learning_rate=1e-5, recipe="paper", seed=2**31 - 1)
    with qtbot.waitSignal(form.valueChanged):
        form.setValue(wanted)
    assert form.value(seconds=7.0) == wanted
    assert form.control("learning_rate").value() == 1e-5
    form.restore()
    assert form.control("learning_rate").text() == "automatic"
    assert "automatic: the recipe's own" in form.control("learning_rate").toolTip()  # not '0:', which nobody sees


def test_units_tips_and_limits_come_from_the_declaration(qtbot):
    form = Form(WeightSettings)
    qtbot.addWidget(form)
    sigma = form.control("sigma")
    assert sigma.suffix() == " px"
    assert "sigma" in sigma.toolTip()
    assert (sigma.minimum(), sigma.maximum()) == (0.1, 100)


@pytest.mark.parametrize("typed", ["1.5", "1,5"])
@pytest.mark.parametrize("language", ["en_US", "de_DE"])
def test_point_and_comma_are_the_same_in_every_language(qtbot, language, typed):
    form, slider = Form(WeightSettings), SliderBox(WeightSettings, "sigma", 10)
    for widget, box in ((form, form.control("sigma")), (slider, slider.box)):
        qtbot.addWidget(widget)
        box.setLocale(QLocale(language))
        box.selectAll()
        qtbot.keyClicks(box, typed)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert box.value() == 1.5
    assert form.value().sigma == slider.value() == 1.5


def test_the_wheel_changes_nothing_in_passing(qtbot):
    form = Form(WeightSettings)
    qtbot.addWidget(form)
    form.show()
    box = form.control("w0")
    before = box.value()
    place = QPointF(5, 5)
    args = (place, place, QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    box.clearFocus()
    QApplication.sendEvent(box, QWheelEvent(*args, Qt.ScrollPhase.NoScrollPhase, False))
    assert box.value() == before


def test_a_font_that_comes_later_cuts_no_word(qtbot):
    """napari sets the font of its preferences when the dock is there already: labels kept the room of the first one."""
    form = Form(AugmentSettings)
    qtbot.addWidget(form)
    form.setStyleSheet("* { font-size: 20pt; }")
    form.show()
    form.resize(form.minimumSizeHint())
    every = [*form.findChildren(QLabel), *form.findChildren(QPushButton)]
    assert [one.text() for one in every if one.isVisible() and one.width() < one.sizeHint().width()] == []


def test_tips_are_no_endless_lines(qtbot):
    """One was 1949 pixels wide: Qt breaks lines of a tooltip only if they are wider than the screen."""
    for settings in (AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings):
        form = Form(settings, zero={"smallest": "automatic"})
        qtbot.addWidget(form)
        for control in form._controls.values():
            assert max(map(len, control.widget.toolTip().split("\n"))) <= 100


def test_boxes_beside_sliders_have_one_width_in_every_font(qtbot):
    """With napari's font at 14 pt, the box of another unit was wider than the one above."""
    weight, width = SliderBox(WeightSettings, "w0", 50), SliderBox(WeightSettings, "sigma", 20)
    for slider in (weight, width):
        qtbot.addWidget(slider)
        slider.setStyleSheet("* { font-size: 14pt; }")
        slider.show()
    width.set_unit(0.5, "µm")
    assert weight.box.sizeHint().width() == width.box.sizeHint().width()
    assert weight.box.minimumSizeHint().width() >= weight.box.fontMetrics().horizontalAdvance("1000.00 µm")
