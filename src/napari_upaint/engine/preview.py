"""The preview: what is in view, predicted with the newest weights, beside a training or without one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from napari_upaint.core.objects import label_scores
from napari_upaint.core.outlines import outlined
from napari_upaint.engine.device import choose
from napari_upaint.engine.predict import cached_network, predict_scores, whole
from napari_upaint.engine.progress import (
    NewSamples,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Stop,
    Told,
    TrainProgress,
)
from napari_upaint.engine.trainer import Trainer
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ImageError, ModelError, UserError
from napari_upaint.io.models import ModelFile, ModelHeader
from napari_upaint.settings import ObjectSettings

# Of the time that is spent on training itself.
SHARE = 0.15
# Nobody sees a difference sooner, seconds of training.
PAUSE = 1.0
# Before anything was measured: seconds per pixel, a network of the bundled kind on one thread.
_GUESS = 1.5e-6
# Pixels that the network sees at the most: where an image has to be enlarged for it, a preview may be coarse.
_MOST_PIXELS = 1_300_000


class Preview:
    """Decides when a view is predicted again, so that previews cost less than `SHARE` of the training.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None  # when the first step had been taken
        self._view: PreviewView | None = None
        self._new = False  # whether the view was not predicted yet
        self._step = -1  # of the weights that were shown last
        self.spent = 0.0  # seconds on previews
        self._at = 0.0  # seconds of training when the last preview was made
        self._per_pixel = _GUESS

    def look_at(self, view: PreviewView) -> None:
        """Take another view, or none."""
        self._view, self._new = (view, True) if view.image is not None else (None, False)

    def forget(self) -> None:
        """Have no view any more."""
        self._view, self._new = None, False

    @property
    def trained(self) -> float:
        """Seconds since the first step that were not spent on previews."""
        return 0.0 if self._began is None else self._clock() - self._began - self.spent

    def due(self, step: int) -> bool:
        """Return whether there is time for a preview after a step."""
        if self._began is None:
            self._began = self._clock()
        if self._view is None or (step == self._step and not self._new):
            return False
        assert self._view.image is not None
        trained, cost = self.trained, self._per_pixel * math.prod(self._view.image.shape[1:])
        if self.spent + cost > SHARE * trained:
            return False
        # A view that moved is shown as soon as can be; the same one again not before it has changed visibly.
        return self._new or trained - self._at >= max(PAUSE, cost / SHARE)

    def make(self, network: UNet, header: ModelHeader, scale: float, step: int) -> PreviewResult:
        """Predict the view; what goes wrong is told in the result, since it must not end a training."""
        view, began = self._view, self._clock()
        assert view is not None and view.image is not None
        try:
            result = predict_view(network.eval(), header, scale, view, step)
        except Exception as error:
            known = str(error) if isinstance(error, UserError) else f"it failed ({type(error).__name__}: {error})."
            self.forget()
            result = _problem(view, header, known)
        seconds = self._clock() - began
        self.spent += seconds
        self._per_pixel = seconds / math.prod(view.image.shape[1:])
        self._new, self._step, self._at = False, step, self.trained
        return result


def with_preview(
    run: Trainer,
    training: Generator[TrainProgress, Told | None, None],
    first: Told | None = None,
    preview: Preview | None = None,
) -> Generator[TrainProgress | SamplesHeard | PreviewResult, Told | None, None]:
    """Yield what a training yields and, between two steps, previews of the view that it was told of.

    The training itself hears nothing of views. Whether it took new samples is yielded as well. `first` is what was told
    before the training was there: its first yield is skipped for it.
    """
    preview = preview or Preview()
    told: Told | None = None
    try:
        if first is not None:
            next(training)
            told = _heard(preview, first)
        while True:
            try:
                payload = training.send(told)
            except StopIteration:
                return
            said: list[TrainProgress | SamplesHeard] = [payload]
            if isinstance(told, NewSamples):
                said.insert(0, SamplesHeard(run.refusal, len(run.samples)))
            told = None
            for one in said:
                told = _heard(preview, (yield one)) or told
            if told is None and payload.step and preview.due(payload.step):
                told = _heard(preview, (yield preview.make(run.average, run.header, run.scale, payload.step)))
    finally:
        training.close()


def _heard(preview: Preview, told: Told | None) -> Told | None:
    """Keep a view for the preview; return what is for the training."""
    if isinstance(told, PreviewView):
        preview.look_at(told)
        return None
    return told


def preview_view(
    view: PreviewView, model: ModelFile, device: str = "auto"
) -> Generator[PredictProgress | PreviewResult, Stop | None, None]:
    """Predict a view with a finished model; yields the `PreviewResult` last, unless it was stopped.

    Raises
    ------
    ModelError, ImageError
        If model and image do not fit.
    EngineError
        If memory runs out.
    """
    if view.image is None:
        return
    network = cached_network(model, len(view.image), str(choose(device)))
    _check(view.image, network)
    normal, at = view.normalization.apply(view.image), _scale(model.header.scale, view)
    scores = yield from predict_scores(network, normal, at)
    if scores is not None:
        yield _picture(scores, model.header, model.header.scale, view, 0)


def predict_view(network: UNet, header: ModelHeader, scale: float, view: PreviewView, step: int) -> PreviewResult:
    """Predict a view with a network at its scale, without reporting progress."""
    assert view.image is not None
    _check(view.image, network)
    scores = whole(network, view.normalization.apply(view.image), _scale(scale, view))
    return _picture(scores, header, scale, view, step)


def _scale(scale: float, view: PreviewView) -> float:
    """Return the factor by which what was sent is resized for the network."""
    assert view.image is not None
    return min(scale * view.shrunk, math.sqrt(_MOST_PIXELS / math.prod(view.image.shape[1:])))


def _picture(scores: np.ndarray, header: ModelHeader, scale: float, view: PreviewView, step: int) -> PreviewResult:
    # The smallest object is given in pixels of the whole image.
    labels = label_scores(scores, kind=header.kind, border=header.border, settings=_shrunk(view))
    names = header.classes[1:] if header.kind == "classes" else ("object",)
    picture = outlined(labels, header.kind, len(names))[view.inside]
    return PreviewResult(view.id, np.ascontiguousarray(picture), names, header.kind, scale, step)


def _problem(view: PreviewView, header: ModelHeader, sentence: str) -> PreviewResult:
    nothing = np.zeros((0, 0), np.uint8)
    return PreviewResult(view.id, nothing, (), header.kind, problem=f"No preview: {sentence}")


def _shrunk(view: PreviewView) -> ObjectSettings:
    return replace(view.objects, smallest=round(view.objects.smallest / view.shrunk**2))


def _check(image: np.ndarray, network: UNet) -> None:
    if network.ndim != 2:
        raise ModelError("it shows planes, and this is a 3D model; press 'This view' instead.")
    if len(image) != network.in_channels:
        raise ImageError(
            f"the model sees {network.in_channels} channels and the image in view has {len(image)}; choose another one."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("there are pixels that are NaN or infinite in view; replace them by numbers.")
