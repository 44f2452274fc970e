"""Volumes: accuracy after a minute of training on three slices, slice by slice, as a volume, and with a 3D model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.strokes.annotator import Brush
from benchmarks.strokes.sets import SMALLEST
from benchmarks.timing import Table
from napari_upaint.core.labels import as_classes
from napari_upaint.core.linking import new_ids
from napari_upaint.core.metrics import iou, object_scores, seg_score
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.objects import label_scores
from napari_upaint.core.sample import Sample
from napari_upaint.core.strokes import paint_strokes
from napari_upaint.core.telling_windows import windows_of
from napari_upaint.engine.progress import Sight
from napari_upaint.io.models import ModelFile, load_model
from napari_upaint.settings import ObjectSettings, PredictSettings, TrainSettings

SECONDS = 60.0
SEEDS = (0, 1, 2)
SPACING = (0.29, 0.26, 0.26)  # micrometers
_SLICES = (0.4, 0.5, 0.6)  # of the way through the volume
_FLAT, _DEEP = "generalist-fast", "generalist-3d"


@dataclass(frozen=True, eq=False)
class Halves:
    """The two halves of a volume, (Z, Y, X): the left one painted, the right one with normalisation and truth."""

    painted: Sample
    pixels: np.ndarray
    normalization: Normalization
    truth: np.ndarray

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Size of a voxel along Z, Y and X, in micrometers."""
        return self.painted.spacing


def tables(data: Path) -> Iterator[Table]:
    """Yield a table for all slices, and one for every third slice."""
    for apart in (1, 3):
        rows = []
        halves = [_halves(data, seed, apart) for seed in SEEDS]
        for words, contender in CONTENDERS.items():
            found = np.mean([_scored(one, contender) for one in halves], axis=0)
            rows.append([words, *(f"{value:.3f}" for value in found[:-1]), f"{found[-1]:.1f}"])
            print("  " + " | ".join(rows[-1]), flush=True)
        which = "all slices" if apart == 1 else f"every {apart}rd slice"
        depth = len(halves[0].pixels)
        yield Table(
            f"{which} of a volume of nuclei, {depth} x 256 x 128 voxels",
            "`cells3d_nuclei`: 13 strokes on three slices of the left half, scored on the right half: IoU, and AP50 "
            f"and SEG of whole nuclei. Means over {len(SEEDS)} ways of painting; one thread, {SECONDS:.0f} s of "
            "training. Last column: seconds to segment the right half. The 3D model has not learnt from this volume.",
            ("contender", "IoU", "AP50", "SEG", "s"),
            rows,
        )


def _halves(data: Path, seed: int, apart: int) -> Halves:
    from skimage.io import imread

    image, truth = (
        imread(data / "cells3d_nuclei" / folder / "cells3d_nuclei.tif")[::apart] for folder in ("images", "labels")
    )
    half, rng, brush = image.shape[-1] // 2, np.random.default_rng(seed + 1), Brush()
    left, annotation = truth[..., :half].astype(np.int32), np.zeros((*image.shape[:2], half), np.int32)
    shares = ((3, 2), (3, 2), (2, 1))  # per slice: strokes in objects, strokes in the background
    for place, (objects, background) in zip(_SLICES, shares, strict=True):
        z = round(place * (len(image) - 1))
        strokes = paint_strokes(
            left[z], rng, n_object=objects, n_background=background, length=brush.length, width=brush.width
        )
        annotation[z] = np.where(strokes > 1, left[z] + 1, strokes)  # a nucleus has one number in all slices
    learnt, scored = image[..., :half], image[..., half:]
    spacing = SPACING[0] * apart, *SPACING[1:]
    sample = Sample(learnt[None], annotation, measure(learnt[None]), spacing)
    return Halves(sample, scored, measure(scored[None]), truth[..., half:].astype(np.int32))


def _scored(halves: Halves, contender: Callable[[Halves], Callable[[], np.ndarray]]) -> tuple[float, ...]:
    """Return IoU, AP50, SEG, and the seconds that the segmentation took."""
    segment = contender(halves)
    began = time.perf_counter()
    labels, truth = segment(), halves.truth
    seconds = time.perf_counter() - began
    return iou(labels, truth), object_scores(labels, truth).average_precision, seg_score(labels, truth), seconds


def _slice_by_slice(trained: bool) -> Callable[[Halves], Callable[[], np.ndarray]]:
    def contender(halves: Halves) -> Callable[[], np.ndarray]:
        model = _learnt(halves, _FLAT, trained)

        def segment() -> np.ndarray:
            sight = _sight(halves, model)
            planes = {(z,): _segmented(halves, plane, model, sight) for z, plane in enumerate(halves.pixels)}
            return np.stack([new[planes[index]] for index, new in new_ids(planes)])

        return segment

    return contender


def _volume(name: str, trained: bool) -> Callable[[Halves], Callable[[], np.ndarray]]:
    def contender(halves: Halves) -> Callable[[], np.ndarray]:
        model = _learnt(halves, name, trained)
        return lambda: _segmented(halves, halves.pixels, model)

    return contender


@lru_cache
def _learnt(halves: Halves, name: str, trained: bool) -> ModelFile:
    from napari_upaint.engine.train import train

    start, whole = load_model(name), halves.painted
    if not trained:
        return start
    planes = [
        Sample(whole.image[:, z], whole.annotation[z], whole.normalization)
        for z in np.unique(np.nonzero(whole.annotation)[0])
    ]
    samples = planes if name == _FLAT else [whole]
    *_, result = train(samples, kind="objects", start=start, settings=TrainSettings(seconds=SECONDS), device="cpu")
    return result.model


def _sight(halves: Halves, model: ModelFile) -> Sight:
    """Return how a model sees all planes: found as the program finds it."""
    from napari_upaint.engine.sight import look
    from napari_upaint.engine.telling import returned

    windows = windows_of(len(halves.pixels), lambda z: halves.pixels[z][None], 2)
    found = returned(look([halves.normalization.apply(one) for one in windows], model, PredictSettings(), "cpu"))
    assert found is not None
    return found


def _segmented(halves: Halves, pixels: np.ndarray, model: ModelFile, sight: Sight | None = None) -> np.ndarray:
    from napari_upaint.engine.segment import segment_plane

    how = {"settings": PredictSettings(volumes=True), "spacing": halves.spacing, "sight": sight}
    *_, result = segment_plane(pixels[None], halves.normalization, model, device="cpu", **how)  # type: ignore[arg-type]
    return np.asarray(result.labels)


def _forest(halves: Halves) -> Callable[[], np.ndarray]:
    """Train filters in three dimensions and 100 trees, as in the pixel classification of ilastik."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def features(pixels: np.ndarray) -> np.ndarray:
        normal = measure(pixels[None]).apply(pixels[None])[0]
        return np.asarray(multiscale_basic_features(normal, sigma_min=0.5, sigma_max=16))

    annotation = as_classes(halves.painted.annotation, "objects")
    trees = RandomForestClassifier(n_estimators=100, n_jobs=1, random_state=0)
    trees.fit(features(halves.painted.image[0])[annotation > 0], annotation[annotation > 0])

    def segment() -> np.ndarray:
        seen = features(halves.pixels)
        scores = np.moveaxis(trees.predict_proba(seen.reshape(-1, seen.shape[-1])), -1, 0)
        scores = scores.reshape(-1, *halves.truth.shape).astype(np.float32)
        return label_scores(scores, kind="objects", border=False, settings=ObjectSettings(smallest=SMALLEST))

    return segment


CONTENDERS = {
    "generalist-fast, slice by slice, same number in all planes": _slice_by_slice(True),
    "generalist-fast, slices as a volume": _volume(_FLAT, True),
    "generalist-3d": _volume(_DEEP, True),
    "random forest on filters in 3D (as ilastik)": _forest,
    "before training: generalist-fast, slice by slice": _slice_by_slice(False),
    "before training: generalist-fast, slices as a volume": _volume(_FLAT, False),
    "before training: generalist-3d": _volume(_DEEP, False),
}
