"""The live preview: sends what is in view to the running training or to the engine, and shows what comes back."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from qtpy.QtCore import QObject, QTimer, Signal

from napari_upaint.engine.progress import PreviewResult, PreviewView, Sight
from napari_upaint.errors import UserError
from napari_upaint.session.looking import Looking
from napari_upaint.session.protocol import PreviewRequest
from napari_upaint.settings import ObjectSettings, PredictSettings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._job_bridge import GuiJob, JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import ImageSource
from napari_upaint.widgets._viewed import Box, Viewed, cut, for_scale
from napari_upaint.widgets._working import Working

_PAUSE = 120  # milliseconds without moving


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What is wanted: a box of an image as a model sees it. `model` None: the running training."""

    viewed: Viewed
    box: Box
    shrunk: int
    objects: ObjectSettings
    model: Path | None
    source: Hashable  # the training, or the model's file, the image and the scale that was set
    settings: PredictSettings
    number: int = 0

    def same_as(self, other: _Look | None) -> bool:
        if other is None or not self.viewed.same_as(other.viewed):
            return False
        mine, theirs = ((one.box, one.shrunk, one.objects, one.source) for one in (self, other))
        return mine == theirs


class Preview(QObject):
    """Follows the view while it is switched on. Nothing is read or predicted on the GUI thread."""

    failed = Signal(str, str)
    shown = Signal(object)  # PreviewResult that is on the screen now

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        sections: Sections,
        working: Working,
        bridge: JobBridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections = layers, choosing, sections
        self._box = sections.train.preview
        self._training, self._sights, self._bridge = working.training, working.sights, bridge
        self._numbers = count(1)
        self._look: _Look | None = None  # the newest
        self._sent: PreviewView | None = None  # its pixels
        self._scales: dict[Hashable, float] = {}  # at which models see images, as far as they are known
        self._job: GuiJob | None = None
        self._said = ""  # a problem is reported once
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._go)
        self._cutting = Work(self, self._was_cut, self._fail)
        self._connect()

    def _connect(self) -> None:
        self._box.toggled.connect(self._toggled)
        for signal in (self._layers.moved, self._layers.panned, self._choosing.changed):
            signal.connect(self.ask)
        self._layers.changed.connect(self._look_after_layer)
        self._sections.model.chosen.connect(self.ask)
        for form in (self._sections.settings.objects, self._sections.settings.predict):
            form.valueChanged.connect(self.ask)
        for ended in (self._training.ended, self._training.failed, self._training.stopped):
            ended.connect(self._layers.preview.bring_back)
            ended.connect(self.ask)
        self._training.begun.connect(self.ask)
        self._training.previewed.connect(self._show)

    # -- on and off ----------------------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether it is switched on."""
        return self._box.isChecked()

    @property
    def busy(self) -> bool:
        """Whether a picture is on its way, other than from a training."""
        return self._pause.isActive() or self._cutting.busy or self._job is not None

    def toggle(self) -> None:
        """Switch it on or off."""
        self._box.toggle()

    def close(self) -> None:
        """Switch it off: the layer goes with the dock, since another dock could not take it over."""
        self._box.setChecked(False)

    def _stop(self) -> None:
        self._pause.stop()
        self._cutting.forget()
        if self._job is not None:
            self._job.abandon()
        self._job = self._look = self._sent = None

    def _toggled(self, on: bool) -> None:
        self._take_back()
        if on:
            self._pause.start()
        else:
            self._end()

    def _end(self) -> None:
        """Stop showing anything."""
        if self._look is not None and self._look.model is None and self._training.listening:
            self._training.send(PreviewView(next(self._numbers), None))
        self._stop()
        self._layers.preview.remove()
        self._layers.preview.bring_back()

    def _look_after_layer(self) -> None:
        """Notice closed layers: if the preview's own is among them, nobody wants it."""
        if self.on and self._layers.preview.closed():
            self._box.setChecked(False)

    # -- what is wanted ------------------------------------------------------------------------------------------

    def ask(self, *_: object) -> None:
        """Check, a moment after the view has come to rest, whether something else is to be shown."""
        if self.on:
            self._pause.start()

    def _go(self) -> None:
        look = self._wanted()
        if look is None or look.same_as(self._look):
            return
        self._look, self._sent = replace(look, number=next(self._numbers)), None
        see = partial(self._see, None if look.model is None else self._looking(look.model, look.settings))
        measure = self._sights.gray_values.of
        self._cutting.start(cut, look.viewed, look.box, look.shrunk, self._look.number, look.objects, measure, see)

    def _looking(self, model: Path, settings: PredictSettings) -> Looking:
        return Looking(model, self._bridge.engine(), settings, self._bridge.device)

    def _see(self, looking: Looking | None, image: ImageSource) -> Sight | None:
        """Find how a finished model sees the image: in a thread."""
        return None if looking is None or looking.ndim == 3 else self._sights.of(image, looking)

    def _wanted(self) -> _Look | None:
        """Return what should be shown now; None if it cannot be; the layer of a closed image is removed."""
        image, model = self._choosing.image(), self._sections.model.choice().path
        if image is None or (model is None and not self._training.running):
            self._end()
            return None
        if self._training.running and not self._training.listening:
            return None  # its signals tell when it begins, and when it has ended
        try:
            viewed = self._layers.preview.in_view(image.key)
        except UserError as error:
            self._fail(str(error), "")
            return None
        if viewed is None:
            return None
        settings, objects = self._sections.predict_settings(), self._sections.settings.objects.value()
        source: Hashable = (model, image.key, settings.scale)
        if self._training.listening:
            model, source = None, id(self._training.plan)
        box, shrunk = for_scale(viewed, self._scales.get(source, 1.0))
        return _Look(viewed, box, shrunk, objects, model, source, settings)

    # -- what was cut out ----------------------------------------------------------------------------------------

    def _was_cut(self, view: PreviewView) -> None:
        look = self._look
        if look is None or view.id != look.number:
            return
        self._sent = view
        if look.model is not None:
            self._begin()
        elif self._training.listening:
            self._training.send(view)

    def _begin(self) -> None:
        """Ask the engine, once the preview of the view before has ended."""
        look = self._look
        if self._job is not None:
            self._job.stop()
        elif look is not None and look.model is not None and self._sent is not None:
            request, self._sent = PreviewRequest(self._sent, look.model), None
            self._job = self._bridge.begin(request, self._show, self._job_over, self._job_failed)

    def _job_over(self) -> None:
        self._job = None
        self._begin()

    def _job_failed(self, sentence: str, details: str) -> None:
        self._fail(f"No preview: {sentence}", details)
        self._job_over()

    # -- what came back ------------------------------------------------------------------------------------------

    def _show(self, result: object) -> None:
        look = self._look
        if not isinstance(result, PreviewResult) or look is None or result.id != look.number:
            return
        if result.problem:
            self._fail(result.problem, "")
            return
        try:
            if look.model is None:
                self._layers.preview.put_aside(look.viewed.image.key)
            self._layers.preview.put(look.viewed, look.box, look.shrunk, result)
        except UserError:  # the image was closed meanwhile
            self._layers.preview.remove()
            return
        self._take_back()
        self.shown.emit(result)
        if self._scales.get(look.source, 1.0) != result.scale:
            self._scales[look.source] = result.scale
            self.ask()  # the box to show depends on the scale, which is known now

    def _fail(self, sentence: str, details: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self.failed.emit(sentence, details)

    def _take_back(self) -> None:
        """Stop telling a problem: there is a picture, or none is wanted."""
        self._sections.message.take_back(self._said)
        self._said = ""
