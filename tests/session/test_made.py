"""What scores are made from, and batches that leave out what would be made from the same."""

import os
from dataclasses import replace

import numpy as np
import pytest

from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import Sight
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.session.batch import BatchPlan, Source, run_batch
from napari_upaint.session.made import made_how, made_of
from napari_upaint.settings import PredictSettings

STACK = np.random.default_rng(0).integers(0, 200, (4, 1, 20, 30), dtype=np.uint16)
GRAY = Normalization((0.0,), (200.0,))


def model(path, bias=0.0):
    return save_model(ModelFile(ModelHeader("m", Architecture()), {"bias": np.full(2, bias, np.float32)}), path)


@pytest.fixture
def path(tmp_path):
    return model(tmp_path / "m.safetensors")


def test_everything_counts_but_names_and_tiles(path, tmp_path):
    settings = PredictSettings()
    how = made_how(path, settings)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(path.read_bytes())
    assert {made_how(copy, settings), made_how(path, replace(settings, tile=256)), how} == {how}
    assert made_how(path, replace(settings, rotations=2)) != how
    before = os.stat(path)
    model(path, bias=1.0)  # other weights in a file of the same name and size
    assert os.stat(path).st_size == before.st_size
    assert made_how(path, settings) != how
    assert made_how(tmp_path / "none.safetensors", settings) == ""
    weights = {"a": np.zeros(2, np.float32), "b": np.ones(2, np.float32)}
    header = ModelHeader("m", Architecture())
    one, same, swapped, named = (
        made_how(ModelFile(*model), settings)
        for model in (
            (header, weights),
            (header, dict(reversed(weights.items()))),
            (header, dict(zip("ba", weights.values(), strict=True))),
            (replace(header, scale=0.5), weights),
        )
    )
    assert one == same and len({"", one, swapped, named}) == 4
    plane = STACK[0]
    others = [
        made_of(how, plane + 1, GRAY),
        made_of(how, plane.astype(np.int32), GRAY),
        made_of(how, plane.reshape(1, 30, 20), GRAY),
        made_of(how, plane, Normalization((0.0,), (199.0,))),
        made_of("x", plane, GRAY),
        made_of(how, plane, GRAY, sight=Sight(0.5)),
    ]
    assert made_of(how, plane, GRAY) not in others
    assert made_of(how, plane[:, ::-1][:, ::-1], GRAY) == made_of(how, plane.copy(), GRAY)
    assert made_of("", plane, GRAY) == ""


def test_what_is_there_already_is_left_out_in_its_order(engine, path):
    def events(made, stack=STACK, rotations=1):
        source = Source("s", (4,), stack.__getitem__, GRAY, made=made)
        return list(run_batch(BatchPlan((source,), path, PredictSettings(rotations=rotations)), engine))

    first = events({})
    made = {one.plane: one.made for one in first}
    del made[2,]
    again = events(made)
    assert [one.kept for one in again] == [True, True, False, True]
    assert [one.done for one in again] == [1, 2, 3, 4]
    assert [one.made for one in again] == [one.made for one in first]
    other = STACK.copy()
    other[1, 0, 3, 3] += 1
    assert [one.kept for one in events(made, other)] == [True, False, False, True]
    assert not any(one.kept for one in events(made, rotations=2))
    assert not any(one.kept for one in events({one.plane: one.made for one in first}))  # nothing is missing


def test_a_model_that_is_replaced_meanwhile_has_made_nothing_for_certain(engine, path):
    events = run_batch(BatchPlan((Source("s", (4,), STACK.__getitem__, GRAY),), path), engine)
    made = [next(events).made]
    model(path, bias=1.0)
    made += [one.made for one in events]
    assert made[0] and made[1] == "" and made[3].startswith(made_how(path, PredictSettings()))
