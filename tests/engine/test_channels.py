"""Weights learnt from one channel can learn on from colours and from many channels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import TrainProgress, TrainResult
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.train import train
from napari_upaint.io.models import DEFAULT_MODEL, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import TrainSettings


@pytest.fixture(scope="module")
def tissue() -> Sample:
    """The stained tissue with its strokes, three channels."""
    opened = open_sample("nuclei_he")
    image, strokes = opened.image.plane(), opened.strokes
    assert image.shape[0] == 3
    assert strokes is not None
    return Sample(image, strokes, measure(image), name="tissue")


def fine_tuned(sample: Sample, steps: int) -> tuple[list[float], TrainResult]:
    """Train the bundled model for some steps; return the training's losses and its result."""
    # Of this seed's held-out strokes the start does not know all.
    settings = TrainSettings(steps=steps, scale=1, seed=2)
    start = load_model(DEFAULT_MODEL)
    assert start.header.architecture.in_channels == 1
    losses = []
    for message in train([sample], kind="objects", start=start, settings=settings, device="cpu"):
        if isinstance(message, TrainProgress) and message.loss is not None:
            losses.append(message.loss)
        elif isinstance(message, TrainResult):
            return losses, message
    raise AssertionError("the training ended without a result")


@pytest.fixture(scope="module")
def coloured(tissue: Sample) -> tuple[list[float], TrainResult]:
    return fine_tuned(tissue, 32)


def test_colours_are_learnt_from_one_channel_weights(coloured):
    losses, result = coloured
    assert losses[-1] < 0.7 * losses[0]
    assert result.improved
    assert result.after < 0.9 * result.before
    assert result.model.header.architecture.in_channels == 3


def test_the_colours_have_been_told_apart(coloured, tissue):
    first = next(weight for weight in coloured[1].model.weights.values() if weight.ndim == 4)
    assert first.shape[1] == 3
    assert np.abs(first - first.mean(1, keepdims=True)).max() > 1e-5  # 0 at the start
    *_, found = segment_plane(tissue.image, tissue.normalization, coloured[1].model, device="cpu")
    assert found.labels.any()


def test_of_many_channels_those_that_show_the_paint_are_seen_most(tissue):
    rng = np.random.default_rng(0)
    many = np.concatenate([tissue.image, rng.integers(0, 200, (4, *tissue.image.shape[1:])).astype(np.uint8)])
    losses, result = fine_tuned(Sample(many, tissue.annotation, measure(many), name="many"), 2)
    assert np.isfinite(losses).all()
    assert result.model.header.architecture.in_channels == 7
    first = np.abs(result.model.weights["down.0.0.weight"]).sum((0, 2, 3))
    assert first[:3].max() > 3 * first[3:].max()
    shares = result.model.header.training["channel_shares"]
    assert np.argmax(shares) == np.argmax(first)
