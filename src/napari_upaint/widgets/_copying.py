"""Copy a training to the clipboard as text. What is in no file yet is written first, in a thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_upaint._writer import as_image
from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.errors import UserError
from napari_upaint.io.file_names import file_name
from napari_upaint.io.folders import data_folder
from napari_upaint.io.image import Image
from napari_upaint.io.images import read_image, write_image, write_labels
from napari_upaint.io.models import read_header
from napari_upaint.session.history import find_start
from napari_upaint.session.repeat import Repeat, as_command, as_python
from napari_upaint.session.run import Run
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._gathering import PaintedImage
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._other_paint import OtherPaint
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import ImageSource, same_shape

# Larger images that are in no file are not written unasked.
_MOST_BYTES = 2 * 2**30
_WHERE = {"python": "Paste it into a file or a notebook", "command": "Paste it into a terminal"}


@dataclass(frozen=True, slots=True, eq=False)
class CopyPlan:
    """Which training to repeat on which layers; `files`: where the images were opened from, if that is known."""

    what: str
    run: Run
    painted: tuple[PaintedImage, ...]
    files: tuple[Path | None, ...]
    device: str


class Copying(QObject):
    """Connects the buttons *Copy as Python* and *Copy as command* with the clipboard."""

    failed = Signal(str, str)
    said = Signal(str)

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        others: OtherPaint,
        sections: Sections,
        bridge: JobBridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._others, self._bridge = layers, choosing, others, bridge
        self._writing = Work(self, self._written, self.failed)
        sections.history.copy_wanted.connect(self.copy)

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._writing.busy

    def close(self) -> None:
        """Stop copying."""
        self._writing.forget()

    def copy(self, what: str, run: Run) -> None:
        """Put the text that repeats a training on the clipboard: "python" or "command"."""
        painted = self._painted(run)
        if painted:
            files = tuple(self._layers.files.origin(one.image.key).file for one in painted)
            self._writing.start(_text, CopyPlan(what, run, painted, files, self._bridge.device))

    def _painted(self, run: Run) -> tuple[PaintedImage, ...]:
        """Return the images that a training learnt from (for one: the chosen one); empty if they are not all open."""
        chosen = self._choosing.painted()
        if chosen is None:
            self.failed.emit("Open the image and the labels of this training first: the text names their files.", "")
            return ()
        if len(run.images) < 2:
            return (chosen,)
        found = {name: self._others.named(name) for name in run.images}
        missing = [f"'{name}'" for name, one in found.items() if one is None]
        if missing:
            self.failed.emit(
                f"This training learnt from {len(run.images)} images; open {' and '.join(missing)}, too: the text names"
                " the files of all of them and of their labels.",
                "",
            )
            return ()
        return tuple(one for one in found.values() if one is not None)

    def _written(self, outcome: tuple[str, str]) -> None:
        text, words = outcome
        QApplication.clipboard().setText(text)
        self.said.emit(words)


def _text(plan: CopyPlan) -> tuple[str, str]:
    """Return the text for the clipboard and what to say about it."""
    start = find_start(plan.run.start)
    ndim = plan.run.settings.ndim if start is None else read_header(start).architecture.ndim
    pairs = tuple(_files(one, file, ndim) for one, file in zip(plan.painted, plan.files, strict=True))
    repeat = Repeat(plan.run, pairs, start, plan.device)
    text = as_python(repeat) if plan.what == "python" else as_command(repeat)
    painted = str(pairs[0][1]) if len(pairs) == 1 else f"{len(pairs)} files in {pairs[0][1].parent}"
    words = f"Copied. {_WHERE[plan.what]}: it repeats the training '{plan.run.name}' on the present paint, {painted}."
    return text, words


def _files(one: PaintedImage, file: Path | None, ndim: int) -> tuple[Path, Path]:
    """Return the files of an image and its paint; the paint, and an image without a file, are written first."""
    image = one.image
    same_shape(image, one.annotation)
    folder = data_folder() / "copied"
    # Names of images may begin alike, or be those of other images: microscopes call everything "Pos0".
    name = f"{file_name(image.name, 'image')} {fingerprint(image.name, image.file, image.shape)[:8]}"
    place = {key: getattr(image.placement, key) for key in ("scale", "units", "axis_labels")}
    shown = as_image(image.data, {"name": image.name, "rgb": image.rgb, **place})
    if file is None or not _is_file_of(file, image, shown, ndim):
        _check_size(image)
        file = write_image(folder / f"{name}.tif", shown)
    return file, write_labels(folder / f"{name} painted.tif", one.annotation.part(), shown)


def _is_file_of(path: Path, image: ImageSource, shown: Image, ndim: int) -> bool:
    """Return whether the command would read from a file what the layer shows, which may be one channel of it.

    For volumes, the slices have to be as far apart as the layer is set to, and to be slices in the file, too.
    """
    try:
        read = read_image(path, lazy_from=0)
    except UserError:
        return False
    shape = (*read.leading_shape, *read.plane_shape)
    if shape != image.shape or read.channel_count != (3 if image.rgb else 1):
        return False
    return ndim == 2 or (read.leading_axes == shown.leading_axes and math.isclose(_apart(read), _apart(shown)))


def _apart(image: Image) -> float:
    """Return how far apart slices are, in pixels."""
    return image.spacing.get("Z", 1.0) / image.spacing.get("X", 1.0)


def _check_size(image: ImageSource) -> None:
    """Raise a UserError if an image is too large to be written unasked."""
    size = np.prod(image.data.shape, dtype=float) * np.dtype(image.data.dtype).itemsize
    if size > _MOST_BYTES:
        raise UserError(
            f"{image.name} is in no file that the command can read, and is {size / 2**30:.0f} GB large; save it as a"
            " TIFF first (File > Save Selected Layers), and open that."
        )
