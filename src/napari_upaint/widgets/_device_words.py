"""A line of words that says what the engine computes on."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QLabel

from napari_upaint.engine.progress import DeviceLine
from napari_upaint.session.protocol import DeviceRequest
from napari_upaint.widgets._background import describe
from napari_upaint.widgets._job_bridge import JobBridge


class DeviceWords(QObject):
    """Asks the engine process, which starts it, and shows the answer."""

    failed = Signal(str, str)

    def __init__(self, bridge: JobBridge, line: QLabel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._line = bridge, line

    def ask(self) -> None:
        """Warm the engine up, and learn what it computes on."""
        job = self._bridge.job()
        job.payload.connect(self._show)
        try:
            self._bridge.begin(job, DeviceRequest())
        except Exception as error:
            self.failed.emit(*describe(error))

    def _show(self, payload: object) -> None:
        if isinstance(payload, DeviceLine):
            self._line.setText(f"Computes on: {payload.text}")
