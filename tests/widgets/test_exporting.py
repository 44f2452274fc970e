"""*Save as…* for other programs: a package made by the real engine, whose author is asked for."""

import json
import zipfile
from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_upaint.io.models import find_model
from napari_upaint.session.drive import TASKS
from napari_upaint.widgets._model_section import _PACKAGES


@pytest.fixture
def answer(monkeypatch):
    """Return a function that answers the two questions, and notes what was proposed."""
    proposed = []

    def answers(path, kind="", author="", wanted=True):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (proposed.append(a[2]), (str(path), kind))[1])
        monkeypatch.setattr(QInputDialog, "getText", lambda *_: (author, wanted))
        return proposed

    return answers


def pressed(qtbot, dock):
    """Save the bundled model, and return what is said at the end."""
    s = dock.sections
    s.model.choose(find_model("generalist-fast"))
    s.model.save_button.click()
    qtbot.waitUntil(lambda: s.message.text() and not s.message.text().startswith("Writing"), timeout=60_000)
    return s.message.text()


def test_a_package_is_written(open_dock, qtbot, answer, tmp_path):
    dock = open_dock(TASKS)
    dock.sections.settings.predict.control("scale").setValue(0.5)
    proposed = answer(tmp_path / "mine 1.5", _PACKAGES, " Rosalind Franklin ")
    assert pressed(qtbot, dock).startswith(f"Saved the model for other programs as {tmp_path / 'mine 1.5.zip'};")
    assert [Path(one).name for one in proposed] == ["generalist-fast.safetensors"]
    package = zipfile.ZipFile(tmp_path / "mine 1.5.zip")
    assert json.loads(package.read("rdf.yaml"))["authors"] == [{"name": "Rosalind Franklin"}]
    assert "at 0.5" in package.read("README.md").decode()


@pytest.mark.parametrize("name", ["a.zip", "a.ZIP", "a.safetensors", "a"])
def test_the_ending_and_the_kind_say_what_is_wanted(dock, answer, tmp_path, name):
    asked = []
    dock.sections.model.package_wanted.connect(asked.append)
    chosen = _PACKAGES if "." not in name or "safe" in name else ""
    answer(tmp_path / name, chosen, wanted=False)
    dock.sections.model.choose(find_model("generalist-fast"))
    dock.sections.model.save_button.click()
    assert [path.name.lower() for path in asked] == ["a.zip"]
    assert not dock.sections.message.text() and not list(tmp_path.glob("a*"))


def test_what_fails_is_told_of(open_dock, qtbot, answer, tmp_path):
    dock = open_dock(TASKS)
    (tmp_path / "mine.zip").mkdir()
    answer(tmp_path / "mine.zip")
    said = pressed(qtbot, dock)
    assert "mine.zip" in said and dock.sections.message.kind == "error"
    assert list((tmp_path / "mine.zip").iterdir()) == []


def test_a_training_is_waited_for(dock, answer, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(dock.bridge, "begin", lambda request, *_, **__: begun.append(request))
    monkeypatch.setattr(type(dock.working), "busy", True)
    answer(tmp_path / "mine.zip")
    dock.sections.model.choose(find_model("generalist-fast"))
    dock.sections.model.save_button.click()
    assert dock.sections.message.text() == "mine.zip will be written when the running job is done."
    assert [(one.path, one.authors) for one in begun] == [(tmp_path / "mine.zip", ())]
    assert begun[0].model == find_model("generalist-fast")
