"""How a model sees an image: found once by the engine if paint has not taught it, and the same for all planes."""

import numpy as np
import pytest

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.usual_object import Usual
from napari_upaint.engine.progress import Sight
from napari_upaint.errors import ImageError
from napari_upaint.io.models import DEFAULT_MODEL, Architecture, ModelFile, ModelHeader
from napari_upaint.session.batch import BatchPlan, Source, run_batch
from napari_upaint.session.job import EngineProcess
from napari_upaint.session.looking import Looking
from napari_upaint.session.protocol import LookRequest, SegmentRequest
from napari_upaint.settings import PredictSettings

STACK = np.random.default_rng(0).integers(0, 200, (2, 3, 1, 20, 30), dtype=np.uint16)
GRAY = Normalization((0.0,), (200.0,))
TAUGHT = ModelFile(ModelHeader("m", Architecture(), scale=0.7, object_size=50.0, least_score=0.4), {})


class Listening:
    """An engine that keeps the requests that it passes on."""

    def __init__(self, engine):
        self._engine, self.requests = engine, []

    def submit(self, request, listener=None):
        self.requests.append(request)
        return self._engine.submit(request, listener)


@pytest.fixture
def listening(engine):
    return Listening(engine)


def test_windows_of_planes_spread_over_the_image_are_looked_at(listening):
    looking, voxel = Looking(DEFAULT_MODEL, listening, PredictSettings(tile=64), "cpu"), (2.0, 1.0, 1.0)
    found = looking.at((2, 3), STACK.__getitem__, GRAY, voxel)
    assert found == Sight(1 / 3)
    [request] = listening.requests
    assert isinstance(request, LookRequest) and request.normalization == GRAY
    assert (request.model, request.settings, request.device, request.spacing) == (
        DEFAULT_MODEL,
        looking.settings,
        "cpu",
        voxel,
    )
    planes = {window.tobytes() for window in request.windows}
    assert planes == {STACK[index].tobytes() for index in ((0, 1), (1, 0), (1, 2))}


def test_what_paint_has_taught_is_not_looked_for(listening):
    assert Looking(TAUGHT, listening).at((), lambda _: STACK[0, 0], GRAY) is None
    set_by_hand = Looking(TAUGHT, listening, PredictSettings(scale=0.3)).at((), lambda _: STACK[0, 0], GRAY)
    assert set_by_hand == Sight(0.3, Usual(50.0, 0.4))
    assert Looking("no such model", listening).at((), lambda _: STACK[0, 0], GRAY) is None
    assert not listening.requests


def test_an_image_that_cannot_be_read_is_not_looked_at(listening):
    def broken(_):
        raise ImageError("It cannot be read.")

    assert Looking(DEFAULT_MODEL, listening).at((4,), broken, GRAY) is None
    assert not listening.requests


def test_a_stop_leaves_no_result():
    with EngineProcess(tasks="upaint_fake_tasks", grace=60.0) as patient:  # it may take seconds to start
        looking = Looking(DEFAULT_MODEL, patient, stopped=lambda: True)
        assert looking.at((), lambda _: STACK[0, 0, ..., :13], GRAY) is None


def test_all_planes_of_a_batch_are_seen_alike(listening):
    plain = Source("plain", (2, 3), STACK.__getitem__, GRAY)
    known = Source("known", (), lambda _: STACK[0, 0], GRAY, sight=lambda: Sight(0.25))
    assert len(list(run_batch(BatchPlan((plain, known), DEFAULT_MODEL), listening))) == 7
    looks = [one for one in listening.requests if isinstance(one, LookRequest)]
    sights = [one.sight for one in listening.requests if isinstance(one, SegmentRequest)]
    assert len(looks) == 1 and sights == [Sight(1 / 3)] * 6 + [Sight(0.25)]
