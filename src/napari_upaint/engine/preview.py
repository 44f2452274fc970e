"""The preview: the part in view, predicted with the newest weights, during a training or without one."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import numpy as np

from napari_upaint.core.finite import is_finite
from napari_upaint.core.objects import label_scores
from napari_upaint.core.outlines import outlined
from napari_upaint.engine.device import choose
from napari_upaint.engine.predict import cached_network, predict_scores
from napari_upaint.engine.preview_share import GUESS, PreviewShare
from napari_upaint.engine.progress import (
    NewSamples,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Sight,
    Stop,
    Told,
    TrainProgress,
)
from napari_upaint.engine.trainer import Trainer
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ImageError, ModelError, UserError
from napari_upaint.io.models import ModelFile, ModelHeader

# Most pixels that the network sees: if an image must be enlarged for it, a preview may be coarser.
_MOST_PIXELS = 1_300_000
# Most seconds without listening, if possible: Stop must get through.
_DEAF = 1.5
_BUNDLED_WIDTH = 16


def with_preview(
    run: Trainer,
    training: Generator[TrainProgress, Told | None, None],
    first: Told | None = None,
) -> Generator[TrainProgress | SamplesHeard | PredictProgress | PreviewResult, Told | None, None]:
    """Yield what a training yields and, between steps, previews of the view that was sent.

    Views are not passed on to the training. Whether it took new samples is yielded as well. `first` is what was sent
    before the training existed: it answers the first yield of the training, which is not passed on.
    """
    share, told = PreviewShare(), None  # type: PreviewShare, Told | None
    try:
        if first is not None:
            next(training)
            told = _heard(share, first)
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
                told = _heard(share, (yield one)) or told
            if told is None and payload.step and share.due(payload.step, _effort(run.network, run.scale, share.view)):
                told = yield from _show(run, share, payload.step)
    finally:
        training.close()


def _heard(share: PreviewShare, told: Told | None) -> Told | None:
    """Keep a view for the preview; return anything else, which is for the training."""
    if isinstance(told, PreviewView):
        share.look_at(told)
        return None
    return told


def _effort(network: UNet, scale: float, view: PreviewView | None) -> float:
    """Return roughly how much more a pixel of the view costs than with the bundled network at scale 1."""
    if view is None:
        return 1.0
    return float((network.classify.in_channels / _BUNDLED_WIDTH * _scale(scale, view)) ** 2)


def _show(
    run: Trainer, share: PreviewShare, step: int
) -> Generator[PredictProgress | PreviewResult, Told | None, Told | None]:
    """Predict the view, unless Stop or another view comes; return what was sent meanwhile."""
    view, told = share.view, None
    assert view is not None
    making = _make(run, view, _tile(run.network, view, share.cost(_effort(run.network, run.scale, view))))
    share.begin()
    try:
        while True:
            try:
                progress = next(making)
            except StopIteration as end:
                result: PreviewResult = end.value
                break
            told = _heard(share, (yield progress)) or told
            if isinstance(told, Stop) or share.view is not view:
                share.end(None)
                return told
    finally:
        making.close()
    result = replace(result, step=step)
    share.end(step)
    if result.problem:
        share.look_at(None)
    return _heard(share, (yield result)) or told


def _tile(network: UNet, view: PreviewView, cost: float) -> int:
    """Return the edge of tiles that take a second or so each; 0: as large as memory allows."""
    assert view.image is not None
    if cost < _DEAF:
        return 0
    edge = math.sqrt(math.prod(view.image.shape[1:]) * _DEAF / cost)
    # Smaller tiles would be little more than their halo.
    return max(int(edge), 2 * network.halo + 196)


def _make(run: Trainer, view: PreviewView, tile: int) -> Generator[PredictProgress, None, PreviewResult]:
    """Predict a view with the newest weights; report errors instead of raising, as they must not end the training."""
    try:
        assert view.image is not None
        _check(view.image, run.average)
        normal, scale = view.normalization.apply(view.image), _scale(run.scale, view)
        scores = yield from predict_scores(run.average.eval(), normal, scale, tile=tile)
        assert scores is not None
        return _picture(scores, run.header, Sight(run.scale, run.header.usual_object), view)
    except Exception as error:
        known = str(error) if isinstance(error, UserError) else f"it failed ({type(error).__name__}: {error})."
        nothing = np.zeros((0, 0), np.uint8)
        return PreviewResult(view.id, nothing, (), run.header.kind, problem=f"No preview: {known}")


def preview_view(
    view: PreviewView, model: ModelFile, device: str = "auto"
) -> Generator[PredictProgress | PreviewResult, Stop | None, None]:
    """Predict a view with a finished model; yield the `PreviewResult` last, unless stopped.

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
    sight = view.sight or Sight(model.header.scale, model.header.usual_object)
    normal, at = view.normalization.apply(view.image), _scale(sight.scale, view)
    guessed = GUESS * _effort(network, sight.scale, view) * math.prod(view.image.shape[1:])
    scores = yield from predict_scores(network, normal, at, tile=_tile(network, view, guessed))
    if scores is not None:
        yield _picture(scores, model.header, sight, view)


def _scale(scale: float, view: PreviewView) -> float:
    """Return the factor by which the image of the view is resized for the network."""
    assert view.image is not None
    return min(scale * view.shrunk, math.sqrt(_MOST_PIXELS / math.prod(view.image.shape[1:])))


def _picture(scores: np.ndarray, header: ModelHeader, sight: Sight, view: PreviewView) -> PreviewResult:
    labels = label_scores(
        scores,
        kind=header.kind,
        border=header.border,
        settings=view.objects,
        usual=sight.usual,
        shrunk=view.shrunk,
    )
    names = header.classes[1:] if header.kind == "classes" else ("object",)
    picture = outlined(labels, header.kind, len(names))[view.inside]
    return PreviewResult(view.id, np.ascontiguousarray(picture), names, header.kind, sight.scale)


def _check(image: np.ndarray, network: UNet) -> None:
    if network.ndim != 2:
        raise ModelError("it shows planes, and this is a 3D model; press 'This view' instead.")
    if len(image) != network.in_channels:
        raise ImageError(
            f"the model sees {network.in_channels} channels, the image in view has {len(image)}; choose another model."
        )
    if not is_finite(image):
        raise ImageError("there are pixels that are NaN or infinite in view; export the image again, or replace them.")
