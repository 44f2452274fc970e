"""Objects follow their settings at once: labels are made again from the scores of planes that were segmented."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.linking import adopt
from napari_upaint.core.objects import label_scores
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.errors import UserError
from napari_upaint.settings import ObjectSettings
from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._memory import labels_fit
from napari_upaint.widgets._result_layers import SegmentedPlane
from napari_upaint.widgets._sections import Sections

_PAUSE = 60  # milliseconds: the user may still be typing or scrolling a number


class Relabelling(QObject):
    """Relabels plane after plane in a thread, those in view first, until all were made with the settings shown."""

    relabelled = Signal()
    failed = Signal(str, str)

    def __init__(self, layers: Layers, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._settings, self._link_box = layers, sections.settings.objects, sections.segment.link_box
        self._labelling = AfterPause(_PAUSE, self._job, self, self._labelled, self._fail)
        self._settings.valueChanged.connect(self.ask)

    @property
    def busy(self) -> bool:
        """Whether labels are about to change."""
        return self._labelling.busy

    def ask(self) -> None:
        """Check soon whether labels are to be made again."""
        self._labelling.ask()

    def close(self) -> None:
        """Make no more labels."""
        self._labelling.close()

    def _job(self) -> Job | None:
        # The form returns new settings each time: their identity tells whether a plane was segmented again meanwhile.
        wanted: ObjectSettings = self._settings.value()
        plane = self._layers.results.stale_plane(wanted)
        if plane is None:
            return None
        # Linked objects keep their numbers: a change of number would be a change of colour.
        before = self._layers.links.before(plane.image.key, plane.index) if self._link_box.isChecked() else None
        return _label, plane, wanted, before

    def _labelled(self, made: tuple[SegmentedPlane, np.ndarray, ObjectSettings]) -> None:
        try:
            self._layers.results.relabel(*made)
        except UserError as error:  # memory is short
            self._fail(str(error), "")
            return
        self.relabelled.emit()
        self._labelling.go()

    def _fail(self, sentence: str, details: str) -> None:
        self.failed.emit(f"The labels could not be updated: {sentence}", details)


def _label(
    plane: SegmentedPlane, settings: ObjectSettings, before: np.ndarray | None
) -> tuple[SegmentedPlane, np.ndarray, ObjectSettings]:
    cache = plane.cache
    usual, scores = cache.usual.get(plane.index, UNKNOWN), cache.plane(plane.index)
    labels_fit(scores[0].size, settings.split and cache.kind == "objects")
    labels = label_scores(scores, kind=cache.kind, border=cache.border, settings=settings, usual=usual)
    if before is not None and cache.kind == "objects":
        labels = adopt(labels, before)
    return plane, labels, settings
