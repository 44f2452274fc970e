"""Colours of the window: napari's theme."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ThemeColours:
    """Colours of napari's theme as ``#rrggbb``."""

    foreground: str
    text: str
    current: str
    warning: str
    error: str


def theme_colours(theme: str) -> ThemeColours:
    """Return the colours of the napari theme with this id."""
    from napari.utils.theme import get_theme

    chosen = get_theme(theme)
    return ThemeColours(**{one.name: getattr(chosen, one.name).as_hex("long") for one in fields(ThemeColours)})
