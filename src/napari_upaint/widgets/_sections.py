"""All sections of the dock together: what the logic needs to know about what is visible."""

from __future__ import annotations

from napari_upaint.settings import PredictSettings, TrainSettings
from napari_upaint.widgets._colours import ThemeColours
from napari_upaint.widgets._engine_section import EngineSection
from napari_upaint.widgets._history_section import HistorySection
from napari_upaint.widgets._image_section import ImageSection
from napari_upaint.widgets._labels_section import LabelsSection
from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._model_section import ModelSection
from napari_upaint.widgets._project_row import ProjectRow
from napari_upaint.widgets._segment_section import SegmentSection
from napari_upaint.widgets._settings_section import SettingsSection
from napari_upaint.widgets._train_section import TrainSection
from napari_upaint.widgets._weights_section import WeightsSection


class Sections:
    """The parts of the dock from top to bottom, and the message line."""

    def __init__(self) -> None:
        self.project = ProjectRow()
        self.image = ImageSection()
        self.labels = LabelsSection()
        self.model = ModelSection()
        self.train = TrainSection()
        self.history = HistorySection()
        self.segment = SegmentSection()
        self.settings = SettingsSection()
        self.weights = WeightsSection(self.settings.weights)
        self.engine = EngineSection()
        self.message = MessageLine()

    def ndim(self) -> int:
        """Return what the chosen network, or the one that Train would make, takes: 2 (planes) or 3 (volumes)."""
        choice = self.model.choice()
        return choice.ndim if choice.path is not None else self.settings.train.value().ndim

    def train_settings(self) -> TrainSettings:
        """Return the settings of a training as they are shown; its time is next to the button *Train*."""
        settings: TrainSettings = self.settings.train.value(seconds=float(self.train.seconds.value()))
        return settings

    def predict_settings(self) -> PredictSettings:
        """Return how the network is applied; the box for volumes is in the section *Segment*."""
        settings: PredictSettings = self.settings.predict.value(volumes=self.segment.volume_box.isChecked())
        return settings

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        for one in (self.message, self.train.plot, self.history.plot, self.train.offer, self.labels.offer):
            one.set_colours(colours)
