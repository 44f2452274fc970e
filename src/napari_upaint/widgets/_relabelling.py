"""Objects follow their settings at once: labels are made again from the scores of planes that were segmented."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.linking import adopt
from napari_upaint.core.objects import label_scores
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.errors import ImageError, UserError
from napari_upaint.settings import ObjectSettings
from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._result_layers import SegmentedPlane
from napari_upaint.widgets._settings_section import SettingsSection

_PAUSE = 60  # milliseconds: a number that is being typed or scrolled


class Relabelling(QObject):
    """One plane after the other in a thread, those in view first, until all were made with the settings shown."""

    relabelled = Signal()
    failed = Signal(str, str)

    def __init__(self, layers: Layers, settings: SettingsSection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._settings = layers, settings
        self._labelling = AfterPause(_PAUSE, self._job, self)
        self._labelling.done.connect(self._labelled)
        self._labelling.failed.connect(self._fail)
        # Objects of a plane whose numbers are to be kept, if they are: a number that changes is another colour.
        self.before: Callable[[Hashable, tuple[int, ...]], np.ndarray | None] = lambda _image, _index: None
        self._plane: SegmentedPlane | None = None
        self._wanted = ObjectSettings()
        settings.objects.valueChanged.connect(self.ask)

    @property
    def busy(self) -> bool:
        """Whether labels are about to change."""
        return self._labelling.busy

    def ask(self, *_: object) -> None:
        """Look soon whether labels are to be made again."""
        self._labelling.ask()

    def close(self) -> None:
        """Make no more labels."""
        self._labelling.close()

    def _job(self) -> Job | None:
        # A form makes settings anew: whether a plane was segmented again meanwhile is told by which ones it has.
        self._wanted = self._settings.objects.value()
        self._plane = self._layers.stale_plane(self._wanted)
        if self._plane is None:
            return None
        return _label, self._plane, self._wanted, self.before(self._plane.image.key, self._plane.index)

    def _labelled(self, labels: np.ndarray) -> None:
        plane, self._plane = self._plane, None  # its image may be closed from now on
        if plane is not None:
            try:
                self._layers.relabel(plane, labels, self._wanted)
            except ImageError:  # the image was closed meanwhile: there is nothing to label any more
                return
            except UserError as error:  # memory is short
                self._fail(str(error), "")
                return
            self.relabelled.emit()
        self._labelling.go()

    def _fail(self, sentence: str, details: str) -> None:
        self.failed.emit(f"The labels could not be made again: {sentence}", details)


def _label(plane: SegmentedPlane, settings: ObjectSettings, before: np.ndarray | None) -> np.ndarray:
    cache = plane.cache
    usual = cache.usual.get(plane.index, UNKNOWN)
    labels = label_scores(
        cache.plane(plane.index), kind=cache.kind, border=cache.border, settings=settings, usual=usual
    )
    return adopt(labels, before) if before is not None and cache.kind == "objects" else labels
