"""Follow napari's Preferences of this plug-in while the dock is open, and save them for the command."""

from __future__ import annotations

from typing import Any

from napari.settings import get_plugin_settings
from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import UserError
from napari_upaint.io.preferences import load_preferences, preferences_from, save_preferences
from napari_upaint.settings import Preferences

_PLUGIN, _SECTION = "napari-upaint", "general"


class PreferenceWatch(QObject):
    """Knows the preferences; if napari does not know the plug-in (a widget made in code), those in the file hold."""

    changed = Signal(object, object)  # Preferences: before, now
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._napari: Any = None
        self.now = load_preferences()
        self.open()

    def open(self) -> None:
        """Start to follow, first what has changed meanwhile."""
        if self._napari is None:
            self._napari = _settings()
            if self._napari is not None:
                self._napari.events.connect(self._follow)
                self._follow()

    def close(self) -> None:
        """Stop following."""
        if self._napari is not None:
            self._napari.events.disconnect(self._follow)
            self._napari = None

    def _read(self) -> Preferences:
        return preferences_from({name: getattr(self._napari, name) for name in Preferences.__dataclass_fields__})

    def _follow(self, _event: object = None) -> None:
        before, self.now = self.now, self._read()
        if self.now != before:
            self._save()
            self.changed.emit(before, self.now)

    def _save(self) -> None:
        if self.now == load_preferences():
            return
        try:
            save_preferences(self.now)
        except UserError as error:
            self.failed.emit(f"The preferences could not be saved and hold only until napari closes: {error}", "")


def _settings() -> Any:
    """Return napari's group of settings, None if napari has none for this plug-in."""
    try:
        return getattr(get_plugin_settings(_PLUGIN), _SECTION)
    except (KeyError, AttributeError):
        return None
