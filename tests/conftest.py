"""What all tests share: the same examples every time, and no tests of the window if there is no window."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
HAS_NAPARI = find_spec("napari") is not None

# Without Qt and napari the tests of the window cannot even be imported; the environment "headless" lives with that.
collect_ignore = [] if HAS_NAPARI else ["widgets"]

# Or the tests would reset the developer's own napari settings to the defaults, and write them with every dock.
os.environ["NAPARI_CONFIG"] = ""

# The same examples in every run, and no deadline: machines that run tests are slow at times.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=30, print_blob=False)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep models and runs of tests out of the developer's own folder, and the developer's out of the tests."""
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(params=["as here", "as in Python 3.14"])
def away(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on a network drive that is not available."""
    folder = tmp_path / "away"
    if request.param != "as here":  # its paths say False instead of raising
        for method, function in (("exists", os.path.exists), ("is_dir", os.path.isdir), ("is_file", os.path.isfile)):
            monkeypatch.setattr(Path, method, lambda self, ask=function: ask(self))

    def without(real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(path: Any, *args: Any, **options: Any) -> Any:
            if str(path).startswith(str(folder)):
                raise OSError(errno.ENOTCONN, "Transport endpoint is not connected", str(path))
            return real(path, *args, **options)

        return ask

    for name in ("stat", "scandir", "mkdir", "open"):
        monkeypatch.setattr(os, name, without(getattr(os, name)))
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the window, so that ``-m 'not gui'`` leaves them out."""
    for item in items:
        if TESTS / "widgets" in item.path.parents:
            item.add_marker(pytest.mark.gui)
