"""A slider next to its number: the slider for a quick try, the box for any value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QWidget

from napari_upaint.widgets._form import RealBox, exponent, never_by_wheel, tooltip

_STEPS = 200
_LEAST_WIDTH = 48  # of the slider, in pixels: a narrower one cannot be dragged
_BUTTONS = 60  # pixels: room for napari's two buttons beside the number of a box


class _SteadyBox(RealBox):
    """A box that is as wide as any of its numbers needs, whatever unit and font come later: nothing jumps."""

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the size."""
        return QSize(self.fontMetrics().horizontalAdvance("0000.00 µm") + _BUTTONS, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the same."""
        return self.sizeHint()


class SliderBox(QWidget):
    """A real number of a settings class, with its limits and its tip.

    Parameters
    ----------
    settings : type
        A frozen dataclass of settings.py.
    name : str
        Its field.
    usual : float
        Where the slider ends; the box goes on to the declared limit.
    """

    valueChanged = Signal(float)  # noqa: N815 (Qt's style)

    def __init__(self, settings: type[Any], name: str, usual: float) -> None:
        super().__init__()
        declared = next(one for one in fields(settings) if one.name == name)
        self._low, self._high, self._usual = declared.metadata["low"], declared.metadata["high"], usual
        self._tip, self._unit = declared.metadata["tip"], declared.metadata["unit"]
        self._step, self._factor = float(declared.metadata["step"]), 1.0
        self._value: float = getattr(settings(), name)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setMinimumWidth(_LEAST_WIDTH)
        self.box = _SteadyBox()
        self.box.setKeyboardTracking(False)
        self.box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for widget in (self.slider, self.box):
            never_by_wheel(widget)
            widget.setAccessibleName(declared.metadata["label"])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.box)
        self.set_unit(1.0, self._unit)
        self.slider.valueChanged.connect(self._slid)
        self.box.valueChanged.connect(self._typed)

    def value(self) -> float:
        """Return the value, in the declared unit."""
        return self._value

    def setValue(self, value: float) -> None:  # noqa: N802 (Qt's style)
        """Show a value, in the declared unit."""
        if value != self._value:
            self._value = float(value)
            self._show()
            self.valueChanged.emit(self._value)

    def set_unit(self, factor: float, unit: str) -> None:
        """Show the value in another unit; ``factor`` of these are one declared unit."""
        self._factor, self._shown_unit = factor, unit
        self.box.blockSignals(True)
        self.box.setDecimals(max(1, (factor != 1) - exponent(self._step * factor)))
        self.box.setRange(self._low * factor, self._high * factor)
        self.box.setSingleStep(self._step * factor)
        self.box.setSuffix(f" {unit}" if unit else "")
        self.box.blockSignals(False)
        self._show()

    def _show(self) -> None:
        for widget, value in ((self.box, self._value * self._factor), (self.slider, self._position())):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        own = "" if self._factor == 1 else f"\n{self._value:.3g} {self._unit}"
        for widget in (self, self.slider, self.box):
            widget.setToolTip(tooltip(self._tip, self._shown_unit) + own)

    def _position(self) -> int:
        return round(_STEPS * (self._value - self._low) / (self._usual - self._low))

    def _slid(self, position: int) -> None:
        value = self._low + (self._usual - self._low) * position / _STEPS
        self.setValue(max(self._low, round(value / self._step) * self._step))

    def _typed(self, shown: float) -> None:
        self.setValue(min(max(shown / self._factor, self._low), self._high))
