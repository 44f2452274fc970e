"""What is noted with labels that were made here, in their metadata: planes, corrections by hand, measurements.

What somebody corrected is noticed, and not written over. Main thread only.
"""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_upaint.widgets._measured_objects import Measured
from napari_upaint.widgets._new_layers import CACHE, MARK
from napari_upaint.widgets._open_layers import undo_steps

# Which layer they were made as, the planes that are in it, whether it was corrected, how much of that can be undone; of
# labels that were kept for their corrections: that they were.
_MADE_AS, _PLANES, _CORRECTED, _STEPS, _KEPT = (
    f"napari-upaint {what}" for what in ("made as", "planes", "corrected", "steps", "kept")
)
# Their table, the features they had before, and how often they changed.
_TABLE, _BEFORE, _CHANGES = (f"napari-upaint {what}" for what in ("table", "features before", "changes"))
# A stroke that is still under way is told by `labels_update` only; napari has no event for what is undone.
_EDITS = ("paint", "labels_update", "data")

Index = tuple[int, ...]


def notice(layer: Any) -> None:
    """Notice from now on what somebody corrects, also while no dock is open."""
    layer.metadata.update({_PLANES: set(), _STEPS: undo_steps(layer)})
    for name in _EDITS:
        getattr(layer.events, name).connect(_edited)
    layer.events.data.connect(_replaced)
    layer.events.set_data.connect(_drawn)


def note_made(layer: Any) -> None:
    """Note that a layer was made here, to tell it from its copies."""
    layer.metadata[_MADE_AS] = layer.unique_id


def disown_copy(layer: Any) -> None:
    """Leave what napari copied or converted of a layer that was made here to its user: all metadata came along."""
    if layer.metadata.get(_MADE_AS, layer.unique_id) == layer.unique_id:
        return
    about = layer.metadata.pop(MARK, None)
    layer.metadata.pop(CACHE, None)
    if isinstance(layer, Labels):
        mark_kept(layer)
    elif about is not None:  # still no image to segment, and hidden with its own
        layer.metadata[MARK] = {"of": about["of"], "what": "copy", "kind": ""}


def is_corrected(layer: Any) -> bool:
    """Return whether somebody changed labels that were made here."""
    return bool(layer.metadata.get(_CORRECTED, False))


def note_correction(layer: Any) -> None:
    """Note that labels that were made here hold what somebody corrected."""
    layer.metadata.update({_CORRECTED: True, _STEPS: undo_steps(layer)})


def note_plane(layer: Any, index: Index) -> None:
    """Note that a plane or volume is in a layer now."""
    layer.metadata[_PLANES].add(index)


def holds(layer: Any, index: Index) -> bool:
    """Return whether a plane or volume is in a layer."""
    return any(index[:n] in layer.metadata[_PLANES] for n in range(len(index) + 1))


def may_write(layer: Any, index: Index) -> bool:
    """Return whether a plane or volume may be put into a layer: one that was corrected only grows."""
    if not is_corrected(layer):
        return True
    known = any(all(a == b for a, b in zip(one, index, strict=False)) for one in layer.metadata[_PLANES])
    return not known and not layer.data[index].any()


def keep(layer: Any) -> str:
    """Make labels that were corrected their user's own, and return what they are called now."""
    mark_kept(layer)
    if table(layer) is None:
        labels_changed(layer)  # what is being measured is no table of what is shown from now on
    layer.name = f"{layer.name} (corrected)"
    return str(layer.name)


def mark_kept(layer: Any) -> None:
    """Note that labels are a result that is its user's own, as also those are that were saved and come back."""
    layer.metadata[_KEPT] = True


def is_kept(layer: Any) -> bool:
    """Return whether labels were made here and are their user's own now: kept for their corrections, or copied.

    They can be chosen like any labels, but nobody paints background on them: who goes on correcting them does not
    want them to be learnt.
    """
    return _KEPT in layer.metadata


def changes(layer: Any) -> int:
    """Return how often the labels of a layer were made anew."""
    return int(layer.metadata.get(_CHANGES, 0))


def table(layer: Any) -> Measured | None:
    """Return the measurements of a layer, None where it was not measured or its labels changed since."""
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
    """Take a table away that is not true any more."""
    layer.metadata[_CHANGES] = changes(layer) + 1
    if layer.metadata.pop(_TABLE, None) is not None:
        layer.features = layer.metadata.pop(_BEFORE)


def _edited(event: Any) -> None:
    note_correction(event.source)
    labels_changed(event.source)


def _replaced(event: Any) -> None:
    """Take an array that somebody else made as full: it need not be one that can be written into."""
    event.source.metadata[_PLANES].add(())


def _drawn(event: Any) -> None:
    """Tell what was undone or done again from what is only drawn anew, as by each move of a slider."""
    if undo_steps(event.source) != event.source.metadata[_STEPS]:
        _edited(event)
