"""Segment every plane of many images: one is read while the engine works on the one before."""

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

# A source whose planes fail one after the other is given up: a thousand planes would say the same.
_FAILURES_IN_A_ROW = 2


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image to be segmented, plane by plane.

    Attributes
    ----------
    leading_shape : tuple of int
        Lengths of the axes that are neither channels nor Y and X, of volumes nor Z; () for a single plane.
    read_plane : callable
        Reads the plane (volume) of an index into the leading axes: (C, [Z,] Y, X). A lazy image is never read as a
        whole.
    normalization : Normalization or None
        None: measured on a few planes before the first one.
    spacing : tuple of float or None
        Of volumes: the size of a voxel, (Z, Y, X), None where it is not known.
    sight : callable or None
        Finds how the model sees the image, once the engine has nothing else to do; None: by the planes of this source.
    made : mapping of tuple of int to str
        What the planes that are there already were made of, see `BatchEvent`. Such a plane is left as it is if it would
        be made of the same; unless none is missing in the whole plan: then all are made anew.
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
    """What is to be segmented, with which model and how."""

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
    """One plane is done, or was there already, or failed, or a whole source failed.

    Attributes
    ----------
    source : int
        Position in the plan.
    name : str
        Name of the source.
    plane : tuple of int or None
        Index of the plane; None where the source as a whole failed.
    result : PlaneResult or None
        None where it failed, or was there already.
    error, details : str
        The sentence for the user and what stands behind it; empty where all went well.
    done, total : int
        Planes that are dealt with, of how many; those of a source that was given up count.
    made : str
        What the scores were made of, see `session.made`; "" where that is not known.
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
        """Whether the plane was there already."""
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
    """Segment all planes of all sources in order; what fails is reported and does not stop the others.

    Parameters
    ----------
    engine : EngineProcess
    stopped : callable
        Asked between planes and while one is being worked on; from True on, nothing more is begun.
    listener : callable or None
        Called with the messages of each job, for progress within a plane.

    Yields
    ------
    BatchEvent
        In the order of the plan. Run it in a thread: it reads images and waits for the engine.
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
    job: Job | None  # None: it is there already
    made: str


class _Batch:
    """What is under way of a plan."""

    def __init__(
        self, plan: BatchPlan, engine: EngineProcess, stopped: Callable[[], bool], listener: Listener | None
    ) -> None:
        self._plan, self._engine, self._stopped, self._listener = plan, engine, stopped, listener
        self._ahead: deque[_Plane] = deque()
        self._failures = [0] * len(plan.sources)  # in a row
        self._left = [source.n_planes for source in plan.sources]
        how = self._how()
        kept = (how and one.made.get(index, "").startswith(how) for one in plan.sources for index in one.indices())
        self._anew = all(kept)  # whoever asks for all that is there wants it anew

    def of_source(self, number: int, source: Source) -> Iterator[BatchEvent]:
        """Submit every plane of a source, yielding what gets done meanwhile (of the source before, too)."""
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
                if self._stopped():  # it had to be ended
                    return
                yield self._failed(plane.source, plane.index, error)
                continue
            if plane.job is not None and not isinstance(result, PlaneResult):  # stopped before it was done
                return
            self._failures[plane.source] = 0
            self._left[plane.source] -= 1
            # A model that was replaced meanwhile may have been read before or after that.
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
        """Drop what is under way."""
        for plane in self._ahead:
            if plane.job is not None:
                plane.job.cancel()
