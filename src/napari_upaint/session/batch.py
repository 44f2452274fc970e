"""Segment every plane of many images: while the engine works on one plane, the next is read."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import PlaneResult, Sight
from napari_upaint.errors import UserError, with_name
from napari_upaint.session.faults import describe
from napari_upaint.session.gray_values import measure_gray_values, thinned
from napari_upaint.session.job import EngineProcess, Job, Listener
from napari_upaint.session.looking import Looking
from napari_upaint.session.made import made_how, made_of
from napari_upaint.session.protocol import Model, SegmentRequest
from napari_upaint.settings import ObjectSettings, PredictSettings

# After this many failures in a row a source is given up: a thousand planes would fail for the same reason.
_FAILURES_IN_A_ROW = 2


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image to be segmented, plane by plane.

    Attributes
    ----------
    name : str
        The user's name of the image; appears in messages.
    leading_shape : tuple of int
        Lengths of the axes other than channels, Y and X (and, for volumes, Z); () for a single plane.
    read_plane : callable
        Reads the plane (or volume) at an index into the leading axes: (C, [Z,] Y, X). A lazy image is never read as
        a whole.
    normalization : Normalization or None
        None: measured on a few planes before the first is segmented.
    spacing : tuple of float or None
        For volumes: the size of a voxel, (Z, Y, X); None if unknown.
    sight : callable or None
        Finds how the model sees the image; it may wait for the engine. None: found from the planes of this source.
    made : mapping of tuple of int to str
        What the planes that exist already were made from, see `BatchEvent`. Such a plane is kept if it would be made
        from the same again, unless no plane of the whole plan is missing: then all are redone.
    """

    name: str
    leading_shape: tuple[int, ...]
    read_plane: Callable[[tuple[int, ...]], np.ndarray]
    normalization: Normalization | None = None
    spacing: tuple[float, ...] | None = None
    sight: Callable[[], Sight | None] | None = None
    made: Mapping[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def n_planes(self) -> int:
        """Number of planes."""
        return math.prod(self.leading_shape)

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the planes."""
        return product(*(range(n) for n in self.leading_shape))


@dataclass(frozen=True, slots=True, eq=False)
class BatchPlan:
    """What is to be segmented, with which model and how.

    Attributes
    ----------
    sources : tuple of Source
    model : ModelFile, str or Path
        A model, or its name or file.
    settings : PredictSettings
    objects : ObjectSettings
        How scores become labels.
    device : str
        "auto", "cpu", "cuda", ...
    """

    sources: tuple[Source, ...]
    model: Model
    settings: PredictSettings = field(default_factory=PredictSettings)
    objects: ObjectSettings = field(default_factory=ObjectSettings)
    device: str = "auto"

    @property
    def n_planes(self) -> int:
        """Number of planes of all sources."""
        return sum(source.n_planes for source in self.sources)


@dataclass(frozen=True, slots=True, eq=False)
class BatchEvent:
    """One plane is done, existed already, or failed; or a whole source failed.

    Attributes
    ----------
    source : int
        Position in the plan.
    name : str
        Name of the source.
    plane : tuple of int or None
        Index of the plane; None if the source as a whole failed.
    result : PlaneResult or None
        None if the plane failed or existed already.
    error, details : str
        The sentence for the user and the details (a traceback); empty if all went well.
    done, total : int
        Planes dealt with so far, and in all; those of a source that was given up count as dealt with.
    made : str
        What the scores were made from, see `session.made`; "" if unknown.
    """

    source: int
    name: str
    plane: tuple[int, ...] | None
    result: PlaneResult | None
    error: str
    details: str
    done: int
    total: int
    made: str = ""

    @property
    def kept(self) -> bool:
        """Whether the plane existed already."""
        return self.result is None and not self.error


def measure_source(source: Source) -> Normalization:
    """Measure the gray values of a source once; see `measure_gray_values`."""

    def read(index: tuple[int, ...]) -> np.ndarray:
        plane = np.asarray(source.read_plane(index))
        some = thinned(plane[0].size)
        return plane[:, some, some]

    return measure_gray_values(source.name, source.leading_shape, read)


def run_batch(
    plan: BatchPlan,
    engine: EngineProcess,
    *,
    stopped: Callable[[], bool] = lambda: False,
    listener: Listener | None = None,
) -> Iterator[BatchEvent]:
    """Segment all planes of all sources in order; a failure is reported and does not stop the rest.

    Parameters
    ----------
    engine : EngineProcess
    stopped : callable
        Asked between planes and while one is being worked on; once it returns True, nothing more is begun.
    listener : callable or None
        Called with the messages of each job, for progress within a plane.

    Yields
    ------
    BatchEvent
        In the order of the plan. Iterate in a thread: this reads images and waits for the engine.
    """
    batch = _Batch(plan, engine, stopped, listener)
    try:
        for number, source in enumerate(plan.sources):
            for event in batch.of_source(number, source):
                yield event
                if stopped():
                    return
            if stopped():
                return
        yield from batch.finish(0)
    finally:
        batch.cancel()


@dataclass(slots=True)
class _Plane:
    source: int
    index: tuple[int, ...]
    job: Job | None  # None: the plane exists already
    made: str


class _Batch:
    """A plan that is being carried out."""

    def __init__(
        self, plan: BatchPlan, engine: EngineProcess, stopped: Callable[[], bool], listener: Listener | None
    ) -> None:
        self._plan, self._engine, self._stopped, self._listener = plan, engine, stopped, listener
        self._ahead: deque[_Plane] = deque()
        self._failures = [0] * len(plan.sources)  # in a row
        self._left = [source.n_planes for source in plan.sources]
        how = self._how()
        kept = (how and one.made.get(index, "").startswith(how) for one in plan.sources for index in one.indices())
        self._anew = all(kept)  # whoever asks for nothing but planes that exist wants them redone

    def of_source(self, number: int, source: Source) -> Iterator[BatchEvent]:
        """Submit every plane of a source and yield what is done meanwhile, including planes of the source before."""
        try:
            normalization = source.normalization or measure_source(source)
            sight = self._sight(source, normalization)
        except Exception as error:
            yield from self.finish(0)
            self._left[number] = 0
            yield self._event(number, None, None, *describe(error))
            return
        for index in source.indices():
            if self._stopped() or self._failures[number] >= _FAILURES_IN_A_ROW:
                break
            try:
                plane = self._begin(number, index, normalization, sight)
            except Exception as error:
                yield from self.finish(0)
                yield self._failed(number, index, error)
                continue
            self._ahead.append(plane)
            yield from self.finish(1)

    def _how(self) -> str:
        return made_how(self._plan.model, self._plan.settings)

    def _sight(self, source: Source, normalization: Normalization) -> Sight | None:
        if source.sight is not None:
            return source.sight()
        plan = self._plan
        looking = Looking(plan.model, self._engine, plan.settings, plan.device, self._stopped)
        return looking.at(source.leading_shape, source.read_plane, normalization, source.spacing)

    def _begin(self, number: int, index: tuple[int, ...], normalization: Normalization, sight: Sight | None) -> _Plane:
        plan, source = self._plan, self._plan.sources[number]
        image = np.ascontiguousarray(source.read_plane(index))
        made = made_of(self._how(), image, normalization, source.spacing, sight)
        if made and not self._anew and source.made.get(index) == made:
            return _Plane(number, index, None, made)
        how = plan.settings, plan.objects, plan.device, source.spacing, sight
        request = SegmentRequest(image, normalization, plan.model, *how)
        return _Plane(number, index, self._engine.submit(request, self._listener), made)

    def finish(self, leave: int) -> Iterator[BatchEvent]:
        """Wait until at most `leave` planes are under way."""
        while len(self._ahead) > leave:
            plane = self._ahead.popleft()
            try:
                result: Any = None if plane.job is None else plane.job.wait_unless(self._stopped)
            except UserError as error:
                if self._stopped():  # the job had to be killed
                    return
                yield self._failed(plane.source, plane.index, error)
                continue
            if plane.job is not None and not isinstance(result, PlaneResult):  # stopped before it was done
                return
            self._failures[plane.source] = 0
            self._left[plane.source] -= 1
            # If the model's file was replaced meanwhile, nobody knows which of the two was read.
            made = plane.made if plane.made.startswith(self._how()) else ""
            yield replace(self._event(plane.source, plane.index, result), made=made)

    def _failed(self, number: int, index: tuple[int, ...], error: Exception) -> BatchEvent:
        self._failures[number] += 1
        self._left[number] -= 1
        if self._failures[number] >= _FAILURES_IN_A_ROW:
            self._left[number] = sum(plane.source == number for plane in self._ahead)
        sentence, details = describe(error)
        name, plane = self._plan.sources[number].name, ", ".join(map(str, index))
        sentence = with_name(sentence, f"Plane {plane} of {name}" if plane else name)
        return self._event(number, index, None, sentence, details)

    def _event(
        self, number: int, index: tuple[int, ...] | None, result: PlaneResult | None, error: str = "", details: str = ""
    ) -> BatchEvent:
        total = self._plan.n_planes
        name = self._plan.sources[number].name
        return BatchEvent(number, name, index, result, error, details, total - sum(self._left), total)

    def cancel(self) -> None:
        """Cancel the jobs under way."""
        for plane in self._ahead:
            if plane.job is not None:
                plane.job.cancel()
