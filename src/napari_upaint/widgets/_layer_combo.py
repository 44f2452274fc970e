"""A list of layers to choose from that keeps its choice when layers come, go or are renamed."""

from __future__ import annotations

from collections.abc import Hashable

from qtpy.QtCore import Signal

from napari_upaint.widgets._eliding_combo import ElidingCombo
from napari_upaint.widgets._layers import Choice
from napari_upaint.widgets._plain_text import plain


class LayerCombo(ElidingCombo):
    """Combo box of layers; `empty` is shown if there are none."""

    keyChanged = Signal(object)  # noqa: N815 (Qt's style)

    def __init__(self, empty: str) -> None:
        super().__init__()
        self._empty = empty
        self._keys: list[Hashable] = []
        self._last: Hashable | None = None
        self.currentIndexChanged.connect(self.report)
        self.set_choices([])

    def key(self) -> Hashable | None:
        """Return the key of the chosen layer."""
        index = self.currentIndex()
        return self._keys[index] if 0 <= index < len(self._keys) else None

    def set_key(self, key: Hashable | None) -> None:
        """Choose a layer."""
        if key in self._keys:
            self.setCurrentIndex(self._keys.index(key))

    def set_choices(self, choices: list[Choice]) -> None:
        """Offer these layers; the chosen one stays chosen, a closed one gives way to the first, as `report` tells."""
        before = self.key()
        self.blockSignals(True)
        self.clear()
        self._keys = [choice.key for choice in choices]
        self.addItems([choice.name for choice in choices] or [self._empty])
        self.setEnabled(bool(choices))
        self.setCurrentIndex(self._keys.index(before) if before in self._keys else 0)
        self.blockSignals(False)

    def report(self, *_: object) -> None:
        """Tell if another layer is chosen."""
        self.setToolTip(plain(self.currentText()))
        if self.key() != self._last:
            self._last = self.key()
            self.keyChanged.emit(self._last)
