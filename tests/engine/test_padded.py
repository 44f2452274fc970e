"""Padded networks go all the way: fine-tuned, saved, and predicting with blended tiles."""

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.family import build
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.train import train
from napari_upaint.io.models import Architecture, ModelHeader
from napari_upaint.settings import PredictSettings, TrainSettings


@pytest.mark.parametrize("variant", ["plain", "attention", "dense"])
def test_a_padded_network_trains_and_predicts(variant):
    torch.manual_seed(0)
    architecture = Architecture(variant, width=4, depth=3, padding="same")
    start = from_network(build(architecture), ModelHeader("padded", architecture))
    rng = np.random.default_rng(0)
    image = rng.normal(100, 5, (1, 90, 110)).astype(np.float32)
    image[:, 20:60, 30:70] += 80
    annotation = np.zeros((90, 110), np.uint16)
    annotation[30:50, 40:60], annotation[5:12, 5:100], annotation[70:85, 5:100] = 2, 1, 1
    sample = Sample(image, annotation, measure(image))
    settings = TrainSettings(steps=40, seconds=1e6, scale=1.0, hold=0.0, learning_rate=3e-3)
    *_, result = train([sample], kind="objects", start=start, settings=settings, device="cpu")
    assert result.model.header.architecture.padding == "same"
    *_, plane = segment_plane(
        image, sample.normalization, result.model, settings=PredictSettings(tile=48), device="cpu"
    )
    inside = plane.scores[1].astype(float)
    np.testing.assert_allclose(plane.scores.astype(float).sum(0), 1, atol=3e-3)
    assert inside[35:45, 45:55].mean() > inside[5:12, 5:100].mean() + 0.3
