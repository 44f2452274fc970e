"""Names of files: made of what users call things, and the ending of models."""

from __future__ import annotations

MODEL_ENDING = ".safetensors"


def file_name(text: str, otherwise: str, most: int = 60) -> str:
    """Return a text as part of a file name, with what every file system takes; `otherwise` if nothing is left."""
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in text)
    # No dots and blanks at the ends: Windows drops them, and a dot in front hides a file.
    return kept.strip(" .")[:most].strip(" .") or otherwise
