"""Keys of the dock: bound to the viewer while the dock is open, given back when it closes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from app_model.types import KeyBinding
from napari.settings import get_settings
from napari.utils.shortcuts import default_shortcuts
from napari.viewer import Viewer

from napari_upaint.widgets._gestures import KEY_ACTIONS
from napari_upaint.widgets._region_layers import RegionLayers


class Keys:
    """Binds keys that are free in the viewer; a key that somebody else has taken stays theirs.

    A labels layer has its own P and B: napari asks the active layer first, so plain letters would sometimes paint and
    sometimes segment. Those two are bound with Shift only.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    actions : mapping of str to callable
        What to do for each name in `KEY_ACTIONS`.
    regions : RegionLayers
        Their layers get the same keys.
    """

    def __init__(self, viewer: Viewer, actions: Mapping[str, Callable[[], None]], regions: RegionLayers) -> None:
        self._viewer, self._regions = viewer, regions
        self._actions = {key: actions[declared.name] for declared in KEY_ACTIONS for key in declared.keys}
        self._bound: dict[str, Callable[[Any], None]] = {}

    @property
    def bound(self) -> frozenset[str]:
        """The keys that were free."""
        return frozenset(self._bound)

    def bind(self) -> None:
        """Take the keys."""
        taken = {str(key) for key in _taken(self._viewer)}
        for key, action in self._actions.items():
            if key not in self._bound and str(_binding(key)) not in taken:
                self._bound[key] = _callback(action)
                self._viewer.bind_key(key, self._bound[key])
        self._regions.take_keys(dict(self._bound))

    def release(self) -> None:
        """Give the keys back, unless somebody took them over meanwhile."""
        self._regions.take_keys({})
        for key, callback in self._bound.items():
            if self._viewer.keymap.get(_binding(key)) is callback:
                self._viewer.bind_key(key, None)
        self._bound.clear()


def _taken(viewer: Viewer) -> set[Any]:
    """Return the keys of other plug-ins and of napari's viewer, and those that the user set for any kind of layer."""
    # Through __class__: type() would give the class of napari's proxy.
    own = (vars(cls).get("class_keymap", {}) for cls in viewer.__class__.__mro__)
    set_by_user = (
        key
        for name, keys in get_settings().shortcuts.shortcuts.items()
        for key in keys
        if key not in default_shortcuts.get(name, ())
    )
    return {*viewer.keymap, *chain.from_iterable(own), *set_by_user}


def _binding(key: str) -> KeyBinding:
    return KeyBinding.validate(key.replace("-", "+"))


def _callback(action: Callable[[], None]) -> Callable[[Any], None]:
    def call(_where: Any) -> None:
        action()

    return call
