"""The last section: what the engine computes on, how much memory it holds, a button that frees it."""

from __future__ import annotations

import psutil
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_upaint.engine.progress import DeviceLine
from napari_upaint.session.protocol import DeviceRequest
from napari_upaint.widgets._background import Work, describe
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._reasons import Situation, allow, busy

_EVERY = 2000  # ms
_NONE = "The engine is not running; it starts with the next training or segmentation."
_TIP = "End the engine process: this frees all its memory, also on the graphics card. It starts again when needed."


class EngineSection(QWidget):
    """Two lines of words and a button; its size stays while the numbers change."""

    def __init__(self) -> None:
        super().__init__()
        self.device = QLabel("Starting the engine…")
        self.device.setWordWrap(True)
        self.device.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.device.setMinimumHeight(2 * self.device.fontMetrics().lineSpacing())  # it may need two lines later
        self.device.setToolTip("What the engine computes on; it runs in a process of its own.")
        self.memory = QElidingLabel()
        self.memory.setToolTip("Memory of this computer that the engine process uses now, in MB or GB.")
        self.button = QPushButton("Free memory")
        row = QHBoxLayout()
        row.addWidget(self.memory, 1)
        row.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.device)
        column.addLayout(row)

    def allow(self, why: str) -> None:
        """Enable the button, or say why it cannot be pressed (empty: it can)."""
        allow(self.button, why, _TIP)


class EngineWatch(QObject):
    """Shows what the engine process computes on and how much memory it holds; ends it when the user wants that."""

    failed = Signal(str, str)

    def __init__(self, bridge: JobBridge, section: EngineSection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._section = bridge, section
        self._situation = Situation()
        self._ending = Work(self, self.look, self.failed)
        section.button.clicked.connect(self.free)
        self._timer = QTimer(self, interval=_EVERY)
        self._timer.timeout.connect(self.look)

    def open(self) -> None:
        """Watch, and warm the engine up."""
        self._timer.start()
        self.look()
        self.ask_device()

    def close(self) -> None:
        """Stop watching."""
        self._timer.stop()
        self._ending.forget()

    def allow(self, situation: Situation) -> None:
        """Enable or disable the button, depending on what runs."""
        self._situation = situation
        self.look()

    def ask_device(self) -> None:
        """Ask the engine process what it computes on, which starts it."""
        try:
            self._bridge.begin(DeviceRequest(), self._show_device)
        except Exception as error:
            self.failed.emit(*describe(error))

    def _show_device(self, payload: object) -> None:
        if isinstance(payload, DeviceLine):
            self._section.device.setText(f"Computes on: {payload.text}")

    def look(self, *_: object) -> None:
        """Show how much memory is held now."""
        pid = self._bridge.pid
        held = held_by(pid) if pid is not None else None
        says = "not running" if pid is None else "running" if held is None else size(held)
        self._section.memory.setText(f"Engine: {says}")
        self._section.allow(busy(self._situation) or ("" if pid is not None else _NONE))

    def free(self) -> None:
        """End the engine process, in a thread: it has half a second to end by itself."""
        engine = self._bridge.let_go()
        if engine is not None:
            self._ending.start(engine.close)
        self.look()


def held_by(pid: int) -> int | None:
    """Return how many bytes of memory a process holds, None if the system does not tell."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # the process is gone
        return None


def size(n_bytes: int) -> str:
    """Return bytes in words: '412 MB', '1.3 GB'."""
    return f"{n_bytes / 2**30:.1f} GB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.0f} MB"
