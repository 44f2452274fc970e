"""Settings of every stage. Each parameter is declared once: default, label, tip, unit, limits.

`TITLE` is the name of a stage in the window and the documentation.

The forms of the window, the options of the command and the header of a model file follow from these declarations.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args

from napari_upaint.errors import UserError

Kind = Literal["objects", "classes"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Recipe = Literal["fast", "paper"]
Balance = Literal["strokes", "always", "never"]
Variant = Literal["plain", "attention", "dense", "multimodal", "cicek"]
Dimensions = Literal[2, 3]
Padding = Literal["valid", "same"]
Norm = Literal["none", "batch", "group", "instance"]


def parameter(
    default: Any,
    *,
    label: str,
    tip: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """Declare one parameter of a settings class, with all that a form, an option and a check need to know about it."""
    told = dict(label=label, tip=tip, unit=unit, low=low, high=high, step=step, choices=choices)
    return field(default=default, metadata=told)


class Checked:
    """Mix-in of the settings classes: limits are checked on construction."""

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            _check(one, getattr(self, one.name))


def _check(declared: Field[Any], value: Any) -> None:
    low, high, choices = (declared.metadata.get(key) for key in ("low", "high", "choices"))
    name = declared.metadata.get("label", declared.name)
    if choices is not None and value not in choices:
        raise UserError(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}.")
    # 'not low <= value' instead of 'value < low', so that a NaN does not slip through.
    if low is not None and not low <= value:
        raise UserError(f"{name} is {value}; it must be at least {low}.")
    if high is not None and not value <= high:
        raise UserError(f"{name} is {value}; it must be at most {high}.")


@dataclass(frozen=True, slots=True)
class WeightSettings(Checked):
    """The weight map of the loss (paper, eq. 2)."""

    TITLE: ClassVar[str] = "Weight map"
    w0: float = parameter(
        10.0, label="Border weight", tip="How much the gaps between objects count (w0).", low=0, high=1000, step=1
    )
    sigma: float = parameter(
        5.0,
        label="Border width",
        tip="How far the border weight reaches (sigma).",
        unit="px",
        low=0.1,
        high=100,
        step=0.5,
    )
    balance: Balance = parameter(
        "strokes",
        label="Balance classes",
        tip="Let rarely painted classes count as much as others (w_c). strokes: the less, the more of an image is"
        " painted, as finished masks tell how common each class is; always: as in the paper.",
        choices=get_args(Balance),
    )


@dataclass(frozen=True, slots=True)
class AugmentSettings(Checked):
    """How training tiles are varied (paper, sec. 3.1)."""

    TITLE: ClassVar[str] = "Augmentation"
    displacement: float = parameter(
        10.0,
        label="Elastic deformation",
        tip="How far tiles are bent (standard deviation); lower it if cells look wrong in the training tiles.",
        unit="px",
        low=0,
        high=100,
    )
    grid: int = parameter(
        3,
        label="Deformation grid",
        tip="Random displacements per axis: more of them bend tiles in smaller waves.",
        low=2,
        high=16,
    )
    rotate: bool = parameter(True, label="Rotate", tip="Turn tiles by any angle.")
    flip: bool = parameter(True, label="Flip", tip="Mirror tiles.")
    zoom: float = parameter(
        1.5, label="Zoom", tip="How much tiles grow or shrink; volumes by its square root.", low=1, high=4, step=0.05
    )
    gray: float = parameter(
        0.15, label="Gray values", tip="How much brightness, contrast and gamma vary.", low=0, high=1, step=0.05
    )


@dataclass(frozen=True, slots=True)
class TrainSettings(Checked):
    """How a training runs, and the network of one from scratch."""

    TITLE: ClassVar[str] = "Training"
    seconds: float = parameter(60.0, label="Time", tip="How long to train.", unit="s", low=1, high=1e6)
    steps: int = parameter(
        0, label="Steps", tip="Stop after this many steps; 0: when the time is up.", low=0, high=10**9
    )
    recipe: Recipe = parameter(
        "fast",
        label="Recipe",
        tip="fast: AdamW on small tiles; paper: SGD with momentum 0.99 on one 572 px tile.",
        choices=get_args(Recipe),
    )
    learning_rate: float = parameter(
        0.0, label="Learning rate", tip="Size of a step; 0: the recipe's own.", low=0, high=1, step=1e-5
    )
    scale: float = parameter(
        0.0,
        label="Scale",
        tip="Factor by which images are resized for the network; 0: found from the strokes.",
        low=0,
        high=8,
    )
    hold: float = parameter(
        1.0,
        label="Hold on",
        tip="How strongly the model keeps to what it knew where nothing is painted.",
        low=0,
        high=10,
    )
    seed: int = parameter(
        0,
        label="Seed",
        tip="The same seed gives the same training, if its steps are counted and not its time.",
        low=0,
        high=2**31 - 1,
    )
    ndim: Dimensions = parameter(
        2,
        label="Dimensions",
        tip="From scratch only. 2: a network for planes, and for stacks plane by plane; 3: a network for volumes.",
        choices=get_args(Dimensions),
    )
    variant: Variant = parameter(
        "plain",
        label="Network",
        tip="From scratch only. plain: the U-Net; attention: gated skips; dense: dense blocks; multimodal: an encoder"
        " for each channel; cicek: the 3D U-Net's doubled channels.",
        choices=get_args(Variant),
    )
    width: int = parameter(16, label="Width", tip="Channels of the first level, from scratch only.", low=1, high=256)
    depth: int = parameter(
        0,
        label="Depth",
        tip="Levels of the network, from scratch only; 0: 5 for planes, 3 for volumes.",
        low=0,
        high=7,
    )
    padding: Padding = parameter(
        "valid",
        label="Padding",
        tip="From scratch only. valid: no padding as in the paper, tiles meet without a seam; same: images are padded"
        " with zeros, tiles overlap and are blended.",
        choices=get_args(Padding),
    )
    norm: Norm = parameter(
        "none",
        label="Normalisation",
        tip="From scratch only. What normalises between convolution and ReLU. none: as in the paper; batch, group:"
        " learns in fewer steps; group, instance: tiles do not meet exactly.",
        choices=get_args(Norm),
    )
    dropout: float = parameter(
        0.2,
        label="Dropout",
        tip="From scratch only. Share of the deepest features that a step leaves out.",
        low=0,
        high=0.9,
        step=0.05,
    )


# Those of `TrainSettings` that are for new networks only: a model to start from has them already.
OF_NEW_NETWORKS = ("ndim", "variant", "width", "depth", "padding", "norm", "dropout")


@dataclass(frozen=True, slots=True)
class PredictSettings(Checked):
    """How a network is applied to an image."""

    TITLE: ClassVar[str] = "Prediction"
    scale: float = parameter(
        0.0,
        label="Image scale",
        tip="Factor by which images are resized for the network; 0: as the model has learnt. A bundled model finds the"
        " factor at which it is surest, for each image.",
        low=0,
        high=8,
    )
    rotations: int = parameter(
        0,
        label="Rotations",
        tip="How many rotated or flipped copies of the image are segmented and averaged: 1 is fastest; 4 or 8 are"
        " better and take that many times as long; 7 as in the paper. 0: up to 4 for a small plane, as many as have a"
        " million pixels together; 1 for a larger plane or a volume.",
        low=0,
        high=8,
    )
    tile: int = parameter(
        0,
        label="Tile",
        tip="Edge of the part of an image that is computed at once; a smaller one needs less memory. 0: as large as"
        " memory allows.",
        unit="px",
        low=0,
        high=16384,
    )
    volumes: bool = parameter(
        False,
        label="Slices as a volume",
        tip="A 2D model looks at a stack of slices (z) along all three axes and averages: an object has one number"
        " through its slices. Takes as long as slice by slice if there are many planes of up to 500 x 500 px, up to six"
        " times as long if they are larger or few. No effect on single planes and time series, or with a 3D model.",
    )


@dataclass(frozen=True, slots=True)
class ObjectSettings(Checked):
    """How scores become labels."""

    TITLE: ClassVar[str] = "Objects"
    threshold: float = parameter(
        0.5,
        label="Threshold",
        tip="Score that a pixel needs to count as object: a higher one makes objects smaller.",
        low=0,
        high=1,
        step=0.05,
    )
    smallest: int = parameter(
        -1,
        label="Smallest object",
        tip="Smaller objects are left out; smaller parts of a class take the class around them. -1: those below a tenth"
        " of the usual painted size (a thirtieth where the edge of the image cuts them; parts of a class only if"
        " they are doubtful, too), and specks below 20 px, or below half of the usual size where that is less.",
        unit="px",
        low=-1,
        high=10**9,
    )
    least_sure: int = parameter(
        -1,
        label="Least sure object",
        tip="Objects of which the model is less sure (by their mean score, with doubtful pixels around them) are left"
        " out; of classes, only small parts. -1: those below three quarters of the usual certainty of painted"
        " objects, but none that is as sure as a painted one.",
        unit="%",
        low=-1,
        high=100,
    )
    fill_holes: bool = parameter(True, label="Fill holes", tip="Close holes inside objects.")
    split: bool = parameter(False, label="Split touching", tip="Cut objects at their necks (watershed).")


@dataclass(frozen=True, slots=True)
class Preferences(Checked):
    """What is kept from one start of the program to the next; shown in napari's Preferences."""

    device: Device = parameter(
        "auto",
        label="Device",
        tip="What to compute on. auto: the graphics card where there is one, else the processor.",
        choices=get_args(Device),
    )
    folder: str = parameter(
        "",
        label="Project folder",
        tip="Where models, trainings and automatically saved annotations are kept; empty: a folder of your user data.",
    )
    seconds: int = parameter(
        60, label="Training time", tip="How long to train, unless you say otherwise.", unit="s", low=1, high=86400
    )
