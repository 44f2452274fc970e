"""*Save as…* with a name that ends in .zip: the engine writes the chosen model as a package for other programs."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QInputDialog, QWidget

from napari_upaint.io.bioimage import PackageWritten
from napari_upaint.session.protocol import ExportRequest
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._working import Working

_QUESTION = "Author to name in the package (may stay empty):"


class Exporting:
    """Asks who made the model, and says when the package is written; a job that is running is finished first."""

    def __init__(self, sections: Sections, working: Working, bridge: JobBridge, dock: QWidget) -> None:
        self._sections, self._working, self._bridge, self._dock = sections, working, bridge, dock
        sections.model.package_wanted.connect(self._ask_author)

    def _ask_author(self, path: Path) -> None:
        author, wanted = QInputDialog.getText(self._dock, "For other programs", _QUESTION)
        if wanted:
            self.start(path, author.strip())

    def start(self, path: Path, author: str) -> None:
        """Write the chosen model to a file."""
        model = self._sections.model.choice().path
        if model is None:
            return
        waits = f"{path.name} will be written when the running job is done."
        self._sections.message.show_message(waits if self._working.busy else f"Writing {path.name}…")
        scale = self._sections.predict_settings().scale
        request = ExportRequest(model, path, scale, authors=(author,) if author else ())
        self._bridge.begin(request, self._written, fail=self._working.fail)

    def _written(self, payload: object) -> None:
        if isinstance(payload, PackageWritten):
            self._sections.message.show_message(
                f"Saved the model for other programs as {payload.path}; README.md in it says how to use it."
            )
