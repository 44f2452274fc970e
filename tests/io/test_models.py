"""Model files: round trips, lists, and files that are not models."""

import contextlib
import json
import os
import stat
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from napari_upaint.errors import FileError, ModelError
from napari_upaint.io.folders import data_folder
from napari_upaint.io.model_header import from_json, to_json
from napari_upaint.io.models import (
    DEFAULT_MODEL,
    FORMAT,
    Architecture,
    ModelFile,
    ModelHeader,
    bundled_models,
    describe_models,
    find_model,
    list_models,
    load_model,
    read_header,
    save_model,
    user_models_folder,
)

HEADER = ModelHeader("cells", Architecture(n_outputs=3, width=8), border=True, summary="Cells.", spacing=(0.5, 0.25))
WEIGHTS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.ones(2, np.float16)}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "home"))


def test_round_trip(tmp_path):
    path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path / "new" / "cells.safetensors")
    back = load_model(path)
    assert back.header == HEADER == read_header(path)
    assert back.header.output_names == ("background", "object", "border")
    assert back.weights.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert np.array_equal(back.weights[name], array)
        assert back.weights[name].dtype == array.dtype


def test_views_are_written_as_they_look(tmp_path):
    turned = {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    back = load_model(save_model(ModelFile(HEADER, turned), tmp_path / "m.safetensors"))
    assert np.array_equal(back.weights["w"], turned["w"])


def test_numpy_numbers_and_paths_in_the_header(tmp_path):
    header = replace(HEADER, training={"loss": np.float32(0.5), "at": Path("x"), "list": np.arange(2)})
    back = read_header(save_model(ModelFile(header, {}), tmp_path / "m.safetensors"))
    assert back.training == {"loss": 0.5, "at": "x", "list": [0, 1]}


def test_the_header_is_read_without_the_weights(tmp_path, monkeypatch):
    path = save_model(ModelFile(HEADER, {"w": np.zeros((1000, 1000))}), tmp_path / "m.safetensors")
    content = path.read_bytes()
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read") if self == path else whole(self))
    assert read_header(path) == HEADER
    assert len(content) > 8_000_000


# ---- files that are not models ----


def _refused(path, read=load_model):
    with pytest.raises(ModelError) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize("read", [load_model, read_header])
@given(content=st.binary(max_size=200))
def test_garbage_is_refused(tmp_path_factory, read, content):
    path = tmp_path_factory.mktemp("garbage") / "m.safetensors"
    path.write_bytes(content)
    _refused(path, read)


@given(cut=st.integers(1, 600))
def test_truncated_models_are_refused(tmp_path_factory, cut):
    path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path_factory.mktemp("cut") / "m.safetensors")
    path.write_bytes(path.read_bytes()[:-cut])
    _refused(path)


@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_flipped_bytes_load_or_are_refused(tmp_path_factory, at, value):
    path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path_factory.mktemp("flipped") / "m.safetensors")
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(content)
    # Both are fine; any other error is not.
    with contextlib.suppress(ModelError):
        assert isinstance(load_model(path).header, ModelHeader)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    wrong = WEIGHTS | {"a.bias": np.array([1, value], np.float16)}
    path = save_model(ModelFile(HEADER, wrong), tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="NaN or infinite; it is damaged"):
        load_model(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(asdict(HEADER) | asdict(HEADER.architecture))), value=json_values)
def test_headers_with_any_value_load_or_are_refused(tmp_path_factory, name, value):
    raw = asdict(HEADER)
    (raw if name in raw else raw["architecture"])[name] = value
    path = tmp_path_factory.mktemp("header") / "m.safetensors"
    path.write_bytes(save({}, metadata={"format": FORMAT, "header": json.dumps(raw)}))
    try:
        header = read_header(path)
    except ModelError:
        return
    assert len(header.output_names) == header.architecture.n_outputs
    assert header.scale > 0
    assert from_json(to_json(header)) == header


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "[" * 100_000, '{"architecture": []}', '{"architecture": {}}']
)
def test_broken_headers_are_refused(tmp_path, text):
    (tmp_path / "m.safetensors").write_bytes(save({}, metadata={"format": FORMAT, "header": text}))
    _refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize(("name", "value"), [("depth", 8), ("width", 2**16), ("ndim", 4), ("dropout", 1)])
def test_networks_that_no_memory_holds_or_that_are_none_are_refused(tmp_path, name, value):
    raw = asdict(HEADER)
    raw["architecture"][name] = value
    (tmp_path / "m.safetensors").write_bytes(save({}, metadata={"format": FORMAT, "header": json.dumps(raw)}))
    assert f"its {name} is {value}" in _refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("scale", value) for value in (0, 9.0, 1e9, True)),  # 1e9: no memory holds such an image
        *(("least_score", value) for value in ("0.5", -1)),
        *(("spacing", value) for value in ([0.5, "wide"], [0.5, 0.0], [0.5])),
        ("training", []),
        ("provenance", None),
        ("architecture", None),
    ],
)
def test_headers_that_say_what_cannot_be_are_refused(tmp_path, name, value):
    raw = asdict(HEADER) | {name: value}
    (tmp_path / "m.safetensors").write_bytes(save({}, metadata={"format": FORMAT, "header": json.dumps(raw)}))
    told = tuple(value) if name == "spacing" else value
    says = "does not describe a network" if name == "architecture" else f"its {name} is {told!r}"
    assert says in _refused(tmp_path / "m.safetensors")


def test_a_model_shown_in_a_notebook_is_its_header():
    assert repr(ModelFile(HEADER, WEIGHTS)) == f"ModelFile(header={HEADER!r})"


def test_models_of_other_programs_are_refused(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(save(WEIGHTS))
    assert "format None" in _refused(tmp_path / "m.safetensors")


def test_models_of_a_newer_version_are_called_so(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(save(WEIGHTS, metadata={"format": "napari-upaint-2", "header": "{}"}))
    assert "is of a newer U-Paint (format napari-upaint-2); update" in _refused(tmp_path / "m.safetensors")


def test_what_is_new_in_a_header_is_left_out_but_not_in_a_network(tmp_path):
    raw = json.loads(to_json(HEADER)) | {"colour": "blue"}
    assert from_json(json.dumps(raw)) == HEADER
    raw["architecture"]["attention"] = 8
    with pytest.raises(ValueError, match="newer version: unknown attention"):
        from_json(json.dumps(raw))


def test_names_of_nothing(tmp_path):
    assert f"There is no model nonsense; choose another one ({DEFAULT_MODEL}, " in _refused("nonsense")
    assert "folder" in _refused(tmp_path)


def test_a_model_that_may_not_be_read_is_not_called_missing(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "mine.safetensors").touch()
    monkeypatch.setattr(Path, "open", refuse)  # root may read anything
    assert "(Permission denied)" in _refused(tmp_path / "mine.safetensors")


# ---- writing ----


def test_a_failure_leaves_the_older_model(tmp_path, monkeypatch):
    path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path / "m.safetensors")

    def full(self, content):
        with self.open("wb") as out:
            out.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FileError, match="No space left on device"):
        save_model(ModelFile(replace(HEADER, name="newer"), WEIGHTS), path)
    assert load_model(path).header.name == "cells"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "wrong", [{"object_size": np.nan}, {"spacing": (0.5, np.inf)}, {"border": False}, {"scale": 1e9}]
)
def test_a_header_that_could_not_be_read_again_leaves_the_older_model(tmp_path, wrong):
    path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="it could not be read back"):
        save_model(ModelFile(replace(HEADER, **wrong), WEIGHTS), path)
    assert load_model(path).header == HEADER


@pytest.mark.skipif(os.name != "posix", reason="permissions are another thing elsewhere")
def test_permissions_are_those_of_any_new_file(tmp_path):
    old = os.umask(0o022)
    try:
        path = save_model(ModelFile(HEADER, WEIGHTS), tmp_path / "m.safetensors")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


# ---- lists ----


def test_own_models_come_after_the_bundled_ones_the_newest_first():
    assert list_models() == bundled_models()
    for age, name in enumerate(("newest", "older", "oldest")):
        path = save_model(ModelFile(HEADER, WEIGHTS), user_models_folder() / f"{name}.safetensors")
        os.utime(path, (1e9 - age, 1e9 - age))
    (user_models_folder() / "broken.safetensors").write_bytes(b"?")
    own = list_models()[len(bundled_models()) :]
    assert [path.stem for path in own] == ["broken", "newest", "older", "oldest"]
    cards = [card for card in describe_models() if not card.bundled]
    assert [card.name for card in cards] == ["newest", "older", "oldest"]
    assert cards[0].header == HEADER
    assert find_model("older") == own[2]
    assert load_model("older").header == HEADER


def test_own_models_never_hide_a_bundled_one():
    for path in bundled_models():
        save_model(ModelFile(HEADER, WEIGHTS), user_models_folder() / path.name)
        assert find_model(path.stem) == path


def test_the_model_that_a_training_starts_from_comes_first():
    first, *others = (path.stem for path in bundled_models())
    assert first == DEFAULT_MODEL and others == sorted(others)


def test_bundled_models_are_there_while_the_drive_of_the_users_own_is_away(away, monkeypatch):
    monkeypatch.setenv("UPAINT_HOME", str(away))
    assert list_models() == bundled_models()
    assert load_model(DEFAULT_MODEL).weights
    with pytest.raises(ModelError, match="There is no model"):
        find_model(away / "mine.safetensors")


def test_every_bundled_model_can_be_read():
    for path in bundled_models():
        assert load_model(path.stem).header.output_names


def test_the_folder_of_the_user(tmp_path, monkeypatch):
    assert data_folder() == tmp_path / "home"
    monkeypatch.delenv("UPAINT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert data_folder().is_absolute()
    assert data_folder().name == "napari-upaint"
