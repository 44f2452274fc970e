"""Forms made from the declarations in settings.py: label, tip, unit, limits and step are given there, once."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import Field, dataclass, fields
from textwrap import fill
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

# Aligns the columns of all forms.
_LONGEST_LABEL = "Elastic deformation"
_LINE = 100  # letters in a line of a tooltip
# How units are written in a tooltip.
_UNITS = {
    "px": "pixels (px)",
    "s": "seconds (s)",
    "µm": "micrometres (µm)",
    "nm": "nanometres (nm)",
    "%": "per cent (%)",
}


@dataclass(frozen=True, slots=True)
class Control:
    """A widget of the form, and how to read and write its value."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]


class Form(QWidget):
    """Controls for the fields of a settings class.

    Parameters
    ----------
    settings : type
        A frozen dataclass of settings.py, each number with limits; integers of at most 32 bits.
    without : container of str
        Fields that have their control elsewhere in the window.
    zero : mapping of str to str
        What to show instead of the lowest value of a field, if that means that the program chooses.
    """

    valueChanged = Signal()  # noqa: N815 (Qt's style)

    def __init__(
        self, settings: type[Any], without: Container[str] = (), zero: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._controls: dict[str, Control] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)  # or a large font would widen the dock
        for one in fields(settings):
            if one.name not in without:
                self._add(layout, one, (zero or {}).get(one.name, ""))
        self._defaults = QPushButton("Restore defaults")
        self._defaults.setToolTip("Set the fields above back to their defaults.")
        self._defaults.clicked.connect(self.restore)
        layout.addRow(_unseen(_LONGEST_LABEL), self._defaults)

    @property
    def title(self) -> str:
        """Name of the stage whose settings these are."""
        return str(self._settings.TITLE)

    def value(self, **others: Any) -> Any:
        """Return the settings; `others` are the fields that this form leaves out."""
        return self._settings(**{name: control.read() for name, control in self._controls.items()}, **others)

    def setValue(self, settings: Any) -> None:  # noqa: N802 (Qt's style)
        """Show these settings."""
        for name, control in self._controls.items():
            control.write(getattr(settings, name))

    def restore(self) -> None:
        """Go back to the defaults."""
        for one in fields(self._settings):
            if one.name in self._controls:
                self._controls[one.name].write(one.default)

    def control(self, name: str) -> QWidget:
        """Return the widget of a field."""
        return self._controls[name].widget

    def _add(self, layout: QFormLayout, one: Field[Any], zero: str) -> None:
        control = _control(one, zero, self._changed)
        tip = one.metadata["tip"]
        if zero:  # as the field shows it
            tip = tip.replace(f"{one.metadata['low']:g}: ", f"{zero}: ")
        tip = tooltip(tip, one.metadata["unit"])
        control.widget.setToolTip(tip)
        control.widget.setAccessibleName(one.metadata["label"])
        self._controls[one.name] = control
        label = QLabel(one.metadata["label"])
        label.setToolTip(tip)
        layout.addRow(label, control.widget)

    def _changed(self, *_: Any) -> None:
        self.valueChanged.emit()


def _unseen(text: str) -> QLabel:
    """Return an invisible label that only reserves the width of its text, whatever font is set later."""
    label, policy = QLabel(text), QSizePolicy()
    policy.setRetainSizeWhenHidden(True)
    label.setSizePolicy(policy)
    label.hide()
    return label


def tooltip(tip: str, unit: str) -> str:
    """Return a tip that names the unit of its number, on several lines: Qt breaks only those wider than the screen."""
    return fill(f"{tip} In {_UNITS.get(unit, unit)}." if unit else tip, _LINE)


def _control(one: Field[Any], zero: str, changed: Callable[..., None]) -> Control:
    """Return the control that fits a field: check box, list, box for an integer or a real number."""
    if one.metadata["choices"] is not None:
        return _choices(one, changed)
    if isinstance(one.default, bool):
        box = QCheckBox()
        box.setChecked(one.default)
        box.toggled.connect(changed)
        return Control(box, box.isChecked, box.setChecked)
    return _number(one, zero, changed)


def _choices(one: Field[Any], changed: Callable[..., None]) -> Control:
    combo = QComboBox()
    for choice in one.metadata["choices"]:
        combo.addItem(str(choice), choice)
    combo.setCurrentIndex(combo.findData(one.default))
    combo.currentIndexChanged.connect(changed)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    never_by_wheel(combo)
    return Control(combo, combo.currentData, lambda value: combo.setCurrentIndex(combo.findData(value)))


def _number(one: Field[Any], zero: str, changed: Callable[..., None]) -> Control:
    low, high, step = (one.metadata[key] for key in ("low", "high", "step"))
    box: Any
    if isinstance(one.default, int):
        box = QSpinBox()
        box.setRange(low, high)
        box.setSingleStep(step or 1)
    else:
        box = RealBox()
        step = step or 0.1
        # A step of 1e-5 needs five decimals: fewer would turn a small learning rate into 0. 0.00010 reads worse
        # than 0.0001, but a number whose width jumps would be worse still.
        box.setDecimals(max(2, -exponent(step)))
        box.setRange(low, high)
        box.setSingleStep(step)
    if one.metadata["unit"]:
        box.setSuffix(f" {one.metadata['unit']}")
    if zero:
        box.setSpecialValueText(zero)
    box.setValue(one.default)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.valueChanged.connect(changed)
    never_by_wheel(box)
    return Control(box, box.value, box.setValue)


class RealBox(QDoubleSpinBox):
    """A box that accepts a point and a comma as the decimal sign: or 1.5 would become 15 in some languages."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Read either sign as the decimal one."""
        if event.text() in (".", ","):
            event = QKeyEvent(event.type(), event.key(), event.modifiers(), self.locale().decimalPoint())
        super().keyPressEvent(event)


def exponent(step: float) -> int:
    """Return the power of ten of a step: how many decimals it needs."""
    return int(f"{step:e}".split("e")[1])


class _WheelFilter(QObject):
    """Leaves the wheel to the scrolling of the dock: a number must not change because the mouse passed over it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def never_by_wheel(widget: QWidget) -> None:
    """Let the wheel change a control only after it was clicked."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelFilter(widget))
