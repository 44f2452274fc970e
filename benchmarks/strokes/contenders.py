"""The contenders: each learns from one painted image and then segments others."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.strokes.sets import SMALLEST
from napari_upaint.core.labels import BACKGROUND, as_classes
from napari_upaint.core.normalize import measure
from napari_upaint.core.objects import find_usual, label_scores
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.engine.progress import Sight
from napari_upaint.settings import Kind, ObjectSettings, PredictSettings, TrainSettings

THREADS = 2


class Contender(Protocol):
    """What every contender can do; images are (C, Y, X), annotations (Y, X): 0 unlabelled, 1 background."""

    def fit(self, image: np.ndarray, annotation: np.ndarray, kind: Kind) -> dict[str, Any]:
        """Learn from the annotation; return figures to be noted with the results."""

    def scores(self, image: np.ndarray) -> np.ndarray:
        """Return scores (K, Y, X) of background and classes."""

    def labels(self, image: np.ndarray, kind: Kind, *, split: bool) -> np.ndarray:
        """Return objects or classes (Y, X), with `split` cut at their necks by a watershed."""


class UPaint:
    """This package.

    Parameters
    ----------
    model : str or None
        A bundled model; None: from scratch, as wide as generalist-fast.
    seconds : float
        Budget, counted from pressing Train, so finding the scale is included; 0: only the scale is found.
    steps : int
        If not 0, the budget in steps instead of seconds.
    ruled : bool
        Whether it leaves out objects unlike the painted ones; otherwise only those below 20 px, as other programs do.
    painted : bool
        Whether it uses the paint; otherwise each image is segmented as one that nobody has painted.
    rotations : int
        How many rotations are averaged; 0: as many as by default.
    """

    def __init__(
        self,
        model: str | None,
        seconds: float,
        steps: int = 0,
        *,
        ruled: bool = True,
        painted: bool = True,
        rotations: int = 1,
        **settings: Any,
    ) -> None:
        from napari_upaint.io.models import load_model

        self.how = PredictSettings(rotations=rotations)
        self.objects = ObjectSettings() if ruled else ObjectSettings(smallest=SMALLEST, least_sure=0)
        self.start = load_model(model) if model else None
        self.model = self.start
        self.settings = TrainSettings(seconds=max(1.0, seconds), steps=steps, **settings)
        self.zero_shot, self.painted = seconds == 0, painted
        self.sight: Sight | None = None  # None: as the model knows, or found for each image

    def fit(self, image: np.ndarray, annotation: np.ndarray, kind: Kind) -> dict[str, Any]:
        from napari_upaint.core.sample import Sample
        from napari_upaint.engine.train import train

        if not self.painted:
            return {"steps": 0}
        sample = Sample(image, annotation, measure(image))
        if self.zero_shot:
            self.sight = Sight(self._find_scale(sample, kind))
            return {"scale": self.sight.scale, "steps": 0}
        *_, result = train([sample], kind=kind, start=self.start, settings=self.settings, device="cpu")
        self.model = result.model
        if result.improved or result.knows_more:  # the next round starts from here, as in the window
            self.start = result.model
        return {
            "scale": result.model.header.scale,
            "steps": result.steps,
            "before": result.before,
            "after": result.after,
            "improved": result.improved,
        }

    def _find_scale(self, sample: Any, kind: Kind) -> float:
        from napari_upaint.engine.checkpoint import from_network
        from napari_upaint.engine.scale import find_scale
        from napari_upaint.engine.start import start_header, start_network

        assert self.start is not None
        header = start_header([sample], kind, self.start, self.settings)
        network = start_network(header, self.start, sample.image.shape[0])
        *_, scale = find_scale(network, [sample], kind=kind, border=header.border)
        self.model = from_network(network, header)
        return scale

    def scores(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(self._segment(image, ObjectSettings()).scores, np.float32)

    def labels(self, image: np.ndarray, kind: Kind, *, split: bool) -> np.ndarray:
        return np.asarray(self._segment(image, replace(self.objects, split=split)).labels)

    def _segment(self, image: np.ndarray, objects: ObjectSettings) -> Any:
        from napari_upaint.engine.segment import segment_plane

        assert self.model is not None
        *_, result = segment_plane(
            image, measure(image), self.model, settings=self.how, objects=objects, device="cpu", sight=self.sight
        )
        return result


class _PixelClassifier:
    """What the pixel classifiers share: they get the same threshold and components as U-Paint.

    `ruled`: whether they also get U-Paint's rules for what is left out, which their own programs do not have.
    """

    ruled, usual = False, UNKNOWN

    def fit(self, image: np.ndarray, annotation: np.ndarray, kind: Kind) -> dict[str, Any]:
        # All objects are one class to them: they cannot use which stroke belongs to which object.
        self.learn(_gray(image), as_classes(annotation, kind).astype(np.uint8))
        if self.ruled:
            painted = np.maximum(annotation.astype(np.int32) - BACKGROUND, 0)
            self.usual = find_usual(self.scores(image), painted, kind=kind, border=False)
        return {}

    def learn(self, image: np.ndarray, annotation: np.ndarray) -> None:
        raise NotImplementedError

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return scores (K, Y, X) of an image (C, Y, X) that is float32, about 0..1."""
        raise NotImplementedError

    def scores(self, image: np.ndarray) -> np.ndarray:
        return self.predict(_gray(image))

    def labels(self, image: np.ndarray, kind: Kind, *, split: bool) -> np.ndarray:
        settings = ObjectSettings(split=split)
        return label_scores(self.scores(image), kind=kind, border=False, settings=settings, usual=self.usual)


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", THREADS))


def _gray(image: np.ndarray) -> np.ndarray:
    """Return the image normalised as in U-Paint, so that images differ less from each other for every contender."""
    return measure(image).apply(image)


class Forest(_PixelClassifier):
    """ilastik's workflow with scikit-image's filters: intensity, edges and texture at several scales, 100 trees."""

    def __init__(self, *, ruled: bool = False) -> None:
        self.ruled = ruled

    def learn(self, image: np.ndarray, annotation: np.ndarray) -> None:
        from sklearn.ensemble import RandomForestClassifier

        painted = annotation > 0
        self.trees = RandomForestClassifier(n_estimators=100, n_jobs=_threads(), random_state=0)
        self.trees.fit(self._features(image)[painted], annotation[painted])

    @staticmethod
    def _features(image: np.ndarray) -> np.ndarray:
        from skimage.feature import multiscale_basic_features

        return np.asarray(multiscale_basic_features(image, sigma_min=0.5, sigma_max=16, channel_axis=0))

    def predict(self, image: np.ndarray) -> np.ndarray:
        features = self._features(image)
        scores = self.trees.predict_proba(features.reshape(-1, features.shape[-1]))
        return np.moveaxis(scores.reshape(*features.shape[:2], -1), -1, 0).astype(np.float32)


class Convpaint(_PixelClassifier):
    """napari-convpaint with one of its feature extractors, in its default settings.

    Parameters
    ----------
    extractor : str
        "gaussian" works without a network; "vgg16" (its default) and the others download weights at first use.
    scalings : list of int or None
        Factors of the feature pyramid; None: the default.
    """

    def __init__(self, extractor: str, scalings: list[int] | None = None) -> None:
        _declare_operations()
        from napari_convpaint.convpaint_model import ConvpaintModel

        self.model = ConvpaintModel() if extractor == "vgg16" else ConvpaintModel(extractor)
        if scalings:
            self.model.set_params(fe_scalings=scalings)

    def learn(self, image: np.ndarray, annotation: np.ndarray) -> None:
        self.model.set_params(channel_mode="rgb" if len(image) == 3 else "single", ignore_warnings=True)
        self.model.train(self._axes(image), annotation)

    def predict(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict_probas(self._axes(image)), np.float32)

    @staticmethod
    def _axes(image: np.ndarray) -> np.ndarray:
        return image if len(image) == 3 else image[0]


class Apoc(_PixelClassifier):
    """APOC: a random forest on filters computed on the graphics card (OpenCL); its feature set for small objects."""

    def __init__(self) -> None:
        import apoc

        self.features = apoc.PredefinedFeatureSet.object_size_1_to_5_px.value
        self.folder = tempfile.TemporaryDirectory()
        file = str(Path(self.folder.name) / "classifier.cl")
        self.classifier = apoc.PixelClassifier(opencl_filename=file, max_depth=8, num_ensembles=100)

    def learn(self, image: np.ndarray, annotation: np.ndarray) -> None:
        self.classes = int(annotation.max())
        self.classifier.train(self.features, annotation, [*image] if len(image) > 1 else image[0])

    def predict(self, image: np.ndarray) -> np.ndarray:
        classes = np.asarray(self.classifier.predict(image=[*image] if len(image) > 1 else image[0]))
        return (classes == np.arange(1, self.classes + 1)[:, None, None]).astype(np.float32)


def _declare_operations() -> None:
    """Declare two operations that torchvision expects at import; a torchvision built for another torch lacks them.

    Nothing here calls them. If torchvision is complete, this does nothing.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)


# A declaration lasts as long as the object that made it.
_LIBRARIES: list[Any] = []


def budgeted(model: str | None, **how: Any) -> Callable[[float, int], Contender]:
    """Return a function that makes a U-Paint contender for a budget in seconds or steps."""
    return lambda seconds, steps: UPaint(model, seconds, steps, **how)


BUNDLED = ("generalist-fast", "generalist")
# Trained contenders run once for each budget; the others take the time that they need.
TRAINED: dict[str, Callable[[float, int], Contender]] = {
    "generalist-fast": budgeted("generalist-fast"),
    "generalist-fast-averaged": budgeted("generalist-fast", rotations=0),
    "generalist": budgeted("generalist"),
    "scratch": budgeted(None),
    "scratch-averaged": budgeted(None, rotations=0),
    "scratch-plain": budgeted(None, ruled=False),
}
FITTED: dict[str, Callable[[], Contender]] = {
    "unpainted": lambda: UPaint("generalist-fast", 0, painted=False),
    "unpainted-wide": lambda: UPaint("generalist", 0, painted=False),
    "zero-shot": lambda: UPaint("generalist-fast", 0),
    "zero-shot-wide": lambda: UPaint("generalist", 0),
    "forest": Forest,
    "forest-ruled": lambda: Forest(ruled=True),
    "convpaint-gaussian": lambda: Convpaint("gaussian"),
    "convpaint-gaussian-pyramid": lambda: Convpaint("gaussian", [1, 2, 4, 8]),
    "convpaint-vgg16": lambda: Convpaint("vgg16"),
    "convpaint-dinov2": lambda: Convpaint("dinov2"),
    "apoc": Apoc,
}
NAMES = (*TRAINED, *FITTED)
WORDS = {
    "generalist-fast": "U-Paint, generalist-fast",
    "generalist-fast-averaged": "U-Paint, generalist-fast, averaged",
    "generalist": "U-Paint, generalist",
    "scratch": "U-Paint, from scratch",
    "scratch-averaged": "U-Paint, from scratch, averaged",
    "scratch-plain": "U-Paint, from scratch, without its rules",
    "unpainted": "U-Paint, generalist-fast, without any paint",
    "unpainted-wide": "U-Paint, generalist, without any paint",
    "zero-shot": "U-Paint, generalist-fast, zero-shot at the scale found",
    "zero-shot-wide": "U-Paint, generalist, zero-shot at the scale found",
    "forest": "random forest on filters (as ilastik)",
    "forest-ruled": "the same, and U-Paint's rules for what is left out",
    "convpaint-gaussian": "Convpaint, gaussian",
    "convpaint-gaussian-pyramid": "Convpaint, gaussian at four scales",
    "convpaint-vgg16": "Convpaint, VGG16",
    "convpaint-dinov2": "Convpaint, DINOv2",
    "apoc": "APOC",
}


def contender(name: str, seconds: float, steps: int = 0) -> Contender:
    """Return a contender by name."""
    return TRAINED[name](seconds, steps) if name in TRAINED else FITTED[name]()
