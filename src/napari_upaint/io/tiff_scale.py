"""What a TIFF says about its axes: steps, units and names of channels, as many programs write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# Larger pixels (micrometers) come from print settings such as 72 or 300 dots per inch, not from a microscope.
_LARGEST_PRINTED = 10.0
_INCH = 25400.0  # micrometers
# Steps beyond these are not real sizes, and computing with them would overflow.
_SENSIBLE = (1e-9, 1e9)
_MICROMETERS = {
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    # Two characters look like a mu: the micro sign and the Greek letter.
    **dict.fromkeys(("\u00b5m", "\u03bcm", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("\u00e5", "\u212b", "angstrom"), 1e-4),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-6),
    **dict.fromkeys(("in", "inch"), _INCH),
}
_SECONDS = {
    "ms": 1e-3,
    "msec": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
}


@dataclass
class Scale:
    """What a file says about its axes: step per axis, unit of Z, Y and X, names of the channels."""

    spacing: dict[str, float] = field(default_factory=dict)
    unit: str = "pixel"
    channel_names: tuple[str, ...] = ()

    def put(self, letter: str, value: Any, factor: float = 1.0) -> None:
        """Note the step along an axis, unless it is nonsense (not a number, zero or less, out of all proportion)."""
        try:
            step = float(value) * factor
        except (TypeError, ValueError):
            return
        if _SENSIBLE[0] <= step <= _SENSIBLE[1]:
            self.spacing[letter] = step


def micrometers(unit: object) -> float | None:
    r"""Return the length of a unit in micrometers, None if it is unknown or not a length.

    Understands the spellings of ImageJ (`micron`, `\u00B5m`), OME and pint.
    """
    word = str(unit or "").strip().lower().replace("\\u00b5", "\u00b5").replace("\\u00e5", "\u00e5")
    return _MICROMETERS.get(word)


def seconds(unit: object) -> float | None:
    """Return the length of a unit of time in seconds, None if it is unknown or not a time."""
    word = str(unit or "").strip().lower()
    return _SECONDS.get(word, _SECONDS.get(word.removesuffix("s")))


def read_scale(tiff: TiffFile, series: TiffPageSeries, axes: str) -> Scale:
    """Return what a TIFF says about the axes of one of its series, from the most detailed source in it.

    Parameters
    ----------
    axes : str
        Letters of the axes, as in `Image`.
    """
    channels = series.shape[axes.index("C")] if "C" in axes else 0
    if tiff.is_ome:
        scale = _from_ome(tiff, series)
    elif tiff.is_imagej:
        scale = _from_imagej(tiff, channels)
    elif tiff.is_lsm:
        scale = _from_lsm(tiff.lsm_metadata or {})
    elif tiff.is_shaped and isinstance((told := (tiff.shaped_metadata or ({},))[0]).get("spacing"), Mapping):
        scale = _from_shaped(told)  # as this program writes it; others write a number, as ImageJ does
    else:
        scale = _from_resolution(series.keyframe)
    scale.spacing = {letter: scale.spacing[letter] for letter in axes if letter in scale.spacing}
    if len(scale.channel_names) != max(1, channels):
        scale.channel_names = ()
    return scale


def ome_root(tiff: TiffFile) -> ElementTree.Element | None:
    """Return the header of an OME-TIFF, None if it cannot be read."""
    try:
        return ElementTree.fromstring(tiff.ome_metadata or "")  # noqa: S314 (tifffile has parsed it before)
    except ElementTree.ParseError:
        return None


def ome_pixels(root: ElementTree.Element, tiff: TiffFile, series: TiffPageSeries) -> ElementTree.Element | None:
    """Return what the header of an OME-TIFF says about a series, None if nothing."""
    images = root.findall("{*}Image")
    if len(images) == len(tiff.series):
        return images[tiff.series.index(series)].find("{*}Pixels")
    # Images whose pixels are all in missing files have no series: match by name.
    image = next((image for image in images if (image.get("Name") or "") == series.name), None)
    return image.find("{*}Pixels") if image is not None else None


def _from_ome(tiff: TiffFile, series: TiffPageSeries) -> Scale:
    scale, root = Scale(), ome_root(tiff)
    pixels = ome_pixels(root, tiff, series) if root is not None else None
    if pixels is None:
        return scale
    factors = {letter: micrometers(pixels.get(f"PhysicalSize{letter}Unit", "um")) for letter in "ZYX"}
    known = all(factor is not None for factor in factors.values())
    scale.unit = "micrometer" if known and pixels.get("PhysicalSizeX") else "pixel"
    for letter, factor in factors.items():
        # Steps in units such as "reference frame" say nothing, but their ratios do.
        scale.put(letter, pixels.get(f"PhysicalSize{letter}"), factor if known and factor else 1.0)
    scale.put("T", pixels.get("TimeIncrement"), seconds(pixels.get("TimeIncrementUnit", "s")) or math.nan)
    names = [channel.get("Name") for channel in pixels.findall("{*}Channel")]
    scale.channel_names = tuple(name for name in names if name) if all(names) else ()
    return scale


def _from_imagej(tiff: TiffFile, channels: int) -> Scale:
    told = tiff.imagej_metadata or {}
    scale, factor = Scale(channel_names=_imagej_names(told, channels)), micrometers(told.get("unit"))
    if factor == _INCH and _resolution(tiff.pages.first, "XResolution") < _INCH / _LARGEST_PRINTED:
        return scale  # print resolution, in dots per inch
    scale.unit = "pixel" if factor is None else "micrometer"
    for letter, tag in (("X", "XResolution"), ("Y", "YResolution")):
        pixels = _resolution(tiff.pages.first, tag)
        step = 1 / pixels if pixels else math.nan
        # ImageJ writes 1 for images without a scale.
        if factor is not None or step != 1:
            scale.put(letter, step, factor or 1.0)
    scale.put("Z", told.get("spacing"), factor or 1.0)
    scale.put("T", told.get("finterval"), seconds(told.get("tunit", "s")) or math.nan)
    return scale


def _imagej_names(told: Mapping[str, Any], channels: int) -> tuple[str, ...]:
    """Return the labels of the first slices as names of channels, if all other slices repeat them."""
    labels = told.get("Labels") or []
    labels = [str(label) for label in ([labels] if isinstance(labels, str) else labels)]
    named = bool(channels) and all(labels)
    repeated = named and all(label == labels[at % channels] for at, label in enumerate(labels))
    return tuple(labels[:channels]) if repeated and len(set(labels[:channels])) == channels else ()


def _from_lsm(told: Mapping[str, Any]) -> Scale:
    scale = Scale(unit="micrometer")
    for letter in "XYZ":
        scale.put(letter, told.get(f"VoxelSize{letter}"), 1e6)  # meters
    scale.put("T", told.get("TimeIntervall"))
    scale.channel_names = tuple(map(str, (told.get("ChannelColors") or {}).get("ColorNames") or ()))
    return scale


def _from_shaped(told: Mapping[str, Any]) -> Scale:
    scale = Scale(unit="micrometer" if told.get("unit") == "micrometer" else "pixel")
    for letter, step in told["spacing"].items():
        scale.put(letter, step)
    scale.channel_names = tuple(map(str, told.get("channel_names") or ()))
    return scale


def _from_resolution(page: TiffPage) -> Scale:
    """Trust the resolution of a plain TIFF only if it can be a microscope's."""
    scale = Scale()
    tag = page.tags.get("ResolutionUnit")
    factor = {2: _INCH, 3: 1e4}.get(int(tag.value)) if tag else None
    x, y = _resolution(page, "XResolution"), _resolution(page, "YResolution")
    if factor and x and y and factor / x <= _LARGEST_PRINTED and factor / y <= _LARGEST_PRINTED:
        scale.unit = "micrometer"
        scale.put("X", factor / x)
        scale.put("Y", factor / y)
    return scale


def _resolution(page: TiffPage, name: str) -> float:
    """Return the number of pixels per unit, 0 if unknown."""
    tag = page.tags.get(name)
    try:
        numerator, denominator = tag.value  # type: ignore[union-attr]
        return float(numerator) / float(denominator)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return 0.0
