"""Measurements of labels: size, shape and intensities of each label, in physical units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from skimage.measure import regionprops_table

from napari_upaint.core.ids import number_ids

Table = dict[str, np.ndarray]

# How units are written in the names of columns: letters that every program can read.
_SHORT = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "meter": "m", "pixel": "px"}
_INTENSITIES = ("mean", "min", "max", "std")


def measure(
    labels: np.ndarray,
    image: np.ndarray,
    *,
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    channels: Sequence[str] = (),
) -> Table:
    """Measure each label.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers or booleans, ([Z,] Y, X), 0 background.
    image : numpy.ndarray
        (C, [Z,] Y, X), real numbers.
    spacing : sequence of float or None
        Size of a pixel ([Z,] Y, X) in `unit`; None: 1 along each axis.
    unit : str
        Unit of `spacing`, as napari calls it.
    channels : sequence of str
        Names for the columns of intensities; without names, several channels are numbered.

    Returns
    -------
    dict of str to numpy.ndarray
        Columns of the same length, with one row per label in ascending order: ``label``; ``area_UNIT2`` (3D:
        ``volume_UNIT3``); ``diameter_UNIT`` of the circle (sphere) of that size; ``z_UNIT, y_UNIT, x_UNIT`` of the
        centre, where 0 is the centre of the first pixel; ``major_UNIT`` and ``minor_UNIT`` axis of the ellipse with the
        same second moments, and in 2D its ``eccentricity`` (0 for a circle, towards 1 for a line); mean, minimum,
        maximum and standard deviation of each channel.

    Raises
    ------
    ValueError
        If image and labels do not have the same shape.
    """
    if image.shape[1:] != labels.shape:
        raise ValueError(f"labels of shape {labels.shape} do not lie on an image of shape {image.shape}")
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    spacing = tuple(spacing) if spacing is not None else (1.0,) * labels.ndim
    found = _sizes(labels, spacing)
    number = labels.ndim
    short = _SHORT.get(unit, unit or "px")
    table = {
        "label": found["label"],
        f"{'area' if number == 2 else 'volume'}_{short}{number}": found["area"],
        f"diameter_{short}": found["equivalent_diameter_area"],
    }
    table |= {f"{axis}_{short}": found[f"centroid-{at}"] for at, axis in enumerate("zyx"[-number:])}
    table |= {f"{which}_{short}": found[f"axis_{which}_length"] for which in ("major", "minor")}
    if number == 2:
        table["eccentricity"] = found["eccentricity"]
    for at, channel in enumerate(image):
        name = channels[at] if at < len(channels) else f"channel_{at}" if len(image) > 1 else "intensity"
        table |= {f"{name}_{what}": values for what, values in _intensities(labels, channel, found["label"]).items()}
    return table


def measure_stack(
    indices: Iterable[tuple[Any, ...]],
    labels: Callable[[Any], np.ndarray],
    pixels: Callable[[Any], np.ndarray],
    *,
    names: Sequence[str],
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    channels: Sequence[str] = (),
) -> Table:
    """Measure each label of all planes, or volumes, of a stack. Planes without labels are not read.

    Parameters
    ----------
    indices : iterable of tuple
        Places of the planes along the axes before them; along Z of a volume, `slice(None)`.
    labels, pixels : callable
        Given an index, return labels ([Z,] Y, X) and image (C, [Z,] Y, X).
    names : sequence of str
        Of the axes along which `indices` has numbers.
    spacing, unit, channels
        See `measure`.

    Returns
    -------
    dict of str to numpy.ndarray
        A column for each of `names`, counted from 0, then those of `measure`.
    """
    tables: list[Table] = []
    for index in indices:
        found = labels(index)
        # The very first one, too, even if it is empty: it gives the columns.
        if not tables or found.any():
            table = measure(found, pixels(index), spacing=spacing, unit=unit, channels=channels)
            at, rows = [n for n in index if not isinstance(n, slice)], len(table["label"])
            tables.append({name: np.full(rows, n) for name, n in zip(names, at, strict=True)} | table)
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _sizes(labels: np.ndarray, spacing: tuple[float, ...]) -> Table:
    wanted = ["label", "area", "equivalent_diameter_area", "centroid", "axis_major_length", "axis_minor_length"]
    if labels.ndim == 2:
        wanted.append("eccentricity")
    # Without any label, a single pixel is measured to get the columns, and its row is removed.
    measured = labels if labels.any() else np.ones((1,) * labels.ndim, np.int32)
    names = None
    if int(measured.max()) > measured.size:
        # regionprops takes time and memory for every number up to the largest; the 0 put in front keeps 0 as it is.
        names, dense = number_ids(np.append(np.zeros(1, measured.dtype), np.maximum(measured, 0)))
        measured = dense[1:].reshape(measured.shape)
    with np.errstate(all="ignore"):
        found = regionprops_table(measured, properties=wanted, spacing=spacing)
    if names is not None:
        found["label"] = names[found["label"]]
    return found if labels.any() else {name: column[:0] for name, column in found.items()}


def _intensities(labels: np.ndarray, channel: np.ndarray, present: np.ndarray) -> Table:
    """Measure all labels by sorting once: a loop over thousands of objects would take seconds."""
    where = labels > 0
    ids, values = labels[where], channel[where].astype(np.float64)
    order = np.argsort(ids, kind="stable")
    ids, values = ids[order], values[order]
    starts = np.searchsorted(ids, present)
    counts = np.diff(np.append(starts, len(ids)))
    mean = np.add.reduceat(values, starts) / counts
    # Deviations from the mean, not squares of values: with a large mean those would cancel.
    deviation = np.sqrt(np.add.reduceat((values - np.repeat(mean, counts)) ** 2, starts) / counts)
    columns = (mean, np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts), deviation)
    return dict(zip(_INTENSITIES, columns, strict=True))
