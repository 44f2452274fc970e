"""The table of tasks with the real engine: it loads torch."""

import inspect
from dataclasses import fields

import numpy as np
import pytest

from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine import tasks
from napari_upaint.engine.progress import DeviceLine, PlaneResult, Stop, TrainProgress, TrainResult
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.session.drive import begin, drive
from napari_upaint.session.job import EngineProcess
from napari_upaint.session.protocol import (
    DeviceRequest,
    Request,
    SegmentRequest,
    TrainRequest,
)
from napari_upaint.settings import TrainSettings


@pytest.mark.parametrize("request_type", Request.__subclasses__())
def test_every_request_has_its_task_with_its_arguments(request_type):
    if request_type.__module__.startswith("napari_upaint"):
        names = list(inspect.signature(tasks.TASKS[request_type.task]).parameters)
        assert names == [one.name for one in fields(request_type)]


def a_model(value=1.0):
    return ModelFile(ModelHeader("m", Architecture()), {"a": np.full((2, 3), value, np.float32)})


def test_the_same_model_is_the_same_object_again(tmp_path):
    first = tasks._model(a_model())
    assert tasks._model(a_model()) is first
    assert tasks._model(a_model(2.0)) is not first
    path = save_model(a_model(), tmp_path / "m.safetensors")
    loaded = tasks._model(path)
    assert tasks._model(str(path)) is loaded
    save_model(a_model(3.0), path)
    assert tasks._model(path).weights["a"][0, 0] == 3


def test_a_training_that_is_stopped_before_it_begins_ends_without_a_result():
    request = TrainRequest((), settings=TrainSettings(seconds=1))
    steps = tasks.TASKS["train"](**request.arguments())
    assert isinstance(next(steps), TrainProgress)
    with pytest.raises(StopIteration):
        steps.send(Stop())


def disks():
    """Two bright disks on noise, painted in part."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    truth = ((y - 30) ** 2 + (x - 30) ** 2 < 200) + 2 * ((y - 66) ** 2 + (x - 60) ** 2 < 250)
    image = (100 * (truth > 0) + rng.normal(0, 5, truth.shape)).astype(np.float32)[None]
    annotation = np.zeros(truth.shape, np.uint16)
    annotation[20:40] = np.where(truth, truth + 1, 1)[20:40]
    annotation[60:70] = np.where(truth, truth + 1, 1)[60:70]
    return image, annotation, truth


def test_train_segment_weights_and_device_in_the_process():
    pytest.importorskip("torch")
    image, annotation, truth = disks()
    normalization = measure(image)
    settings = TrainSettings(seconds=60, steps=4, width=4, depth=3)
    with EngineProcess() as engine:
        line = engine.submit(DeviceRequest()).wait(60)
        assert isinstance(line, DeviceLine)
        assert line.text
        request = TrainRequest((Sample(image, annotation, normalization),), start=None, settings=settings)
        trained = engine.submit(request).wait(120)
        assert isinstance(trained, TrainResult)
        plane = engine.submit(SegmentRequest(image, normalization, trained.model)).wait(60)
        assert isinstance(plane, PlaneResult)
        assert plane.labels.shape == truth.shape
        assert plane.labels.dtype == np.int32
    *_, same = drive(begin(SegmentRequest(image, normalization, trained.model)), lambda: None)
    np.testing.assert_array_equal(same.labels, plane.labels)


def test_a_model_that_does_not_fit_is_a_sentence():
    pytest.importorskip("torch")
    plane = SegmentRequest(np.zeros((1, 8, 8)), Normalization((0.0,), (1.0,)), "no such model")
    with pytest.raises(Exception, match="There is no model no such model"):
        list(drive(begin(plane), lambda: None))
