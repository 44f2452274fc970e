"""Tables of measurements on labels layers: called by `Layers` only, on the main thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_upaint.widgets._measuring import Measured

# In the metadata of a labels layer: its table, the features it had before, and how often its labels changed.
_TABLE, _BEFORE, _CHANGES = (f"napari-upaint {what}" for what in ("table", "features before", "changes"))
_MOST_ROWS = 1_000_000


def changes(layer: Any) -> int:
    """Return how often the labels of a layer were made anew."""
    return int(layer.metadata.get(_CHANGES, 0))


def table(layer: Any) -> Measured | None:
    """Return the measurements of a layer, None where it was not measured or its labels changed since."""
    found: Measured | None = layer.metadata.get(_TABLE)
    return found


def labels_changed(layer: Any) -> None:
    """Take a table away that is not true any more."""
    layer.metadata[_CHANGES] = changes(layer) + 1
    if layer.metadata.pop(_TABLE, None) is not None:
        layer.features = layer.metadata.pop(_BEFORE)


def show_table(layer: Any, measured: Measured, index: tuple[int, ...] | None) -> bool:
    """Keep a table and show it; False if the labels changed while they were measured."""
    if measured.plan.version != changes(layer):
        return False
    if table(layer) is None:
        layer.metadata[_BEFORE] = layer.features.copy()
    layer.metadata[_TABLE] = measured
    show_plane(layer, index)
    return True


def show_plane(layer: Any, index: tuple[int, ...] | None) -> None:
    """Show the rows of a plane as the layer's features: in another plane the same number is another object.

    None where many planes are in view: no row then.
    """
    measured = table(layer)
    if measured is None:
        return
    if index is None:
        layer.features = layer.metadata[_BEFORE]
        return
    rows = measured.plane(index)
    labels = rows.pop("label")
    # napari takes the number of a row for its label, in the status bar and in its table: row 0 is the background.
    length = int(labels.max(initial=0)) + 1
    if length > _MOST_ROWS:  # labels that were numbered by hand
        layer.features = {"index": labels} | rows
        return
    features: dict[str, np.ndarray] = {}
    for name, values in rows.items():
        features[name] = np.full(length, np.nan)
        features[name][labels] = values
    before = layer.metadata[_BEFORE]
    if {"index", "label"} <= set(before):  # classes have names
        names = dict(zip(before["index"], before["label"], strict=True))
        features["label"] = np.array([names.get(label, "") for label in range(length)])
    layer.features = features
