"""The weight map: this package compared with the usual way, one distance transform per object."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from benchmarks.timing import Table, interleaved, milliseconds, ratio
from napari_upaint.core.weight_map import border_of, border_term, seeds_of, update_border, weight_map
from napari_upaint.settings import WeightSettings

W0, SIGMA = 10.0, 5.0
NOTE = (
    f"The border term of equation 2 of the paper, w0 = {W0:g}, sigma = {SIGMA:g} px, for random discs (balls in 3D) "
    "that may touch. "
)
COLUMNS = ("", "objects", "this package, ms", "others, ms", "ratio", "largest difference")


def tables() -> list[Table]:
    """Compare in 2D and 3D; time a large map, and its update after a stroke."""
    return [_beside_naive(), _large(), _stroke()]


def _beside_naive() -> Table:
    rows = []
    for shape, count, radius in (
        ((512, 512), 30, 20),
        ((512, 512), 300, 10),
        ((512, 512), 1000, 6),
        ((32, 128, 128), 100, 6),
    ):
        labels = discs(shape, count, radius)
        times = interleaved(
            {"ours": lambda labels=labels: border_term(labels), "boxes": lambda labels=labels: in_boxes(labels)}, 3
        )
        naive = interleaved({"naive": lambda labels=labels: one_by_one(labels)}, 1)["naive"]
        exact = one_by_one(labels)
        size = "x".join(map(str, shape))
        for name, other, values in (
            ("a transform of the whole image per object", naive, exact),
            ("a transform of a box per object", times["boxes"], in_boxes(labels)),
        ):
            difference = f"{np.abs(border_term(labels) - values).max():.1e}"
            n = str(len(np.unique(labels)) - 1)
            speed = ratio(other / times["ours"])
            rows.append((f"{size}, {name}", n, milliseconds(times["ours"]), milliseconds(other), speed, difference))
    return Table("Weight map compared with the naive formula", NOTE + "Others: scipy.", COLUMNS, rows)


def _large() -> Table:
    rows = []
    for radius in (10, 18):
        labels = discs((2048, 2048), 5000, radius)
        count = len(np.unique(labels)) - 1
        one = interleaved({"one": lambda labels=labels: ndimage.distance_transform_edt(labels != 1)}, 1)["one"]
        annotation = (labels + 1).astype(np.uint16)
        times = interleaved(
            {"border": lambda labels=labels: border_term(labels), "map": lambda a=annotation: weight_map(a, "objects")},
            5,
        )
        for name, ours in (("border term", times["border"]), ("whole weight map", times["map"])):
            others = f"{one * count:.3g}"
            rows.append(
                (f"{name}, radius {radius} px", str(count), milliseconds(ours), others, ratio(one * count / ours))
            )
    note = NOTE + "Others: the time of one distance transform, multiplied by the number of objects."
    return Table("Weight map of 2048x2048", note, COLUMNS[:-1], rows)


def _stroke() -> Table:
    annotation = (discs((2048, 2048), 5000, 10) + 1).astype(np.uint16)
    settings = WeightSettings()
    border = border_of(seeds_of(annotation, "objects"), "objects", settings, None)
    rows = []
    for size in (10, 50, 100):
        box = (slice(1000, 1000 + size), slice(700, 700 + size))

        def update(box: tuple[slice, slice] = box) -> None:
            update_border(border, annotation, box, settings, None)

        rows.append((f"{size}x{size} px", milliseconds(interleaved({"update": update}, 15)["update"])))
    note = "The update is exact. First column: the bounding box of the stroke."
    return Table("Weight map of 2048x2048 after a brush stroke", note, ("", "ms"), rows)


def one_by_one(labels: np.ndarray) -> np.ndarray:
    """Return the border term of eq. 2 as written: one distance transform of the whole image per object."""
    d1, d2 = np.full((2, *labels.shape), np.inf)
    for one in np.unique(labels[labels > 0]):
        d = ndimage.distance_transform_edt(labels != one)
        d2 = np.minimum(d2, np.maximum(d1, d))
        d1 = np.minimum(d1, d)
    return np.where(labels > 0, 0, W0 * np.exp(-((d1 + d2) ** 2) / (2 * SIGMA**2)))


def in_boxes(labels: np.ndarray) -> np.ndarray:
    """Return the border term of eq. 2 from one distance transform per object, in its box and 6 sigma around it."""
    far = int(6 * SIGMA)
    d1, d2 = np.full((2, *labels.shape), np.inf)
    for one, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        wide = tuple(slice(max(0, s.start - far), s.stop + far) for s in box)
        d = ndimage.distance_transform_edt(labels[wide] != one)
        d2[wide] = np.minimum(d2[wide], np.maximum(d1[wide], d))
        d1[wide] = np.minimum(d1[wide], d)
    return np.where(labels > 0, 0, W0 * np.exp(-((d1 + d2) ** 2) / (2 * SIGMA**2)))


def discs(shape: tuple[int, ...], count: int, radius: int) -> np.ndarray:
    """Return random discs or balls, int32; later ones cover earlier ones."""
    rng = np.random.default_rng(count)
    labels = np.zeros(shape, np.int32)
    for one in range(1, count + 1):
        middle = [int(rng.integers(n)) for n in shape]
        box = tuple(slice(max(0, m - radius), m + radius + 1) for m in middle)
        offsets = np.ogrid[
            tuple(slice(b.start - m, min(b.stop, n) - m) for b, m, n in zip(box, middle, shape, strict=True))
        ]
        labels[box][sum(o**2 for o in offsets) <= radius**2] = one
    return labels
