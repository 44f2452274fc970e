"""Measure the objects of a labels layer, plane by plane, and write the table: frozen values, safe in threads."""

from __future__ import annotations

import csv
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from napari_upaint.core.measure import Table, measure
from napari_upaint.io.atomic import replacing
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


def measure_planes(plan: MeasurePlan) -> Measured:
    """Measure all planes (or volumes) of a layer; those without labels are not read."""
    image, names, edges = plan.image, leading_names(plan.image, plan.ndim), plan.image.edges(plan.ndim)
    channels = ("red", "green", "blue") if image.rgb else ("intensity", *map(_channel, plan.others))
    whole = (slice(None),) * plan.ndim
    tables: list[Table] = []
    for index in product(*(range(n) for n in image.shape[: -plan.ndim])):
        labels = np.array(plan.labels.data[index])
        # The very first one, too, even if it is empty: it gives the columns.
        if not tables or labels.any():
            found = measure(
                labels,
                np.concatenate([one.plane(index, whole) for one in (image, *plan.others)]),
                spacing=edges,
                unit="pixel" if edges is None else image.unit,  # without a unit, pixels are counted
                channels=channels,
            )
            rows = len(found["label"])
            tables.append({name: np.full(rows, at) for name, at in zip(names, index, strict=True)} | found)
    # The table stays with its labels, and must not keep the pixels of an image that was closed.
    plan = replace(plan, image=replace(image, data=np.broadcast_to(np.uint8(0), image.data.shape)), others=())
    return Measured(plan, {name: np.concatenate([table[name] for table in tables]) for name in tables[0]})


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


def write_table(table: Table, path: Path) -> Path:
    """Write a table as CSV with a header line, whole or not at all.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    path = path if path.suffix else path.with_suffix(".csv")
    with replacing(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        columns = [[_plain(value) for value in column.tolist()] for column in table.values()]
        writer.writerows(zip(*columns, strict=True))
    return path


def _plain(value: float) -> str:
    # Nine digits tell all 32-bit numbers apart; 0.30000000000000004 in a table helps nobody.
    return str(value) if isinstance(value, int) else f"{value:.9g}"
