"""Floor 5: the window; the only floor that imports Qt, napari and magicgui."""
