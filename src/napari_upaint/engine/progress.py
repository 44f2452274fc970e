"""What the generators of the engine yield and accept: frozen values without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.sample import Sample
from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import Kind, ObjectSettings

# A start with a lower loss on held-out paint scores it at 0.9 or more: it knows such objects.
_KNOWN = 0.1
_NEW = "the scale of these images and the size of their objects"
# Fewer steps teach little, whatever was painted: preparation took the time, or Stop was pressed.
_FEW = 10


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
        Seconds spent and seconds granted (0 if steps are counted).
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
        The kept weights, see `engine.keeping`; those of the start if nothing was better.
    improved : bool
        Whether the model is better than its start on held-out paint, or on all paint if there was too little to hold
        some out; from scratch, whether anything was kept.
    before, after : float
        Loss on held-out paint of the start and of the result; infinite if there was no paint to judge by, or for a
        result that has learnt all paint.
    steps, seconds : int, float
        Steps done, and the time taken, including preparation.
    knows_more : bool
        Whether the weights of the start were kept but the model knows something new: at which scale it sees these
        images, or what their objects are like.
    pretrained : bool
        Whether the training began with a model.
    """

    model: ModelFile
    improved: bool
    before: float
    after: float
    steps: int
    seconds: float
    knows_more: bool = False
    pretrained: bool = True

    @property
    def message(self) -> str:
        """The outcome of the training and what to do now, for the user."""
        kept, few = f"loss on held-out paint {self.before:.3g}", self.steps < _FEW
        advice = "give it more time" if few else "paint more and train again"
        if not self.steps:
            return "Stopped before the first step; nothing was learnt."
        if not (math.isfinite(self.before) and math.isfinite(self.after)):
            return (
                "Trained, but there was too little paint to hold some out and test the model; paint a few more strokes"
                " with every label."
            )
        more = f"; {advice}" * few
        if not self.pretrained:
            return f"Trained from scratch; loss on held-out paint {self.after:.3g} (lower is better){more}."
        if self.improved and f"{self.after:.3g}" == f"{self.before:.3g}":
            return f"Hardly better than before ({kept}); {advice}."
        if self.improved:
            change = f"from {self.before:.3g} to {self.after:.3g} (lower is better)"
            return f"Better than before: loss on held-out paint {change}{more}."
        if self.knows_more and self.before < _KNOWN:
            return f"Kept the network from before: it knows such objects ({kept}), and now {_NEW}."
        if self.knows_more:
            return f"Kept the network from before, because nothing was better ({kept}); now it knows {_NEW}; {advice}."
        return f"Kept the model from before, because nothing was better ({kept}); {advice}."


@dataclass(frozen=True, slots=True)
class PredictProgress:
    """How many tiles of a prediction are done."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Sight:
    """How a model sees an image.

    Attributes
    ----------
    scale : float
        Factor by which the image is resized for the network.
    usual : Usual
        What its objects are like, with sizes as in `ModelHeader.object_size`.
    """

    scale: float
    usual: Usual = UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class PlaneResult:
    """A segmented plane, or a volume.

    Attributes
    ----------
    labels : numpy.ndarray
        int32, axes ([Z,] Y, X): objects 1.. or classes 1.. (what was painted as k is k - 1), 0 background.
    scores : numpy.ndarray
        float16 softmax output, axes (K, [Z,] Y, X), one for each of `names`.
    names : tuple of str
        ("background", class names ..., and "border" if the model knows borders).
    spread : numpy.ndarray or None
        float16, axes ([Z,] Y, X), 0..1: how far the averaged predictions differ; None if there was only one.
    usual : Usual
        What usual objects are like, their size in pixels (voxels) of this image.
    """

    labels: np.ndarray
    scores: np.ndarray
    names: tuple[str, ...]
    spread: np.ndarray | None = None
    usual: Usual = UNKNOWN


@dataclass(frozen=True, slots=True)
class Stop:
    """Sent into a running generator: finish with what is there."""


@dataclass(frozen=True, slots=True, eq=False)
class NewSamples:
    """Sent into a running training: go on with these samples."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SamplesHeard:
    """Answer of a running training to `NewSamples`: what it learns from now on.

    Attributes
    ----------
    problem : str
        One sentence that says why it goes on with its old samples; empty if it took the new ones.
    samples : int
        How many it learns from now on.
    """

    problem: str
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class PreviewView:
    """Sent into a running training: predict this repeatedly with the newest weights, until told otherwise.

    Attributes
    ----------
    id : int
        Comes back with every result.
    image : numpy.ndarray or None
        Raw gray values of what is in view with some context around it, axes (C, Y, X); None: no more previews.
    normalization : Normalization
        Of the whole image that the region was cut from.
    inside : tuple of slice
        The part of it that is wanted, (Y, X); the rest is context.
    shrunk : int
        Pixels of the whole image along the edge of one pixel of `image`.
    objects : ObjectSettings
        How scores become objects.
    sight : Sight or None
        How a finished model sees the whole image; None: as it has learnt from paint.
    """

    id: int
    image: np.ndarray | None
    normalization: Normalization = Normalization((0.0,), (1.0,))  # noqa: RUF009 (frozen)
    inside: tuple[slice, slice] = (slice(None), slice(None))
    shrunk: int = 1
    objects: ObjectSettings = ObjectSettings()  # noqa: RUF009 (frozen)
    sight: Sight | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PreviewResult:
    """What is in view, as segmented with the newest weights.

    Attributes
    ----------
    id : int
        Of the view.
    picture : numpy.ndarray
        uint8, axes (Y, X), the part `inside` of the view: 0 background, k inside class k (1 for all objects), n + k on
        the outline of its objects, where n is the number of classes.
    classes : tuple of str
        Names of the n classes.
    kind : {"objects", "classes"}
    scale : float
        At which the network sees the whole image.
    step : int
        Of the training; 0 without one.
    problem : str
        One sentence that says why there is no picture; empty if there is one.
    """

    id: int
    picture: np.ndarray
    classes: tuple[str, ...]
    kind: Kind
    scale: float = 1.0
    step: int = 0
    problem: str = ""


# What can be sent to a running generator between steps.
Told = Stop | NewSamples | PreviewView


@dataclass(frozen=True, slots=True, eq=False)
class ShownTile:
    """A tile as a training step gets it.

    Attributes
    ----------
    image : numpy.ndarray
        (C, [Z,] Y, X), float32, normalised: the network's input.
    target : numpy.ndarray
        int16, ([z,] y, x), the middle of the input: number of the network's output, -1 unlabelled.
    weights : numpy.ndarray
        float32, shape of ``target``: how much each pixel counts.
    """

    image: np.ndarray
    target: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class TilesResult:
    """Tiles that a training would draw.

    Attributes
    ----------
    tiles : tuple of ShownTile
    first : int
        Number of the first tile.
    scale : float
        At which the network would see the image.
    """

    tiles: tuple[ShownTile, ...]
    first: int
    scale: float


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """What the engine computes on, as one line for the window."""

    text: str
