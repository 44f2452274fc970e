"""Messages between the window's process and the engine process: frozen, typed, both ways."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import (
    DeviceLine,
    PlaneResult,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Sight,
    TilesResult,
    Told,
    TrainProgress,
    TrainResult,
)
from napari_upaint.io.bioimage import PackageWritten
from napari_upaint.io.models import DEFAULT_MODEL, ModelFile
from napari_upaint.settings import AugmentSettings, Kind, ObjectSettings, PredictSettings, TrainSettings, WeightSettings

Model = ModelFile | str | Path
Payload = (
    TrainProgress
    | TrainResult
    | SamplesHeard
    | PredictProgress
    | PlaneResult
    | Sight
    | PreviewResult
    | TilesResult
    | PackageWritten
    | DeviceLine
)


class Request:
    """Something that the engine can be asked for.

    Attributes
    ----------
    task : str
        Name of the generator in the table of ``engine/tasks.py``; the fields are its arguments. A name and not the
        function: this floor must not import the one that imports torch.
    """

    __slots__ = ()
    task: ClassVar[str]

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the task's generator."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]

    def on(self, device: str) -> Self:
        """Return the request for this device; a request that uses no device stays as it is."""
        return replace(self, device=device) if hasattr(self, "device") else self  # type: ignore[type-var]


@dataclass(frozen=True, slots=True, eq=False)
class TrainRequest(Request):
    """Train on samples; answered by many `TrainProgress` and a `TrainResult`.

    Attributes
    ----------
    start : ModelFile, str, pathlib.Path or None
        Model to start from: in memory, a bundled one's name, or a file; None trains from scratch.
    checkpoint : pathlib.Path or None
        File that the weights are written to every `checkpoint_seconds` while it trains.
    resume : ModelFile, pathlib.Path or None
        Checkpoint of an interrupted training from the same start, to continue from.
    """

    task: ClassVar[str] = "train"
    samples: tuple[Sample, ...]
    kind: Kind = "objects"
    start: Model | None = DEFAULT_MODEL
    settings: TrainSettings = field(default_factory=TrainSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    device: str = "auto"
    name: str = "my model"
    checkpoint: Path | None = None
    checkpoint_seconds: float = 10.0
    resume: ModelFile | Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest(Request):
    """Segment a plane (C, Y, X) or a volume; answered by `PredictProgress` and a `PlaneResult`.

    `spacing` is the size of a voxel, (Z, Y, X), None if unknown; `sight` is how the model sees the whole image, None to
    find that from this plane.
    """

    task: ClassVar[str] = "segment"
    image: np.ndarray
    normalization: Normalization
    model: Model
    settings: PredictSettings = field(default_factory=PredictSettings)
    objects: ObjectSettings = field(default_factory=ObjectSettings)
    device: str = "auto"
    spacing: tuple[float, ...] | None = None
    sight: Sight | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LookRequest(Request):
    """Find how a model sees an image from windows of it, (C, [Z,] Y, X); answered by `PredictProgress` and `Sight`."""

    task: ClassVar[str] = "look"
    windows: tuple[np.ndarray, ...]
    normalization: Normalization
    model: Model
    settings: PredictSettings = field(default_factory=PredictSettings)
    device: str = "auto"
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PreviewRequest(Request):
    """Predict what is in view; answered by `PredictProgress` and a `PreviewResult`."""

    task: ClassVar[str] = "preview"
    view: PreviewView
    model: Model
    device: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class TilesRequest(Request):
    """Draw tiles as a training with these settings would; answered by `PredictProgress` and a `TilesResult`.

    Attributes
    ----------
    first, count : int
        Number of the first tile, and how many.
    """

    task: ClassVar[str] = "tiles"
    samples: tuple[Sample, ...]
    kind: Kind = "objects"
    start: Model | None = DEFAULT_MODEL
    settings: TrainSettings = field(default_factory=TrainSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    device: str = "auto"
    first: int = 0
    count: int = 9


@dataclass(frozen=True, slots=True, eq=False)
class ExportRequest(Request):
    """Write a model as a package for other programs; answered by a `PackageWritten`.

    Attributes
    ----------
    path : pathlib.Path
        Replaced if it exists.
    scale : float
        Scale of images for the network; 0: the one that the model has learnt.
    authors : tuple of str
    """

    task: ClassVar[str] = "export"
    model: Model
    path: Path
    scale: float = 0.0
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRequest(Request):
    """Ask what the engine computes on; answered by a `DeviceLine`. Loads torch: a good first request to warm it up."""

    task: ClassVar[str] = "device"
    device: str = "auto"


# To the engine process -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Do this now."""

    job_id: int
    request: Request


@dataclass(frozen=True, slots=True, eq=False)
class Tell:
    """Send a message to the running generator of a job, between two steps."""

    job_id: int
    message: Told


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process, whatever it is doing."""


# From the engine process -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The process listens; `pid` is its own id, which may differ from that of the program that was started."""

    pid: int


@dataclass(frozen=True, slots=True)
class Begun:
    """The process took this job's order; if it dies before that, the job is not to blame."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Stopping:
    """The generator of this job has heard the Stop: it is finishing and does not hang."""

    job_id: int


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """What the generator of a job yielded."""

    job_id: int
    payload: Payload


@dataclass(frozen=True, slots=True)
class Finished:
    """The job ended (or was stopped before it began: then there were no events)."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed.

    Attributes
    ----------
    sentence : str
        For the user.
    details : str
        Traceback or the end of the process' log, for a "Details" button; may be empty.
    """

    job_id: int
    sentence: str
    details: str = ""


JobMessage = Event | Finished | Failed
ToEngine = Order | Tell | Shutdown
FromEngine = Ready | Begun | Stopping | Event | Finished | Failed
