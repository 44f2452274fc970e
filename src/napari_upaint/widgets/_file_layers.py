"""Find where layers came from, and open them again. Main thread only."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from napari.viewer import Viewer

from napari_upaint.io.file_names import absolute
from napari_upaint.settings import Kind
from napari_upaint.widgets._layer_notes import is_corrected, kept_name
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets._open_layers import find, other_channels
from napari_upaint.widgets._sources import ImageSource

# An annotation's metadata names the file that it is autosaved to, whichever dock is open.
_AUTOSAVE = "napari-upaint autosave"


@dataclass(frozen=True, slots=True)
class Origin:
    """The file or the sample of a layer; all empty if napari does not know.

    Attributes
    ----------
    path, reader : str
        The file, and the plug-in that read it.
    sample : tuple of str
        Plug-in and key of a sample.
    """

    path: str = ""
    reader: str = ""
    sample: tuple[str, ...] = ()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Origin:
        """Return what a project says, which may be that of another version: what is unknown here is left out."""
        sample = raw.get("sample")
        names = map(str, sample) if isinstance(sample, list | tuple) else ()
        return cls(str(raw.get("path") or ""), str(raw.get("reader") or ""), tuple(names))

    @property
    def file(self) -> Path | None:
        """The file or folder, None if there is none (any more)."""
        return Path(self.path) if os.path.exists(self.path) else None


@dataclass(frozen=True, slots=True)
class AutosavePlace:
    """Where labels are autosaved, the file and the name of the image that they lie on, and their shape."""

    path: Path
    file: str
    channel: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedResult:
    """Labels that were made here and corrected by hand: the name they are kept under, and the image they are of.

    `image` may have been closed.
    """

    key: Hashable
    name: str
    image: Hashable
    kind: Kind
    data: Any


class FileLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def origin(self, key: Hashable) -> Origin:
        """Return where a layer came from."""
        source = find(self._viewer, key).source
        return Origin(absolute(str(source.path or "")), source.reader_plugin or "", tuple(source.sample or ()))

    def other_channels(self, key: Hashable) -> tuple[ImageSource, ...]:
        """Return the other channels of an image's file, as far as they are open."""
        return other_channels(self._viewer, key)

    def autosaves(self) -> dict[Hashable, AutosavePlace]:
        """Return where open annotations are saved while they are painted, by layer."""
        notes = ((layer.unique_id, layer.metadata.get(_AUTOSAVE, {})) for layer in self._viewer.layers)
        # A duplicated layer has the metadata of its original, and must not overwrite what the original saves.
        mine = {key: one for key, one in notes if one.get("layer") == str(key)}
        return {
            key: AutosavePlace(Path(one["path"]), one["file"], one["channel"], tuple(one["shape"]))
            for key, one in mine.items()
        }

    def autosave_to(self, key: Hashable, place: AutosavePlace) -> None:
        """Note where an annotation is saved from now on."""
        find(self._viewer, key).metadata[_AUTOSAVE] = asdict(place) | {"layer": str(key), "path": str(place.path)}

    def corrected_results(self) -> list[CorrectedResult]:
        """Return the results that were corrected by hand, and that no new segmentation has come for."""
        found = (_corrected(layer) for layer in self._viewer.layers)
        return [one for one in found if one is not None]

    def corrected_result(self, key: Hashable) -> CorrectedResult | None:
        """Return a layer as such a result, None if it is none."""
        return _corrected(find(self._viewer, key))

    def rename(self, key: Hashable, name: str) -> None:
        """Give a layer the name that it had."""
        find(self._viewer, key).name = name

    def open(self, origin: Origin) -> bool:
        """Open a file or a sample again; return False if napari cannot, for whatever reason."""
        readers = [origin.reader, "napari-upaint", "napari"]
        if origin.sample:
            return self._try(partial(self._viewer.open_sample, *origin.sample))
        # napari would run a program; somebody else may have made the project.
        if origin.file is None or origin.file.suffix.lower() == ".py":
            return False
        return any(
            self._try(partial(self._viewer.open, str(origin.file), plugin=reader))
            for reader in dict.fromkeys(readers)
            if reader
        )

    def _try(self, opening: Callable[[], object]) -> bool:
        before = len(self._viewer.layers)
        try:
            opening()
        except Exception:  # a plug-in may raise anything; the caller says which image is missing
            return False
        return len(self._viewer.layers) > before


def _corrected(layer: Any) -> CorrectedResult | None:
    about = layer.metadata.get(MARK, {})
    if about.get("what") != "labels" or not is_corrected(layer):
        return None
    return CorrectedResult(layer.unique_id, kept_name(layer), about["of"], about["kind"], layer.data)
