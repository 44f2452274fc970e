"""Make and connect what goes on beside trainings and after them, from history to preferences."""

from __future__ import annotations

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_upaint.settings import Device, Preferences
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._copying import Copying
from napari_upaint.widgets._engine_section import EngineWatch
from napari_upaint.widgets._history import History
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._notifying import Notifying
from napari_upaint.widgets._preferences import PreferenceWatch
from napari_upaint.widgets._projects import Projects
from napari_upaint.widgets._resuming import Resuming
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._working import Working


class Keeping(QObject):
    """Builds history, projects, copying, resuming, preferences and the engine's row; connects them with what runs."""

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        working: Working,
        sections: Sections,
        bridge: JobBridge,
        dock: QWidget,
    ) -> None:
        super().__init__(dock)
        self._sections, self._bridge = sections, bridge
        self.preferences = PreferenceWatch(self)
        self.history = History(sections, self)
        self.engine = EngineWatch(bridge, sections.engine, self)
        self.notifying = Notifying(dock, sections.message)
        self.projects = Projects(layers, choosing, sections, self)
        self.copying = Copying(layers, choosing, working.others, sections, bridge, self)
        self.resuming = Resuming(choosing, working.training, sections.train.offer, self)
        self._connect(working)
        bridge.device = self.preferences.now.device
        sections.train.seconds.setValue(self.preferences.now.seconds)

    def _connect(self, working: Working) -> None:
        history, engine, projects, copying = self.history, self.engine, self.projects, self.copying
        for failed in (self.preferences.failed, history.failed, engine.failed, projects.failed, copying.failed):
            failed.connect(working.fail)
        for said in (history.said, projects.said, copying.said):
            said.connect(self._sections.message.show_message)
        for follow in (history.allow, engine.allow, self.notifying.follow, projects.allow, self.resuming.allow):
            working.situation_changed.connect(follow)
        self.preferences.changed.connect(self._prefer)
        history.model_changed.connect(working.results.show_view)
        self._sections.history.compare_wanted.connect(working.results.compare)
        working.training.ended.connect(history.refresh)
        projects.opened.connect(history.refresh)
        self.resuming.wanted.connect(working.continue_training)

    @property
    def busy(self) -> bool:
        """Whether files are being read or moved."""
        return any(one.busy for one in (self.history, self.resuming, self.copying, self.projects))

    def _prefer(self, before: Preferences, now: Preferences) -> None:
        """Apply changed preferences at once; a changed folder is read again."""
        if now.device != before.device:
            self.compute_on(now.device)
        if now.seconds != before.seconds:
            self._sections.train.seconds.setValue(now.seconds)
        if now.folder != before.folder:
            self._sections.model.refresh()
            self.history.refresh()

    def compute_on(self, device: Device) -> None:
        """Compute on this from the next training or segmentation on."""
        self._bridge.device = device
        self.engine.ask_device()

    def open(self) -> None:
        """Catch up on what was not followed since `close`, and warm the engine up."""
        self.preferences.open()
        self.engine.open()

    def close(self) -> None:
        """Stop reporting."""
        self.notifying.close()
        self.preferences.close()
        self.history.close()
        self.resuming.close()
        self.copying.close()
        self.engine.close()
        self.projects.close()
