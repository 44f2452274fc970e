"""The first section of the dock: which image, what is known about it, and whether it can be seen."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_upaint.core.resize import slices_apart
from napari_upaint.widgets._layer_combo import LayerCombo
from napari_upaint.widgets._sources import ImageSource
from napari_upaint.widgets._volumes import is_volume, spacing
from napari_upaint.widgets._wrapped_label import WrappedLabel

_SHOW = (
    "Show the chosen image: others that lie over it are hidden, with all that belongs to them.\n"
    "Click their eyes in napari's list of layers to show them again."
)


class ImageSection(QWidget):
    """Image layer, its size, the axes that are stepped through, its spacing."""

    chosen = Signal(object)  # key of the layer, or None
    show_wanted = Signal()  # the chosen image is to be shown

    def __init__(self) -> None:
        super().__init__()
        self.combo = LayerCombo("no image is open")
        self.combo.setAccessibleName("Image layer")
        self.combo.keyChanged.connect(self.chosen)
        self.combo.activated.connect(lambda _: self.show_wanted.emit())
        self._facts, self._covered = WrappedLabel(), WrappedLabel()
        self.show_button = QPushButton("Show it", toolTip=_SHOW)
        self.show_button.setAccessibleName("Show the chosen image")
        self.show_button.clicked.connect(self.show_wanted)
        self.cover = QWidget()
        row = QHBoxLayout(self.cover)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._covered, 1)
        row.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.combo)
        column.addWidget(self._facts)
        column.addWidget(self.cover)
        self.show_facts(None)
        self.show_cover("", "")

    def show_facts(self, image: ImageSource | None, other_channels: int = 0) -> None:
        """Describe the chosen image, and say if its file has other channels: these are seen, but not learnt from."""
        nothing = "Open an image first: drop its file on napari, or choose File > Open Sample > U-Paint."
        alone = f" One of {other_channels + 1} channels: the network sees only this one."
        self._facts.setText(describe_image(image) + alone * bool(other_channels) if image else nothing)

    def show_cover(self, image: str, seen: str) -> None:
        """Say that another image is seen instead of the chosen one, or (its own name) that it is hidden."""
        words = f"{image} is hidden." if seen == image else f"{seen} lies over {image}: you do not see what is learnt."
        self._covered.setText(words if seen else "")
        self.cover.setVisible(bool(seen))

    def covered(self) -> str:
        """Return what is said about an image that is not seen."""
        return self._covered.text()


def describe_image(image: ImageSource) -> str:
    """Return size, steps and spacing of an image in words."""
    labels, shape = image.placement.axis_labels, image.shape
    height, width = shape[-2:]
    facts = [f"{width} × {height} pixels" + (", colour (RGB)" if image.rgb else "")]
    if image.spacing:
        facts.append(f"{_length(image.spacing, image.unit)} a pixel")
    if is_volume(image):
        facts.append(f"{_apart(image)} from slice to slice")
    text = ", ".join(facts) + "."
    if len(shape) > 2:
        steps = " × ".join(
            f"{_axis(label, i)} ({n})" for i, (label, n) in enumerate(zip(labels, shape[:-2], strict=False), 1)
        )
        text += f" Planes along {steps}."
    return text


def _apart(image: ImageSource) -> str:
    """Return how far the slices of a volume are taken to lie apart."""
    if edges := image.edges(3):
        return f"{edges[0]:.3g} {unit_sign(image.unit)}"
    voxel = spacing(image)
    return f"{slices_apart(voxel):.3g} pixels" if voxel else "an unknown distance"


def _length(spacing: tuple[float, float], unit: str) -> str:
    y, x = (f"{one:.3g}" for one in spacing)
    unit = unit_sign(unit)
    return f"{x} {unit}" if x == y else f"{x} × {y} {unit}"


def unit_sign(unit: str) -> str:
    """Return the short form of a unit of length."""
    return {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm"}.get(unit, unit)


def _axis(label: str, number: int) -> str:
    # napari calls axes without a name -3, -2, -1, which says nothing to a user.
    return f"axis {number}" if label.lstrip("-").isdigit() else label
