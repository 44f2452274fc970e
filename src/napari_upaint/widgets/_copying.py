"""The last training as text on the clipboard. What is in no file yet is written first, in a thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_upaint._writer import as_image
from napari_upaint.errors import UserError
from napari_upaint.io.file_names import file_name
from napari_upaint.io.folders import data_folder
from napari_upaint.io.images import read_image, write_image, write_labels
from napari_upaint.session.history import find_start
from napari_upaint.session.repeat import Repeat, as_command, as_python
from napari_upaint.session.run import Run
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, ImageSource, same_shape

# Larger images that are in no file are not written without being asked.
_MOST_BYTES = 2 * 2**30
_WHERE = {"python": "Paste it into a file or a notebook", "command": "Paste it into a terminal"}


@dataclass(frozen=True, slots=True, eq=False)
class CopyPlan:
    """Which training to repeat on which layers; `file`: where the image was opened from, if that is known."""

    what: str
    run: Run
    image: ImageSource
    annotation: AnnotationSource
    file: Path | None
    device: str


class Copying(QObject):
    """Connects the buttons *Copy as Python* and *Copy as command* with the clipboard."""

    failed = Signal(str, str)
    said = Signal(str)

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing = layers, choosing
        self.device = "auto"
        self._writing = Work(self)
        self._writing.done.connect(self._written)
        self._writing.failed.connect(self.failed)
        sections.history.copy_wanted.connect(self.copy)

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._writing.busy

    def close(self) -> None:
        """Copy no more."""
        self._writing.forget()

    def copy(self, what: str, run: Run) -> None:
        """Put the text that repeats a training on the clipboard: "python" or "command"."""
        image, annotation = self._choosing.image(), self._choosing.annotation()
        if image is None or annotation is None:
            self.failed.emit("Open the image and the labels of this training first: the text names their files.", "")
            return
        file = self._layers.files.origin(image.key).file
        self._writing.start(_text, CopyPlan(what, run, image, annotation, file, self.device))

    def _written(self, outcome: tuple[str, str]) -> None:
        text, words = outcome
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
        self.said.emit(words)


def _text(plan: CopyPlan) -> tuple[str, str]:
    """Return the text for the clipboard and what to say about it."""
    same_shape(plan.image, plan.annotation)
    folder, name = data_folder() / "copied", file_name(plan.image.name, "image")
    image = plan.file if plan.file is not None and _is_file_of(plan.file, plan.image) else None
    if image is None:
        image = write_image(folder / f"{name}.tif", _writable(plan.image))
    like = replace(as_image(plan.image.data, _meta(plan.image)), data=np.empty(plan.image.data.shape, np.uint8))
    painted = write_labels(folder / f"{name} painted.tif", plan.annotation.part(), like)
    repeat = Repeat(plan.run, image, painted, find_start(plan.run.start), plan.device)
    text = as_python(repeat) if plan.what == "python" else as_command(repeat)
    words = f"Copied. {_WHERE[plan.what]}: it repeats the training '{plan.run.name}' on the paint of now, {painted}."
    return text, words


def _is_file_of(path: Path, image: ImageSource) -> bool:
    """Return whether the command would read from a file what the layer shows: not one of its channels alone."""
    try:
        read = read_image(path, lazy_from=0)
    except UserError:
        return False
    shape = (*read.leading_shape, *read.plane_shape)
    return shape == image.shape and read.channel_count == (3 if image.rgb else 1)


def _writable(image: ImageSource) -> Any:
    size = np.prod(image.data.shape, dtype=float) * np.dtype(image.data.dtype).itemsize
    if size > _MOST_BYTES:
        raise UserError(
            f"{image.name} is in no file that the command can read, and is {size / 2**30:.0f} GB large; save it as a"
            " TIFF first (File > Save Selected Layers), and open that."
        )
    return as_image(image.data, _meta(image))


def _meta(image: ImageSource) -> dict[str, Any]:
    place = image.placement
    return {
        "name": image.name,
        "rgb": image.rgb,
        "scale": place.scale,
        "units": place.units,
        "axis_labels": place.axis_labels,
    }
