"""Keys of the dock: bound to the viewer while the dock is open, given back when it closes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app_model.types import KeyBinding
from napari.viewer import Viewer

from napari_upaint.widgets._gestures import KEY_ACTIONS


class Keys:
    """Binds keys that are free in the viewer; a key that somebody else has taken stays theirs.

    A labels layer has its own P and B: napari asks the active layer first, so plain letters would sometimes paint and
    sometimes segment. Those two are bound with Shift only.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    actions : mapping of str to callable
        What to do for each name in `KEY_ACTIONS`.
    """

    def __init__(self, viewer: Viewer, actions: Mapping[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._actions = {key: actions[declared.name] for declared in KEY_ACTIONS for key in declared.keys}
        self._bound: dict[str, Callable[[Viewer], None]] = {}

    @property
    def bound(self) -> frozenset[str]:
        """The keys that were free."""
        return frozenset(self._bound)

    def bind(self) -> None:
        """Take the keys."""
        taken = {str(key) for key in self._viewer.keymap}
        for key, action in self._actions.items():
            if key not in self._bound and str(KeyBinding.validate(key.replace("-", "+"))) not in taken:
                self._bound[key] = _callback(action)
                self._viewer.bind_key(key, self._bound[key])

    def release(self) -> None:
        """Give the keys back, unless somebody took them over meanwhile."""
        for key, callback in self._bound.items():
            binding = KeyBinding.validate(key.replace("-", "+"))
            if self._viewer.keymap.get(binding) is callback:
                self._viewer.bind_key(key, None)
        self._bound.clear()


def _callback(action: Callable[[], None]) -> Callable[[Viewer], None]:
    def call(_viewer: Viewer) -> None:
        action()

    return call
