"""What the generators of the engine yield and accept: frozen values, no torch in sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_upaint.core.sample import Sample
from napari_upaint.io.models import ModelFile


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """State of a training after a step.

    Attributes
    ----------
    stage : str
        What is being done, in words for the user ("finding the scale", "training").
    step : int
        Steps done.
    seconds, budget : float
        Seconds spent and seconds granted (0 where steps rule).
    fraction : float
        0..1, how much of the budget is used.
    loss : float or None
        Smoothed training loss; None before the first step.
    validation : float or None
        Loss on held-out paint if it was just measured, else None.
    """

    stage: str
    step: int
    seconds: float
    budget: float
    fraction: float
    loss: float | None = None
    validation: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """End of a training.

    Attributes
    ----------
    model : ModelFile
        The best weights met, the start's own where nothing was better.
    improved : bool
        Whether the model is better than its start on held-out paint.
    before, after : float
        Loss on held-out paint of the start and of the result.
    message : str
        One sentence for the user.
    """

    model: ModelFile
    improved: bool
    before: float
    after: float
    steps: int
    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class PredictProgress:
    """Tiles done of a prediction."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class PlaneResult:
    """A segmented plane.

    Attributes
    ----------
    labels : numpy.ndarray
        int32, axes (Y, X): objects 1.. or classes 1.. (the user's class k is k - 1), 0 background.
    scores : numpy.ndarray
        float16 softmax output, axes (C, Y, X), channels as `names`.
    names : tuple of str
        ("background", class names ..., and "border" where the model knows borders).
    """

    spread : numpy.ndarray or None
        float16, axes (Y, X), 0..1: how far the averaged rotations are apart; None where there was only one.
    labels: np.ndarray
    scores: np.ndarray
    names: tuple[str, ...]


    spread: np.ndarray | None = None
@dataclass(frozen=True, slots=True)
class Stop:
    """Sent into a running generator: finish with what there is."""


@dataclass(frozen=True, slots=True, eq=False)
class NewSamples:
    """Sent into a running training: go on with these samples."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, eq=False)
class WeightMapResult:
    """The weight map of an annotation: float32, axes ([Z,] Y, X), 0 where unlabelled."""

    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """What the engine computes on, as one line for the window."""

    text: str
