"""The section of the weight map: whether it is shown, and its two sliders."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_upaint.settings import WeightSettings
from napari_upaint.widgets._form import Form
from napari_upaint.widgets._image_section import unit_sign
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._slider_box import SliderBox
from napari_upaint.widgets._sources import ImageSource

_TIP = (
    "Show how much each painted pixel counts in training, as an image layer that follows what you paint.\n"
    "It is the map that the training uses, with the settings below (of a 3D network: as if the slice were alone)."
)
_GALLERY_TIP = (
    "Show what the network would learn from now: parts of the image, turned and bent as the settings say,\n"
    "with what is painted on them and how much it counts."
)
# The sliders end here; their boxes go further.
_USUAL = {"w0": 50.0, "sigma": 20.0}


class WeightsSection(QWidget):
    """A check box and sliders for w0 and sigma, in step with the form of all settings.

    Parameters
    ----------
    form : Form
        The one of the `WeightSettings`, which the training reads. It keeps the values, the sliders show them.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form
        self.live = QCheckBox("Show it while I paint")
        self.live.setAccessibleName("Show the weight map while I paint")
        self.sliders = {name: SliderBox(WeightSettings, name, usual) for name, usual in _USUAL.items()}
        self.gallery_button = QPushButton("Show training tiles…")
        rows = QFormLayout()
        for name, slider in self.sliders.items():
            rows.addRow(WeightSettings.__dataclass_fields__[name].metadata["label"], slider)
            slider.valueChanged.connect(self._slid)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.live)
        column.addLayout(rows)
        column.addWidget(self.gallery_button)
        form.valueChanged.connect(self._show)
        self._show()
        self.allow("", "")

    def allow(self, why: str, gallery_why: str) -> None:
        """Enable the check box and the button, or say why they are not (empty: enabled)."""
        self.live.setEnabled(not why or self.live.isChecked())  # one that is ticked can always be cleared
        self.live.setToolTip(why or _TIP)
        self.gallery_why = gallery_why
        allow(self.gallery_button, gallery_why, _GALLERY_TIP)

    def show_image(self, image: ImageSource | None) -> None:
        """Show widths in the unit of the image, in px if it has none."""
        spacing = image.spacing if image is not None else None
        if image is None or spacing is None:
            self.sliders["sigma"].set_unit(1.0, "px")
        else:  # the unit of sigma is the shortest edge of a pixel
            self.sliders["sigma"].set_unit(min(spacing), unit_sign(image.unit))

    def _slid(self, _: float) -> None:
        for name, slider in self.sliders.items():
            self._form.control(name).setValue(slider.value())

    def _show(self) -> None:
        settings = self._form.value()
        for name, slider in self.sliders.items():
            slider.setValue(getattr(settings, name))
