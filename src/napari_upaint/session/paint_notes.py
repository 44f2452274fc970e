"""What is kept with saved labels besides their pixels: in autosaves and in projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_upaint.core.regions import Region, as_notes, from_notes
from napari_upaint.settings import Kind


@dataclass(frozen=True, slots=True)
class PaintNotes:
    """What is known about labels that are saved.

    Attributes
    ----------
    kind : {"objects", "classes"}
        What their numbers mean.
    layer : str
        Name of their layer.
    image : str
        File of the image that they lie on; "" if it has none.
    channel : str
        Name of that image: which channel of its file.
    corrected : bool
        Whether they are a result that was corrected by hand, in which 0 is background, and not paint.
    regions : tuple of Region
        Those of the image.
    """

    kind: Kind = "objects"
    layer: str = ""
    image: str = ""
    channel: str = ""
    corrected: bool = False
    regions: tuple[Region, ...] = ()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> PaintNotes:
        """Return what a file says, which may be of another version, or damaged: what is not understood is left out."""
        layer, image, channel = (str(raw.get(name) or "") for name in ("layer", "image", "channel"))
        kind: Kind = "classes" if raw.get("kind") == "classes" else "objects"
        return cls(kind, layer, image, channel, bool(raw.get("corrected")), from_notes(raw.get("regions")))

    def as_json(self) -> dict[str, Any]:
        """Return the notes in a form that JSON can hold."""
        return asdict(self) | {"regions": as_notes(self.regions)}
