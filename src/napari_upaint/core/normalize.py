"""Normalisation: map gray values of any range to about 0..1, measured once per image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_upaint.core.bands import bands
from napari_upaint.core.finite import check_finite
from napari_upaint.errors import ImageError

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.8
# A hot pixel may be a hundred times brighter than the cells; values beyond these limits tell nothing more.
CLIP = (-1.0, 3.0)
# More values would not move a percentile visibly, and cost memory.
_MOST_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Normalization:
    """Gray values that become 0 and 1, one pair per channel.

    Attributes
    ----------
    low, high : tuple of float
        Percentiles 1 and 99.8 of each channel.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return ``(image - low) / (high - low)`` as float32, clipped to -1..3.

        Parameters
        ----------
        image : numpy.ndarray
            Axes (C, [Z,] Y, X), as many channels as were measured.

        Raises
        ------
        ImageError
            If the image has another number of channels.
        """
        if len(image) != len(self.low):
            raise ImageError(
                f"The image has {len(image)} channels, expected {len(self.low)}; choose the same channels."
            )
        shape = (-1,) + (1,) * (image.ndim - 1)
        # float32 if it can hold the values; in int32 or float64 a contrast of a few units on a billion would be lost.
        kind = np.result_type(image.dtype, np.float32)
        low = np.asarray(self.low, kind).reshape(shape)
        contrast = np.subtract(self.high, self.low).astype(kind).reshape(shape)
        result = np.empty_like(image, np.float32, subok=False)
        for band in bands(image.shape[1:]):
            scaled = image[:, band].astype(kind)
            scaled -= low
            scaled /= contrast
            result[:, band] = np.clip(scaled, *CLIP, out=scaled)
        return result


def measure(image: np.ndarray, name: str = "image") -> Normalization:
    """Measure the normalisation of a whole image, axes (C, [Z,] Y, X).

    A channel without contrast is kept if others have some (it becomes 0 everywhere).

    Raises
    ------
    ImageError
        If there are no pixels, every channel is constant, or values are NaN or infinite.
    """
    if not image.size:
        raise ImageError(f"{name} has no pixels (its shape is {image.shape}); choose another image.")
    if image.dtype == bool:  # NumPy has no percentiles of booleans
        image = image.view(np.uint8)
    low, high, constant = [], [], 0
    for channel in image:
        values = np.ravel(channel[tuple(slice(None, None, s) for s in _strides(channel.shape))])
        if values.dtype.kind == "i" or values.dtype.char == "e":  # signed or half precision: differences overflow
            values = values.astype(np.float64 if values.dtype.kind == "i" else np.float32)
        check_finite(channel, name)
        a, b = (float(v) for v in np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE)))
        if not b > a:  # very sparse signal: fall back to the full range
            a, b = float(channel.min()), float(channel.max())
        if not b > a:
            constant += 1
            b = a + max(1.0, abs(a))  # in float32, a billion and one is a billion
        low.append(a)
        high.append(b)
    if constant == len(low):
        found = ", ".join(f"{value:g}" for value in dict.fromkeys(low))
        where = "every pixel is" if len(set(low)) == 1 else "its channels are"
        raise ImageError(f"{name} is constant ({where} {found}); there is nothing to see in it.")
    return Normalization(tuple(low), tuple(high))


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return strides per axis that leave at most a few million values, evenly spread."""
    step = max(1, round((np.prod(shape, dtype=float) / _MOST_VALUES) ** (1 / max(1, len(shape)))))
    return tuple(min(step, max(1, n // 64)) for n in shape)
