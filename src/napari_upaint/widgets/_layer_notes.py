"""Notes in the metadata of labels that were made here: planes, corrections by hand, measurements.

Corrections are noticed and never overwritten. Main thread only.
"""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from napari.utils.events import Event
from napari.viewer import Viewer

from napari_upaint.widgets._measured_objects import Measured
from napari_upaint.widgets._new_layers import CACHE, MARK
from napari_upaint.widgets._open_layers import undo_steps

# Which layer they were made as, the planes in it, whether it was corrected, how many steps can be undone, and whether
# the labels were kept for their corrections.
_MADE_AS, _PLANES, _CORRECTED, _STEPS, _KEPT = (
    f"napari-upaint {what}" for what in ("made as", "planes", "corrected", "steps", "kept")
)
# Their table, the features they had before, and how often they changed.
_TABLE, _BEFORE, _CHANGES = (f"napari-upaint {what}" for what in ("table", "features before", "changes"))
# Only `labels_update` tells of a stroke that is still under way; napari has no event for undo.
_EDITS = ("paint", "labels_update", "data")
# The event that tells of all corrections, undo included.
CORRECTED = "upaint_corrected"

Index = tuple[int, ...]


def notice(layer: Any) -> None:
    """Notice corrections by hand from now on, even while no dock is open."""
    layer.metadata.update({_PLANES: set(), _STEPS: undo_steps(layer)})
    layer.events.add(**{CORRECTED: Event})
    for name in _EDITS:
        getattr(layer.events, name).connect(_edited)
    layer.events.data.connect(_replaced)
    layer.events.set_data.connect(_drawn)


def note_made(layer: Any) -> None:
    """Note that a layer was made here, to tell it from its copies."""
    layer.metadata[_MADE_AS] = layer.unique_id


def disown_copy(layer: Any) -> None:
    """Leave to the user what napari copied or converted from a layer made here, which brought all metadata along."""
    if layer.metadata.get(_MADE_AS, layer.unique_id) != layer.unique_id:
        _disown(layer)


def remove(viewer: Viewer, layer: Any) -> None:
    """Remove a layer that was made here; one that is locked in napari's list, against just that, is the user's now."""
    if layer.locked:
        _disown(layer)
        layer.name = f"{layer.name} (locked)"  # the next one gets the name
    else:
        viewer.layers.remove(layer)


def _disown(layer: Any) -> None:
    about = layer.metadata.pop(MARK, None)
    layer.metadata.pop(CACHE, None)
    if isinstance(layer, Labels):
        mark_kept(layer)
        if CORRECTED not in layer.events:  # of a copy, too: what its user corrects is saved
            notice(layer)
    elif about is not None:  # still not an image to segment, and hidden with the image it is of
        layer.metadata[MARK] = {"of": about["of"], "what": "copy", "kind": ""}


def is_corrected(layer: Any) -> bool:
    """Return whether somebody changed labels that were made here."""
    return bool(layer.metadata.get(_CORRECTED, False))


def note_correction(layer: Any) -> None:
    """Note that labels that were made here hold corrections by hand."""
    layer.metadata.update({_CORRECTED: True, _STEPS: undo_steps(layer)})


def note_plane(layer: Any, index: Index) -> None:
    """Note that a plane or volume is in a layer now."""
    layer.metadata[_PLANES].add(index)


def holds(layer: Any, index: Index) -> bool:
    """Return whether a plane or volume is in a layer."""
    return any(index[:n] in layer.metadata[_PLANES] for n in range(len(index) + 1))


def may_write(layer: Any, index: Index) -> bool:
    """Return whether a plane or volume may be put into a layer: a corrected one takes only new planes."""
    if not is_corrected(layer):
        return True
    known = any(all(a == b for a, b in zip(one, index, strict=False)) for one in layer.metadata[_PLANES])
    return not known and not layer.data[index].any()


def keep(layer: Any) -> str:
    """Leave corrected labels to the user, and return their new name."""
    mark_kept(layer)
    if table(layer) is None:
        labels_changed(layer)  # a measurement that is under way is not of what is shown from now on
    layer.name = kept_name(layer)
    return str(layer.name)


def kept_name(layer: Any) -> str:
    """Return the name of labels that are kept for their corrections."""
    return f"{layer.name} (corrected)"


def mark_kept(layer: Any) -> None:
    """Note that labels are a result that belongs to the user, as are those that were saved and are brought back."""
    layer.metadata[_KEPT] = True


def is_kept(layer: Any) -> bool:
    """Return whether labels were made here and belong to the user now: kept for their corrections, or copied.

    They can be chosen like any labels, but nobody paints background on them: whoever corrects them further does not
    want them to be learnt from.
    """
    return _KEPT in layer.metadata


def changes(layer: Any) -> int:
    """Return how often the labels of a layer have changed."""
    return int(layer.metadata.get(_CHANGES, 0))


def table(layer: Any) -> Measured | None:
    """Return the measurements of a layer, None if it was not measured or its labels have changed since."""
    found: Measured | None = layer.metadata.get(_TABLE)
    return found


def note_table(layer: Any, measured: Measured) -> None:
    """Keep measurements with a layer, and the features that it had before."""
    if table(layer) is None:
        layer.metadata[_BEFORE] = layer.features.copy()
    layer.metadata[_TABLE] = measured


def features_before(layer: Any) -> Any:
    """Return the features that a layer had before it was measured, a table."""
    return layer.metadata[_BEFORE]


def labels_changed(layer: Any) -> None:
    """Count a change of the labels, and remove a table that is no longer true."""
    layer.metadata[_CHANGES] = changes(layer) + 1
    if layer.metadata.pop(_TABLE, None) is not None:
        layer.features = layer.metadata.pop(_BEFORE)


def _edited(event: Any) -> None:
    note_correction(event.source)
    labels_changed(event.source)
    event.source.events[CORRECTED]()


def _replaced(event: Any) -> None:
    """Treat an array that was made elsewhere as full: it may not be writable."""
    event.source.metadata.setdefault(_PLANES, set()).add(())


def _drawn(event: Any) -> None:
    """Tell undo and redo from mere redrawing, as by each move of a slider.

    Without notes: somebody's program has replaced the metadata, and what happens to the layer does not matter here.
    """
    steps = undo_steps(event.source)
    if steps != event.source.metadata.get(_STEPS, steps):
        _edited(event)
