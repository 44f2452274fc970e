"""Texts that Qt must show as they are: it takes what looks like HTML for HTML, which also loads pictures."""

from __future__ import annotations

_NOTHING = "\u200b"  # a space of no width


def plain(text: str) -> str:
    """Return a text for a tooltip, a question or a note, which Qt will not take for HTML.

    Names come from files of other people. A label needs no such text, but ``setTextFormat(Qt.TextFormat.PlainText)``.
    """
    return text.replace("<", f"<{_NOTHING}").replace("&lt;", f"&{_NOTHING}lt;")
