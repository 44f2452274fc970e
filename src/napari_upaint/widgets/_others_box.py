"""A check box of the Train section: whether what is painted on other images is learnt, too."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QCheckBox, QWidget

_TIP = (
    "Train on what is painted on these images, too, so that one model knows them all:\n"
    "{names}.\n"
    "Labels count that 'New labels' or 'From masks' made, and those that you painted on;\n"
    "colour images are not learnt together with gray ones."
)
_MOST_NAMES = 8


class OthersBox(QCheckBox):
    """Ticked from the start; hidden as long as there are no other painted images."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setChecked(True)
        self.hide()

    def show_others(self, names: Sequence[str]) -> None:
        """Say how many other images are painted, and which."""
        images = "1 other image" if len(names) == 1 else f"{len(names)} other images"
        self.setText(f"Learn {images}, too")
        more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
        self.setToolTip(_TIP.format(names=", ".join([*names[:_MOST_NAMES], *more])))
        self.setVisible(bool(names))
