"""A side-by-side picture of a result: image, strokes, scores, labels, weight map. Pillow and NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.core.colours import label_rgb

# Dark blue through purple and orange to light yellow: even steps of lightness, readable in gray.
_RAMP = np.array([(4, 5, 30), (60, 15, 105), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)], float)
_GAP, _TITLE, _INK, _PAPER = 12, 34, (30, 30, 30), (255, 255, 255)


def gray(image: np.ndarray) -> np.ndarray:
    """Return a plane (C, Y, X), normalised to about 0..1, as RGB (Y, X, 3) uint8; colours only for three channels."""
    shown = image if len(image) == 3 else image[:1].repeat(3, axis=0)
    return np.asarray(np.clip(shown, 0, 1) * 255, np.uint8).transpose(1, 2, 0)


def ramp(values: np.ndarray, highest: float) -> np.ndarray:
    """Return values 0..highest, axes (Y, X), as RGB (Y, X, 3) uint8."""
    at = np.clip(values.astype(float) / max(highest, 1e-9), 0, 1) * (len(_RAMP) - 1)
    steps = np.arange(len(_RAMP))
    return np.stack([np.interp(at, steps, _RAMP[:, c]) for c in range(3)], axis=-1).astype(np.uint8)


def strokes(base: np.ndarray, annotation: np.ndarray) -> np.ndarray:
    """Return RGB (Y, X, 3) with an annotation (Y, X) painted on it, in the colours of the window."""
    painted = base.copy()
    painted[annotation > 0] = label_rgb(annotation[annotation > 0])
    return painted


def labels(base: np.ndarray, found: np.ndarray, truth: np.ndarray | None = None) -> np.ndarray:
    """Return RGB (Y, X, 3) with tinted, outlined objects (Y, X); outlines of the truth, if there is one, in white."""
    from skimage.segmentation import find_boundaries

    tinted, inside = base.copy(), found > 0
    colours = label_rgb(found + 1)
    tinted[inside] = (0.55 * base + 0.45 * colours)[inside]
    edge = inside & find_boundaries(found, mode="inner")
    tinted[edge] = colours[edge]
    if truth is not None:
        tinted[find_boundaries(truth, mode="outer") & ~edge] = 255
    return tinted


def side_by_side(panels: Sequence[tuple[str, np.ndarray]], path: Path, *, height: int = 480) -> None:
    """Write titled panels next to each other as a PNG.

    Parameters
    ----------
    panels : sequence of (str, numpy.ndarray)
        Title and RGB (Y, X, 3) uint8, all of one shape; enlarged or reduced to `height`.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    y, x = panels[0][1].shape[:2]
    width = max(1, round(height * x / y))
    sheet = Pillow.new("RGB", (_GAP + len(panels) * (width + _GAP), _TITLE + height + _GAP), _PAPER)
    drawing = ImageDraw.Draw(sheet)
    for number, (title, rgb) in enumerate(panels):
        left = _GAP + number * (width + _GAP)
        # Painted pixels stay crisp when they are enlarged; a large image is averaged down.
        how = Pillow.Resampling.NEAREST if height >= y else Pillow.Resampling.BOX
        sheet.paste(Pillow.fromarray(rgb).resize((width, height), how), (left, _TITLE))
        drawing.text((left, _TITLE // 2), title, fill=_INK, font=_font(title, width, drawing), anchor="lm")
    sheet.save(path)


def _font(title: str, width: int, drawing: Any) -> Any:
    """Return the largest font, at most 18 px, in which a title fits over its panel."""
    from PIL import ImageFont

    for size in range(18, 7, -1):
        font = ImageFont.load_default(size)
        if drawing.textlength(title, font=font) <= width:
            break
    return font
