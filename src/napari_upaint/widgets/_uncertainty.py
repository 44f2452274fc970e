"""Uncertainty as a layer: made from the scores of what was segmented, plane by plane, as long as it is wanted."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.uncertainty import Method, entropy, margin
from napari_upaint.errors import UserError
from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._guide_layers import ScoredPlane
from napari_upaint.widgets._guide_row import GuideRow
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._open_layers import ClosedError
from napari_upaint.widgets._score_cache import ScoreCache

_PAUSE = 60  # milliseconds: planes come in one after the other while a stack is segmented


class Uncertainty(QObject):
    """Shows the layer while its box is ticked, and keeps it up to date with the scores."""

    failed = Signal(str, str)

    def __init__(self, layers: Layers, row: GuideRow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._row = layers, row
        self._making = AfterPause(_PAUSE, self._job, self, self._made, self.failed)
        row.show_box.toggled.connect(self._show)
        row.methods.currentIndexChanged.connect(self._change)
        self._shown = False
        layers.changed.connect(self._look)
        for signal in (layers.results.scored, layers.moved):
            signal.connect(self._ask)

    @property
    def busy(self) -> bool:
        """Whether the layer is about to change."""
        return self._making.busy

    def close(self) -> None:
        """Stop making it."""
        self._making.close()

    def _show(self, wanted: bool) -> None:
        if wanted:
            self._change()
        else:
            self._shown = False
            self._layers.guide.drop("uncertainty")

    def _look(self) -> None:
        """Clear the box when the layer was closed by hand."""
        if self._shown and not self._layers.guide.shows("uncertainty"):
            self._row.show_box.setChecked(False)

    def _change(self) -> None:
        if self._row.method() == "rotations" and self._row.show_box.isChecked():
            self._row.say("Shown where several rotations were averaged (Settings > Prediction).")
        else:
            self._row.say("")
        self._ask()

    def _ask(self) -> None:
        if self._row.show_box.isChecked():
            self._making.ask()

    def _job(self) -> Job | None:
        if not self._row.show_box.isChecked():
            return None
        plane = self._layers.guide.unshown_plane(self._row.method())
        return (_with_room, plane) if plane is not None else None

    def _made(self, made: tuple[ScoredPlane, np.ndarray, np.ndarray]) -> None:
        if not self._row.show_box.isChecked():
            return
        try:
            if made[0].method == self._row.method():
                self._shown = False  # one of another method or shape is removed first
                self._layers.guide.put_uncertainty(*made)
                self._shown = True
        except ClosedError:  # closing an image meanwhile is not an error
            pass
        except UserError as error:  # memory is short
            self.failed.emit(str(error), "")
            return
        self._making.go()


def uncertainty_of(cache: ScoreCache, index: tuple[int, ...], method: Method) -> np.ndarray:
    """Return the uncertainty of a predicted plane, axes (Y, X)."""
    if method == "rotations":
        spread = cache.planes[index].spread
        assert spread is not None
        return spread
    return (margin if method == "margin" else entropy)(cache.plane(index))


def _with_room(plane: ScoredPlane) -> tuple[ScoredPlane, np.ndarray, np.ndarray]:
    """Return a plane, its uncertainty, and an array of all planes with room for it."""
    values = uncertainty_of(plane.cache, plane.index, plane.method).astype(np.float32)
    return plane, values, holding(plane.image, plane.index, values, plane.room)
