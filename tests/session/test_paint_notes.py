from __future__ import annotations

import json

from napari_upaint.core.regions import Region
from napari_upaint.session.paint_notes import PaintNotes


def test_notes_are_read_as_they_were_written():
    region = Region("validation", ((0.0, 0.0), (0.0, 9.0), (9.0, 9.0)), (2,))
    notes = PaintNotes("classes", "cells annotation", "/images/cells.tif", "cells", True, (region,))
    assert PaintNotes.read(json.loads(json.dumps(notes.as_json()))) == notes


def test_what_is_not_understood_is_left_out():
    damaged = {"kind": ["?"], "layer": None, "corrected": "", "regions": {"a": 1}, "newer": 5}
    assert PaintNotes.read({}) == PaintNotes.read(damaged) == PaintNotes()
