"""Measure the objects of a labels layer, plane by plane: frozen values, safe in threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from napari_upaint.core.measure import Table, measure_stack
from napari_upaint.settings import Kind
from napari_upaint.widgets._sources import AnnotationSource, ImageSource


@dataclass(frozen=True, slots=True, eq=False)
class MeasurePlan:
    """Labels and the image that they were made from; `version` says which labels those are.

    `ndim`: 2 for planes, 3 for volumes. `kind`: whether the labels are objects or classes. `others`: the other channels
    of the file, whose gray values inside are measured, too.
    """

    image: ImageSource
    labels: AnnotationSource
    version: int
    ndim: int
    kind: Kind
    others: tuple[ImageSource, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A table with a row for each object, or class, of each plane: leading indices, label, sizes, intensities."""

    plan: MeasurePlan
    table: Table

    @property
    def words(self) -> str:
        """What the table holds: "5 objects on 2 planes of cells labels"; for classes, also what their numbers mean.

        In a result, background is 0; in paint, it is 1.
        """
        places = np.stack([self.table[name] for name in (*self._leading, "label")], axis=1)
        classes = self.plan.kind == "classes"  # the same on every plane; each plane numbers its own objects
        number = len(np.unique(places[:, -1]) if classes else places)
        # Rows come plane by plane; to sort a million of them would take most of a second.
        planes = 1 + np.count_nonzero(np.diff(places[:, :-1], axis=0).any(axis=1))
        what = ("class" if number == 1 else "classes") if classes else f"object{'s' * (number != 1)}"
        where = f" on {planes} {'planes' if self.plan.ndim == 2 else 'volumes'}" if planes > 1 else ""
        numbers = " (label 1 is the class painted with 2, and so on)" if classes else ""
        return f"{number} {what}{where} of {self.plan.labels.name}{numbers}"

    @property
    def labels(self) -> Hashable:
        """Key of the labels layer."""
        return self.plan.labels.key

    def plane(self, index: tuple[int, ...]) -> Table:
        """Return the rows of one plane, without the columns that say which plane."""
        rows = self.rows(index)
        return {name: column[rows] for name, column in self.table.items() if name not in self._leading}

    @property
    def _leading(self) -> list[str]:
        names = list(self.table)
        return names[: names.index("label")]

    def rows(self, index: tuple[int, ...]) -> np.ndarray:
        """Return which of the N rows belong to a plane (to its volume, if volumes were measured), bool, (N,)."""
        rows = np.ones(len(self.table["label"]), bool)
        for name, at in zip(self._leading, index, strict=False):
            rows &= self.table[name] == at
        return rows

    def place(self, row: int) -> tuple[float, ...]:
        """Return the index of an object's centre along all axes of the image."""
        names = list(self.table)
        label, axes = names.index("label"), "zyx"[-self.plan.ndim :]
        centre = [next(name for name in names[label + 1 :] if name.startswith(f"{axis}_")) for axis in axes]
        sizes = self.plan.image.edges(self.plan.ndim) or (1.0,) * len(axes)
        pixels = (float(self.table[name][row]) / size for name, size in zip(centre, sizes, strict=True))
        return (*(float(self.table[name][row]) for name in names[:label]), *pixels)

    def diameter(self, row: int) -> float:
        """Return the major axis of an object in pixels."""
        name = next(name for name in self.table if name.startswith("major_"))
        edges = self.plan.image.edges(self.plan.ndim) or (1.0, 1.0)
        return float(self.table[name][row]) / min(edges[-2:])


def measure_planes(
    plan: MeasurePlan, stopped: threading.Event | None = None, tell: Callable[[int, int], None] | None = None
) -> Measured:
    """Measure all planes (or volumes) of a layer; those without labels are not read.

    `tell` is called with how many are done, and of how many. Once it is `stopped`, the others are left out.
    """
    image, edges, whole = plan.image, plan.image.edges(plan.ndim), (slice(None),) * plan.ndim

    def indices() -> Iterator[tuple[int, ...]]:
        lengths = image.shape[: -plan.ndim]
        for number, index in enumerate(product(*map(range, lengths))):
            if stopped is not None and stopped.is_set():
                return
            if tell is not None:
                tell(number, math.prod(lengths))
            yield index

    table = measure_stack(
        indices(),
        lambda index: np.array(plan.labels.data[index]),
        lambda index: np.concatenate([one.plane(index, whole) for one in (image, *plan.others)]),
        names=leading_names(image, plan.ndim),
        spacing=edges,
        unit="pixel" if edges is None else image.unit,  # without a unit, pixels are counted
        channels=("red", "green", "blue") if image.rgb else ("intensity", *map(_channel, plan.others)),
    )
    # The table stays with its labels, and must not keep the pixels of an image that was closed.
    plan = replace(plan, image=replace(image, data=np.broadcast_to(np.uint8(0), image.data.shape)), others=())
    return Measured(plan, table)


def _channel(image: ImageSource) -> str:
    """Return the name of a channel for its columns: without the name of the file, which the reader puts in front."""
    name, file = image.name, Path(image.file).name
    ends = [at for at, letter in enumerate(name) if letter == " " and file.startswith(name[:at])]
    return name[max(ends, default=-1) + 1 :].replace(" ", "_")


def leading_names(image: ImageSource, ndim: int) -> tuple[str, ...]:
    """Return the names of the columns that say in which plane (volume) an object is."""
    labels = image.placement.axis_labels[: len(image.shape) - ndim]
    return tuple(
        f"axis_{number}" if label.lstrip("-").isdigit() or label in ("label", "") else label
        for number, label in enumerate(labels, start=1)
    )
