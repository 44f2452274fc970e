"""The advanced settings, one collapsed section per stage."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_upaint.settings import AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings
from napari_upaint.widgets._form import Form

_AUTOMATIC = "automatic"


class SettingsSection(QWidget):
    """Forms for training, augmentation, weight map, prediction and objects."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # The time is next to the Train button; it must not be asked for twice.
        self.train = Form(
            TrainSettings,
            without=("seconds",),
            zero={"steps": "by time", "learning_rate": _AUTOMATIC, "scale": _AUTOMATIC, "depth": _AUTOMATIC},
        )
        self.augment = Form(AugmentSettings)
        self.weights = Form(WeightSettings)
        self.predict = Form(PredictSettings, zero={"tile": _AUTOMATIC})
        self.objects = Form(ObjectSettings)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.sections: dict[str, QCollapsible] = {}
        for title, form in (
            ("Training", self.train),
            ("Augmentation", self.augment),
            ("Weight map", self.weights),
            ("Prediction", self.predict),
            ("Objects", self.objects),
        ):
            section = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
            section.setDuration(0)  # an animation makes the sections below dance
            if form is self.objects:
                section.addWidget(QLabel("What was segmented follows at once."))
            section.addWidget(form)
            section.collapse(animate=False)
            self.sections[title] = section
            column.addWidget(section)
