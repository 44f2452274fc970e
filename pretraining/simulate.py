"""Invents images: shapes of many kinds, drawn as many kinds of microscopes might show them.

A handful of sets shows only a handful of dyes and organisms. What makes an object is more general: another gray level,
another texture, a rim, a halo, a shadow. So each image shows a random few of these, on shapes that are invented or come
from a real set.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

_MARGIN = 8  # px: the widest decay of a halo; distances to objects are measured up to four times this


def shapes(rng: np.random.Generator, size: int, low: float, high: float) -> np.ndarray:
    """Return int32 labels of (size, size): rods, round or lobed cells, or a tissue in which everything touches.

    Parameters
    ----------
    low, high : float
        Limits of the objects' diameters, px.
    """
    diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    kind = rng.random()
    if kind < 0.35:
        return _tissue(rng, size, diameter)
    return _placed(rng, size, diameter, rods=kind < 0.6)


def _tissue(rng: np.random.Generator, size: int, diameter: float) -> np.ndarray:
    """Return cells between membranes: pixels by nearest random point, bent; at times with gaps or missing cells."""
    wave = noise(rng, size, diameter * rng.uniform(0.5, 2), 2) * diameter * rng.uniform(0, 0.6)
    grid = np.indices((size, size)).reshape(2, -1).T + wave.reshape(2, -1).T
    count = max(3, int((size + 2 * diameter) ** 2 / diameter**2))
    points = rng.uniform(-diameter, size + diameter, (count, 2))
    if rng.random() < 0.5:  # sizes as uneven as in neurites; otherwise as even as in an epithelium
        points = np.concatenate([points, points[: count // 4] + rng.normal(0, diameter / 6, (count // 4, 2))])
    stretch = np.diag([1, rng.uniform(0.5, 1)])
    distance, nearest = cKDTree(points @ stretch).query(grid @ stretch, k=2)
    gap = rng.choice((0.0, rng.uniform(1, 4), rng.uniform(2, 8)))
    labels = nearest[:, 0] + 1
    labels[distance[:, 1] - distance[:, 0] < min(gap, diameter / 5)] = 0
    if rng.random() < 0.4:
        labels[rng.random(len(points) + 1)[labels] < rng.uniform(0, 0.6)] = 0
    return labels.reshape(size, size).astype(np.int32)


def _placed(rng: np.random.Generator, size: int, diameter: float, *, rods: bool) -> np.ndarray:
    """Return objects placed one by one, each under those before it, scattered or in heaps."""
    labels = np.zeros((size, size), np.int32)
    count = min(400, int(rng.uniform(0.1, 1.6) * (size / diameter) ** 2 * (2 if rods else 1)) + 2)
    heaps = rng.uniform(0, size, (int(rng.integers(1, 6)), 2)) if rng.random() < 0.5 else None
    spread, direction = size * rng.uniform(0.1, 0.3), rng.uniform(0, np.pi)
    order, shrink = rng.uniform(0, 1.5), int(rng.integers(0, 2))
    aspect = rng.uniform(2.5, 7) if rods else rng.uniform(1, 2.2)
    lobes = rng.normal(0, rng.uniform(0, 0.12), (count, 2, 4))
    spare = rng.uniform(0, 0.6)  # how much of an object may hide under another
    for number in range(count):
        center = rng.uniform(-5, size + 5, 2)
        if heaps is not None:
            center = heaps[rng.integers(len(heaps))] + rng.normal(0, spread, 2)
        length = diameter * rng.lognormal(0, 0.25)
        if rods:  # with the area of other objects of this diameter
            breadth = max(4.0, diameter / np.sqrt(aspect)) * rng.uniform(0.85, 1.15)
            length = breadth * aspect * rng.lognormal(0, 0.3)
        else:
            breadth = length / (1 + (aspect - 1) * rng.random())
        angle = direction + rng.normal(0, order)
        reach = int(max(length, diameter) * 0.75) + 2
        y0, x0 = (max(0, int(c) - reach) for c in center)
        y1, x1 = (min(size, int(c) + reach + 1) for c in center)
        if y0 >= y1 or x0 >= x1:
            continue
        y, x = np.arange(y0, y1)[:, None] - center[0], np.arange(x0, x1) - center[1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = -x * np.sin(angle) + y * np.cos(angle)
        if rods:
            beyond = np.maximum(np.abs(along + lobes[number, 0, 0] * across**2 / breadth) - (length - breadth) / 2, 0)
            inside = beyond**2 + across**2 < (breadth / 2) ** 2
        else:
            around = np.arctan2(across, along)
            radius = 1 + sum(
                a * np.cos(k * around) + b * np.sin(k * around)
                for k, a, b in zip((2, 3, 4, 5), *lobes[number], strict=True)
            )
            inside = (2 * along / length) ** 2 + (2 * across / breadth) ** 2 < radius**2
        part = labels[y0:y1, x0:x1]
        free = inside & (part == 0)
        if free.sum() > max(6.0, (1 - spare) * inside.sum()):
            part[ndimage.binary_erosion(free) if shrink else free] = number + 1
    return labels


def picture(rng: np.random.Generator, labels: np.ndarray, apart: float = 1.0) -> np.ndarray:
    """Return an image of labels ([Z,] Y, X) as some microscope might show them: the same shape, float32, about 0..1.

    Parameters
    ----------
    apart : float
        Distance between the slices of a volume, in px of Y and X.
    """
    size, ndim = labels.shape[0], labels.ndim
    known = np.maximum(labels, 0)
    spacing = (apart, 1, 1)[-ndim:]
    inside = ndimage.distance_transform_edt(_apart(known), spacing).astype(np.float32)
    outside = np.minimum(ndimage.distance_transform_edt(known == 0, spacing), 4 * _MARGIN).astype(np.float32)
    objects = inside > 0
    deepest = max(2.0, float(np.percentile(inside[objects], 95))) if objects.any() else 2.0
    signs = rng.choice((-1.0, 1.0), 8)
    plane = noise(rng, size, rng.uniform(20, 120), ndim=ndim)[0] * rng.uniform(0, 0.3)
    plane += noise(rng, size, rng.uniform(1.5, 8), ndim=ndim)[0] * rng.uniform(0, 0.25)
    told = 0.0  # how well objects can be told from the rest: cues are added until this suffices
    while told < 0.5:
        if rng.random() < 0.5:  # another gray level for each object; flat, or domed as in fluorescence
            levels = 1 + rng.uniform(0, 0.6) * rng.standard_normal(int(known.max()) + 1)
            dome = np.minimum(inside / (deepest * rng.uniform(0.05, 1)), 1) ** rng.uniform(0.3, 1)
            strength = rng.uniform(0.15, 1.2)
            plane += signs[0] * strength * np.clip(levels, 0.15, 2)[known] * dome * objects
            told += strength
        if rng.random() < 0.4:  # a rim, dark or bright, as of membranes
            width, strength = rng.uniform(0.6, 3), rng.uniform(0.2, 1)
            plane += signs[1] * strength * np.exp(-(((inside - rng.uniform(0, 2)) / width) ** 2)) * objects
            told += strength
        if rng.random() < 0.35:  # a halo around objects, as in phase contrast, or membranes between them
            width, strength = rng.uniform(1, _MARGIN), rng.uniform(0.2, 1)
            plane += signs[2] * strength * np.exp(-outside / width) * ~objects
            told += strength
        if rng.random() < 0.35:  # another texture
            strength = rng.uniform(0.2, 0.8)
            plane += strength * noise(rng, size, rng.uniform(1.5, 10), ndim=ndim)[0] * objects
            told += strength / 2
        if ndim == 2 and rng.random() < 0.25:  # a shadow on one side, as in differential interference contrast
            strength, shadow = _shadow(rng, inside, deepest)
            plane += shadow
            told += strength
    if rng.random() < 0.3:  # grains inside: nucleoli, vacuoles, mitochondria between membranes
        plane += signs[3] * rng.uniform(0.2, 1) * _grains(rng, labels.shape, deepest) * objects
    if rng.random() < 0.3:  # dirt anywhere
        plane += signs[4] * rng.uniform(0.2, 1) * _grains(rng, labels.shape, rng.uniform(3, 8))
    plane = _out_of_focus(rng, plane, apart)
    low, high = np.percentile(plane, (rng.uniform(0, 2), rng.uniform(98, 99.9)))
    return ((plane - low) / max(float(high - low), 1e-3)).astype(np.float32)


def _out_of_focus(rng: np.random.Generator, image: np.ndarray, apart: float) -> np.ndarray:
    if rng.random() < 0.6:
        image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1.5))
    if image.ndim == 3 and rng.random() < 0.6:  # a microscope blurs most along its axis
        image = ndimage.gaussian_filter1d(image, rng.uniform(0.5, 3) / apart, 0)
    return image


def _shadow(rng: np.random.Generator, inside: np.ndarray, deepest: float) -> tuple[float, np.ndarray]:
    """Return the strength of a shadow on one side of the objects, and the shadow, (Y, X)."""
    height = ndimage.gaussian_filter(np.minimum(inside, deepest * rng.uniform(0.1, 1)), rng.uniform(0.7, 2))
    height += noise(rng, len(inside), rng.uniform(3, 20))[0] * rng.uniform(0, 0.5)
    slope, angle = np.gradient(height), rng.uniform(0, 2 * np.pi)
    strength = float(rng.uniform(0.4, 1.5))
    return strength, strength * (np.cos(angle) * slope[0] + np.sin(angle) * slope[1])


def _apart(labels: np.ndarray) -> np.ndarray:
    """Return where objects are, without the pixels that touch another object."""
    objects = labels > 0
    for axis in range(labels.ndim):
        ahead, behind = ([slice(None)] * labels.ndim for _ in range(2))
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        differ = labels[tuple(ahead)] != labels[tuple(behind)]
        objects[tuple(ahead)] &= ~differ
    return objects


def noise(rng: np.random.Generator, size: int, grain: float, count: int = 1, *, ndim: int = 2) -> np.ndarray:
    """Return `count` smooth random fields (count, size, ...), standard deviation about 1, grains of `grain` px."""
    coarse = min(size, max(3, int(size / grain) + 2))
    fields = rng.standard_normal((count, *(coarse,) * ndim), np.float32)
    return np.stack([ndimage.zoom(field, size / coarse, order=1, mode="nearest", grid_mode=True) for field in fields])


def _grains(rng: np.random.Generator, shape: tuple[int, ...], deepest: float) -> np.ndarray:
    """Return an image of this shape with spots at random places, 0..1."""
    spots = (rng.random(shape) < 10 ** rng.uniform(-3.5, -2)).astype(np.float32)
    sigma = rng.uniform(0.7, max(1.0, deepest / 5))
    spots = ndimage.gaussian_filter(spots, sigma) * (2 * np.pi * sigma**2) ** (len(shape) / 2)
    return np.minimum(spots, 1)
