"""The colours of paint: the same in the window, in its samples and in pictures; safe for colour-blind people."""

from __future__ import annotations

import numpy as np

# Okabe & Ito (2008): distinct with every common colour blindness. Background is the calm sky blue, the first object the
# striking orange. Their black, which is invisible on dark images, is replaced by Tol's wine (2012); gray would look
# like the purple and the green to people who do not see green.
BACKGROUND_COLOUR = "#56b4e9"
CLASS_COLOURS = ("#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#0072b2", "#882255")
# The preview: brighter than all of them, on dark fluorescence and on stained tissue.
PREVIEW_COLOUR = "#00ff9c"
_REPEATS = 36  # of the colours of objects: there may be hundreds of objects
# Found objects take these in turn, half transparent on the image. Objects that touch have numbers close to each other,
# so neighbours in this list differ most: for normal and red-green blind vision, on dark and on bright images. (Found by
# a search for the largest least difference.) None is like the blue of painted background.
FOUND_COLOURS = (
    *("#60ffff", "#ffff9f", "#bf0080", "#df8060", "#6000ff", "#bfbf00", "#ff409f", "#ffff60"),
    *("#9f20bf", "#bf0000", "#20ffbf", "#9fbf40", "#bf0040", "#ffff00", "#2080ff", "#ff2000"),
)


def rgb(colour: str) -> tuple[int, int, int]:
    """Return ``#rrggbb`` as three numbers 0..255."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def label_rgb(labels: np.ndarray) -> np.ndarray:
    """Return the colours of painted labels (1 background, from 2 up classes or objects) as uint8, last axis RGB."""
    palette = np.array([rgb(colour) for colour in (BACKGROUND_COLOUR, *CLASS_COLOURS)], np.uint8)
    return np.asarray(palette[np.where(labels == 1, 0, 1 + (labels - 2) % len(CLASS_COLOURS))])


def label_colour(label: int) -> str:
    """Return the colour ``#rrggbb`` of a painted label (1 background, from 2 up classes or objects)."""
    return BACKGROUND_COLOUR if label == 1 else CLASS_COLOURS[(label - 2) % len(CLASS_COLOURS)]


def label_rgba(first: int = 1) -> np.ndarray:
    """Return RGBA colours (n, 4), 0..1, of the labels 0, first, first + 1, ...; 0 is transparent, colours repeat.

    In an annotation, `first` is the background (1); a map of classes has none, so there it is 2.
    """
    return _rgba(label_rgb(np.arange(first, 2 + _REPEATS * len(CLASS_COLOURS))))


def found_rgba() -> np.ndarray:
    """Return RGBA colours (n, 4), 0..1, of the labels 0, 1, 2, ... of found objects; 0 is transparent."""
    return _rgba(np.array([rgb(colour) for colour in FOUND_COLOURS]))


def _rgba(colours: np.ndarray) -> np.ndarray:
    """Return RGB colours (n, 3), 0..255, as opaque RGBA ones (n + 1, 4), 0..1, after a transparent one."""
    return np.vstack([np.zeros((1, 4)), np.insert(colours / 255, 3, 1.0, axis=1)]).astype(np.float32)
