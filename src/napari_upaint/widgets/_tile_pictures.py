"""Tiles as pictures: the network's input with the paint on top, and the weights next to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.utils.colormaps import ensure_colormap

from napari_upaint.core.colours import label_rgb
from napari_upaint.core.resize import resize_labels
from napari_upaint.engine.progress import ShownTile

# The context of the pixels that are learnt from is shown darker by this factor.
_DIM = 0.45
_PAINT = 0.8
_GAP, _GRAY = 6, 110
COLUMNS = 3


def mosaic(tiles: Sequence[ShownTile], edge: int) -> np.ndarray:
    """Return tiles in rows, each with its weights at the right, as uint8 (Y, X, RGB).

    Parameters
    ----------
    edge : int
        Height of one tile in the picture, px.
    """
    most = max((float(tile.weights.max(initial=0)) for tile in tiles), default=0.0) or 1.0
    pairs = []
    for tile in tiles:
        seen, weights = tile_picture(tile), weight_picture(tile, most)
        shape = (edge, max(1, round(edge * seen.shape[1] / seen.shape[0])))
        pairs.append(_beside([_fit(seen, shape), _fit(weights, shape)], 2))
    rows = [_beside(pairs[at : at + COLUMNS], _GAP) for at in range(0, len(pairs), COLUMNS)]
    width = max(row.shape[1] for row in rows)
    even = [np.pad(row, ((0, _GAP), (0, width - row.shape[1]), (0, 0)), constant_values=_GRAY) for row in rows]
    return np.concatenate(even)[:-_GAP]


def tile_picture(tile: ShownTile) -> np.ndarray:
    """Return the network's input in gray or colour, labels over it; for volumes the middle slice; uint8 (Y, X, RGB)."""
    image, target = _middle(tile.image), _middle(tile.target[None])[0]
    shown = image[:3] if len(image) == 3 else np.repeat(image[:1], 3, axis=0)
    picture = 255 * np.clip(np.moveaxis(shown, 0, -1), 0, 1)
    inner = _inner(picture.shape[:2], target.shape)
    learnt, known = picture[inner].copy(), target >= 0
    learnt[known] = (1 - _PAINT) * learnt[known] + _PAINT * label_rgb(target[known].astype(int) + 1)
    picture *= _DIM
    picture[inner] = learnt
    return picture.astype(np.uint8)


def weight_picture(tile: ShownTile, most: float) -> np.ndarray:
    """Return the weights, black where nothing is learnt, brightest at `most`; as large as the input; uint8."""
    weights = _middle(tile.weights[None])[0]
    picture = np.zeros((*tile.image.shape[-2:], 3), np.uint8)
    colours = ensure_colormap("magma").map(np.sqrt(np.clip(weights / most, 0, 1)).ravel())[:, :3]
    part = (255 * colours).astype(np.uint8).reshape(*weights.shape, 3)
    part[weights == 0] = 0
    picture[_inner(picture.shape[:2], weights.shape)] = part
    return picture


def _middle(array: np.ndarray) -> np.ndarray:
    """Return the middle slice of (C, Z, Y, X); (C, Y, X) as it is."""
    return array[:, array.shape[1] // 2] if array.ndim == 4 else array


def _inner(outer: tuple[int, ...], inner: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(outer, inner, strict=True))


def _fit(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    source = resize_labels(np.arange(picture.shape[0] * picture.shape[1]).reshape(picture.shape[:2]), shape)
    return picture.reshape(-1, 3)[source]


def _beside(pictures: Sequence[np.ndarray], gap: int) -> np.ndarray:
    between = np.full((pictures[0].shape[0], gap, 3), _GRAY, np.uint8)
    parts = [part for picture in pictures for part in (picture, between)]
    return np.concatenate(parts[:-1], axis=1)
