"""Let the weight map follow painting: computed in a thread, only where a stroke can have changed it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.followed_weights import ChangedWeights, FollowedWeights
from napari_upaint.core.labels import check_highest, check_lowest
from napari_upaint.errors import UserError
from napari_upaint.settings import Kind, WeightSettings
from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._open_layers import ClosedError
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, ImageSource

_PAUSE = 20  # milliseconds: the stroke itself is drawn first


@dataclass(frozen=True, slots=True, eq=False)
class FollowPlan:
    """What to weight: a plane of an annotation, as it is now; `room`: the array that shows its weights, if any."""

    image: ImageSource
    annotation: AnnotationSource
    index: tuple[int, ...]
    kind: Kind
    settings: WeightSettings
    room: np.ndarray | None


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """The outcome: what changed (None: nothing), the largest weight, an array of all planes with room for them."""

    plan: FollowPlan
    changed: ChangedWeights | None
    most: float
    room: np.ndarray | None


class LiveWeights(QObject):
    """Shows the map that the loss uses for the plane in view, for as long as the box is ticked."""

    failed = Signal(str, str)
    shown = Signal()  # the layer is up to date with what was painted when this was asked for

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._section = layers, choosing, sections.weights
        self._settings = sections.settings.weights
        self._follower = Follower()
        self._shown_of: Hashable | None = None
        self._work = AfterPause(_PAUSE, self._job, self, self._show, self.failed)
        self._section.live.toggled.connect(self._toggled)
        self._settings.valueChanged.connect(self.ask)
        layers.edited.connect(self.ask)
        layers.moved.connect(self.ask)
        layers.changed.connect(self._look)
        choosing.changed.connect(self.ask)

    @property
    def busy(self) -> bool:
        """Whether the map is about to change."""
        return self._work.busy

    def ask(self) -> None:
        """Bring the map up to date soon."""
        if self._section.live.isChecked():
            self._work.ask()

    def close(self) -> None:
        """Stop following, and remove the layer."""
        self._work.close()
        self._section.live.setChecked(False)

    def _toggled(self, on: bool) -> None:
        if on:
            self.ask()
            return
        self._work.close()
        self._take_away()

    def _take_away(self) -> None:
        shown, self._shown_of = self._shown_of, None  # first: or its end would look as if somebody had closed it
        if shown is not None:
            self._layers.weights.take_away(shown)

    def _look(self) -> None:
        """Clear the box when the layer was closed by hand."""
        if self._shown_of is not None and self._layers.weights.room(self._shown_of) is None:
            self._shown_of = None
            self._section.live.setChecked(False)

    def _job(self) -> Job | None:
        chosen = self._choosing.paint_on_image()
        if chosen is None:
            self._take_away()
            return None
        image, annotation = chosen.image, chosen.annotation
        index = self._layers.index_in_view(image.key)
        room = self._layers.weights.room(image.key)
        plan = FollowPlan(image, annotation, index, self._choosing.kind(), self._settings.value(), room)
        return self._follower.follow, plan

    def _show(self, followed: Followed) -> None:
        image = followed.plan.image
        if not self._section.live.isChecked():
            return
        try:
            if self._shown_of != image.key:
                self._take_away()
            if followed.changed is not None and followed.room is not None:
                self._layers.weights.put(image, followed.plan.index, followed.changed, followed.most, followed.room)
                self._shown_of = image.key
        except ClosedError:  # meanwhile: the next image, if there is one, is asked for
            self._take_away()
        except UserError as error:  # memory is short
            self._section.live.setChecked(False)
            self.failed.emit(str(error), "")
        self.shown.emit()


class Follower:
    """Keeps the map of one plane; called in one thread at a time."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._weights = FollowedWeights("objects", WeightSettings())
        self._most = 0.0

    def follow(self, plan: FollowPlan) -> Followed:
        """Bring the map up to date with what is painted on a plane."""
        spacing, painted = plan.image.spacing, plan.annotation.learnt(plan.index)
        check_lowest(painted, plan.image.name)
        check_highest(int(painted.max(initial=0)), plan.kind)
        of = (plan.annotation.key, plan.index, plan.kind, plan.settings, spacing)
        if of != self._of or plan.room is None:
            self._of, self._most = of, 0.0
            self._weights = FollowedWeights(plan.kind, plan.settings, spacing)
        changed, room = self._weights.follow(painted), None
        if changed is not None:
            largest = float(changed.weights.max(initial=0))
            whole = changed.weights.shape == plan.annotation.shape[-2:]
            self._most = largest if whole else max(self._most, largest)
            room = holding(plan.image, (*plan.index, *changed.box), changed.weights, plan.room)
        return Followed(plan, changed, self._most, room)
