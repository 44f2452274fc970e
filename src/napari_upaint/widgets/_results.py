"""Segment planes and put them into layers, compare models on what is in view, make labels again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import UserError
from napari_upaint.session.run import Run
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._comparing import ComparePlan, Comparing
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._memory import results_fit
from napari_upaint.widgets._relabelling import Relabelling
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._segment_section import Extent
from napari_upaint.widgets._segmenting import Segmented, Segmenting, SegmentPlan, Target
from napari_upaint.widgets._sights import Sights
from napari_upaint.widgets._sources import ImageSource
from napari_upaint.widgets._turns import Turns
from napari_upaint.widgets._volumes import index_to_segment, is_volume, volumes_fit
from napari_upaint.widgets._words import (
    after_another_model,
    after_crossing,
    after_hiding,
    after_keeping,
    after_looking,
    after_nothing,
    after_one_slice,
    after_segmenting,
)


class Results(QObject):
    """Segments what the buttons of the section *Segment* ask for, and puts the results into layers."""

    changed = Signal()  # what decides which buttons work
    failed = Signal(str, str, str)  # sentence, details, kind of message

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        sections: Sections,
        bridge: JobBridge,
        sights: Sights,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections = layers, choosing, sections
        self._quiet = False  # a segmentation that nobody asked for shows no message
        self._adding: Callable[[Segmented], str] = lambda _: ""  # what else is to be said at the end
        self._kept: list[str] = []  # corrected layers that the user is to be told about
        self._turns = Turns(self)
        self.segmenting = Segmenting(bridge, sights, self)
        self.comparing = Comparing(layers, bridge, sights, self)
        self.relabelling = Relabelling(layers, sections, self)
        self.relabelling.failed.connect(self._fail)
        self.relabelling.relabelled.connect(self.changed)
        layers.results.kept.connect(self._keep)
        section = sections.segment
        section.wanted.connect(self.segment)
        for work in (self.segmenting, self.comparing):
            section.stop_wanted.connect(work.stop)
            work.progress.connect(section.progress.show_fraction)
        self.comparing.ended.connect(self._compared)
        self.comparing.failed.connect(self._compared)
        self.segmenting.segmented.connect(self._plane_segmented)
        self.segmenting.ended.connect(self._segmenting_ended)

    @property
    def running(self) -> bool:
        """Whether something is being segmented, or is still on its way into the layers."""
        return self.segmenting.running or self.comparing.running or len(self._turns) > 0

    def labelling(self) -> bool:
        """Return whether labels of what was segmented are about to change."""
        return self.segmenting.running or self.relabelling.busy or len(self._turns) > 0

    def close(self) -> None:
        """Stop everything."""
        self._turns.clear()
        self.relabelling.close()
        self.segmenting.abandon()
        self.comparing.abandon()

    # -- segmenting ----------------------------------------------------------------------------------------------

    def segment(self, extent: Extent) -> None:
        """Segment the plane in view, the layer, or all open layers."""
        self._sections.message.clear()
        self._segment(extent, quiet=False)

    def show_view(self) -> None:
        """Segment what is in view with the chosen model, without a message: after a training, or another choice."""
        if self._choosing.image_key() is not None:
            self._segment("view", quiet=True)

    def _segment(self, extent: Extent, quiet: bool) -> None:
        choice, settings = self._sections.model.choice(), self._sections.predict_settings()
        targets = self._targets(extent)
        if choice.path is None or not targets or self.segmenting.running:
            return
        try:
            images = [target.image for target in targets]
            if extent != "view":
                results_fit(images)
            if choice.ndim == 3 or (settings.volumes and extent != "view"):
                volumes = [image for image in images if is_volume(image)]
                volumes_fit(volumes, choice.path if extent == "view" else None, settings.scale)
            if choice.ndim == 3:
                # The batch reports what is not a volume, and goes on with the others.
                targets = tuple(_with_volume(target, choice.path, settings.scale) for target in targets)
        except UserError as error:
            self._fail(str(error))
            return
        self._quiet = quiet
        self._adding = lambda _: ""
        if extent == "view" and choice.ndim == 2 and not self._layers.shows_planes():
            self._adding = after_crossing
        elif extent == "view" and choice.ndim == 2 and settings.volumes and any(map(is_volume, images)):
            self._adding = after_one_slice
        caches = {target.image.key: self._layers.results.cache(target.image.key) for target in targets}
        scores = {image: cache for image, cache in caches.items() if cache is not None}
        rooms = {image: self._layers.results.labels_room(image, choice.kind) for image in caches}
        labels = {image: room for image, room in rooms.items() if room is not None}
        made = {image: self._layers.results.made(image, choice.kind) for image in caches}
        how = settings, self._sections.settings.objects.value(), choice.ndim, scores, labels, made
        self.segmenting.start(SegmentPlan(targets, choice.path, choice.kind, *how))
        self._show_running(True)

    def _targets(self, extent: Extent) -> tuple[Target, ...]:
        if extent == "all":
            return tuple(Target(self._layers.image(choice.key)) for choice in self._layers.images())
        image = self._choosing.image()
        if image is None:
            return ()
        return (Target(image, self._layers.index_in_view(image.key) if extent == "view" else None),)

    def _plane_segmented(self, plan: SegmentPlan, target: Target, result: PlaneResult) -> None:
        index = target.index
        assert index is not None

        def put(what: Callable[[], None]) -> None:
            try:
                what()
            except UserError as error:  # the layer was closed meanwhile, or memory is short
                self._no_place(target.image, str(error))

        of, written = (target.image, index, result, plan.kind), (plan.scores or {}).get(target.image.key)
        made = plan.made.get(target.image.key, {}).get(index, "")
        self._turns.add(
            partial(put, partial(self._put_labels, *of, plan.labels.get(target.image.key))),
            partial(put, partial(self._layers.results.put_scores, *of, plan.objects, written, plan.model, made)),
        )

    def _put_labels(self, image: ImageSource, *plane: Any) -> None:
        """Show labels, hidden for images that are not seen: or they would pile up on the one that is."""
        made, chosen = self._layers.results.put_labels(image, *plane), self._choosing.image_key()
        if made is not None and chosen not in (None, image.key):
            self._layers.shown.tuck(made, image.key)

    def _no_place(self, image: ImageSource, sentence: str) -> None:
        self.segmenting.leave(image.key)
        self._quiet = True
        self.failed.emit(sentence, "", "warning")

    def _segmenting_ended(self, summary: Segmented) -> None:
        self._turns.add(partial(self._segmenting_over, summary))

    def _segmenting_over(self, summary: Segmented) -> None:
        self._show_running(False)
        self.relabelling.ask()  # the settings may have changed meanwhile
        kept, image = after_keeping(self._kept), self._choosing.image_key()
        self._kept.clear()
        text, kind, details = after_segmenting(summary)
        made = self._sections.model.choice().kind
        hidden = self._layers.shown.hidden_labels(image, made) if image is not None else ""
        unseen = after_nothing(summary) or after_hiding(hidden)
        if not self._quiet:
            said = text, unseen, after_looking(summary), self._adding(summary), kept
            words = " ".join(filter(None, said))
            self._sections.message.show_message(words, kind, details)
        elif summary.failures:  # the message on how the training ended must stay
            self._sections.message.warn(f"{text} {kept}".strip(), details)
        else:
            others = after_another_model(self._layers.results.of_others(summary.model))
            if words := " ".join(filter(None, (unseen, kept, others))):
                self._sections.message.add(words)

    def _keep(self, layer: str) -> None:
        """Say that corrections were kept: now, or together with the rest once nothing is being segmented."""
        if self.running:
            self._kept.append(layer)
        else:
            self._sections.message.add(after_keeping([layer]))

    # -- comparing -----------------------------------------------------------------------------------------------

    def compare(self, runs: Sequence[Run]) -> None:
        """Segment what is in view with the models of two runs."""
        targets, s = self._targets("view"), self._sections
        if targets and len(runs) == 2 and not self.comparing.running:
            self._sections.message.clear()
            self._sections.segment.show_running(True)
            # The older run first. One without a model ends the comparison at once.
            self.comparing.start(
                ComparePlan((runs[1], runs[0]), targets[0], s.predict_settings(), s.settings.objects.value())
            )
            self.changed.emit()

    def _compared(self, words: str, details: str | None = None) -> None:
        self._show_running(False)
        self._sections.message.show_message(words, "info" if details is None else "error", details or "")

    # -- words ---------------------------------------------------------------------------------------------------

    def _show_running(self, running: bool) -> None:
        self._sections.segment.show_running(running)
        self.changed.emit()

    def _fail(self, sentence: str, details: str = "") -> None:
        self.failed.emit(sentence, details, "error")


def _with_volume(target: Target, model: Path, scale: float) -> Target:
    """Return what a 3D model segments if a plane is wanted."""
    image, index = target.image, target.index
    return target if index is None else replace(target, index=index_to_segment(image, index, model, scale))
