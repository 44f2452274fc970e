"""The advanced settings, one collapsed section per stage."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_upaint.settings import AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings
from napari_upaint.widgets._folding import Folding
from napari_upaint.widgets._form import Form
from napari_upaint.widgets._wrapped_label import WrappedLabel

_AUTOMATIC = "automatic"


class SettingsSection(QWidget):
    """Forms for training, augmentation, weight map, prediction and objects."""

    def __init__(self) -> None:
        super().__init__()
        # The time is next to the Train button, volumes are next to what is segmented; none must be asked for twice.
        self.train = Form(
            TrainSettings,
            without=("seconds",),
            zero={"steps": "by time", "learning_rate": _AUTOMATIC, "scale": _AUTOMATIC, "depth": _AUTOMATIC},
        )
        self.augment = Form(AugmentSettings)
        self.weights = Form(WeightSettings)
        self.predict = Form(
            PredictSettings, without=("volumes",), zero=dict.fromkeys(("scale", "rotations", "tile"), _AUTOMATIC)
        )
        self.objects = Form(ObjectSettings, zero={"smallest": _AUTOMATIC, "least_sure": _AUTOMATIC})
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.sections: dict[str, Folding] = {}
        for form, tip in (
            (self.train, "How the network learns."),
            (self.augment, "How the painted parts are varied while it learns."),
            (self.weights, "How much the painted pixels count."),
            (self.predict, "How the network is applied to an image."),
            (self.objects, "How objects are made from the scores of the network."),
        ):
            section = Folding(form.title, f"{tip} Click to show or hide these settings.")
            section.layout().setContentsMargins(0, 0, 0, 0)  # no gap below the title while it is collapsed
            section.layout().setSpacing(2)
            if form is self.objects:
                section.addWidget(WrappedLabel("Existing labels follow at once."))
            section.addWidget(form)
            self.sections[form.title] = section
            column.addWidget(section)
        self.restore_button = QPushButton("Restore all defaults")
        self.restore_button.setToolTip("Set all fields of these five sections back to their defaults.")
        self.restore_button.clicked.connect(self.restore)
        column.addWidget(self.restore_button)

    def restore(self) -> None:
        """Go back to the defaults everywhere."""
        for form in (self.train, self.augment, self.weights, self.predict, self.objects):
            form.restore()
