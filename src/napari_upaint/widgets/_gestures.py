"""Every key and gesture, declared once: the bindings and the help sheet are made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyAction:
    """Something that the dock does when a key is pressed, unless a control of the window keeps it for itself.

    Attributes
    ----------
    name : str
        By which the dock finds what to do.
    keys : tuple of str
        As napari writes them; each does the same.
    text : str
        For the help sheet.
    """

    name: str
    keys: tuple[str, ...]
    text: str


# P, B and L without Shift belong to napari's labels layers, and Shift+V to its viewer: none of them is used here.
KEY_ACTIONS = (
    KeyAction("train", ("T", "Shift-T"), "Train, or stop the training"),
    KeyAction("segment", ("Shift-P",), "Segment the plane in view"),
    KeyAction("background", ("Shift-B",), "Pick up the brush for the background"),
    KeyAction("next", ("N", "Shift-N"), "Pick up the brush for the next object or class"),
    KeyAction("where", ("U", "Shift-U"), "Go to the most uncertain place without paint; again: the next"),
    KeyAction("region", ("Shift-R",), "Draw a rectangle in which everything is annotated"),
    KeyAction("validation", ("Shift-O",), "Turn the selected region into 'validation only', or back"),
    KeyAction("preview", ("Shift-L",), "Switch the live preview on or off"),
    KeyAction("help", ("F1",), "Show or close this sheet"),
)

# By their names in napari's settings: the user may have given them other keys.
NAPARI_ACTIONS = {
    "activate_labels_paint_mode": "Brush",
    "activate_labels_erase_mode": "Eraser: back to unlabelled",
    "activate_labels_fill_mode": "Fill an area of one label",
    "activate_labels_polygon_mode": "Paint a polygon",
    "activate_labels_picker_mode": "Pick a label from the image",
    "activate_labels_pan_zoom_mode": "Move the view",
    "increase_brush_size": "Larger brush",
    "decrease_brush_size": "Smaller brush",
    "increase_label_id": "Next label number",
    "decrease_label_id": "Previous label number",
    "new_label": "A label that is not used yet",
}

# What can be done with mouse or keyboard and is bound elsewhere.
GESTURES = {
    "Drag with the brush": "Paint; what is not painted is not learnt from",
    "Space + drag": "Move the view while painting",
    "Wheel": "Closer or further away",
    "Ctrl+Z, Ctrl+Shift+Z": "Undo and redo strokes",
    "Click a row of the table": "Go to its object",
    "Click an object": "Select its row in the table (labels layer selected, view being moved: 6 or Z)",
    "Tab, Shift+Tab": "Next or previous control of the dock, top to bottom",
}


def pressed(key: str) -> str:
    """Return a key as it is written for a reader."""
    return key.replace("-", "+") if len(key) > 1 else key
