"""Colours: napari's theme for the window, a colour-blind safe set for what is painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Okabe & Ito (2008): told apart with every common colour blindness. Background is the calm sky blue, the first object
# the striking orange.
BACKGROUND_COLOUR = "#56b4e9"
CLASS_COLOURS = ("#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#0072b2", "#999999")
# Objects may be many: the colours repeat, but only the background has its own.
_REPEATS = 36


@dataclass(frozen=True, slots=True)
class ThemeColours:
    """Colours of napari's theme as ``#rrggbb``."""

    background: str
    foreground: str
    secondary: str
    text: str
    current: str
    warning: str
    error: str


def theme_colours(theme: str) -> ThemeColours:
    """Return the colours of the napari theme of that id."""
    from napari.utils.theme import get_theme

    chosen = get_theme(theme)
    names = ("background", "foreground", "secondary", "text", "current", "warning", "error")
    return ThemeColours(**{name: getattr(chosen, name).as_hex("long") for name in names})


def label_colour(label: int) -> str:
    """Return the colour of a painted label (1 background, from 2 on classes or objects)."""
    return BACKGROUND_COLOUR if label == 1 else CLASS_COLOURS[(label - 2) % len(CLASS_COLOURS)]


def label_rgba(first: int) -> np.ndarray:
    """Return colours (n, 4) of the labels 0, first, first + 1, ...; 0 is transparent.

    The annotation starts with the background (1); a map of classes has no background, so it starts with 2.
    """
    colours = [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in range(_REPEATS * len(CLASS_COLOURS))]
    if first == 1:
        colours.insert(0, BACKGROUND_COLOUR)
    rgb = [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0] for colour in colours]
    return np.array([[0.0, 0.0, 0.0, 0.0], *rgb], np.float32)
