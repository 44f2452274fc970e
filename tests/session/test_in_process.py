"""The engine without a process answers as the one with a process."""

import pytest
from upaint_fake_tasks import Fake

from napari_upaint.engine.progress import NewSamples
from napari_upaint.errors import EngineError, ImageError
from napari_upaint.session.in_process import InProcess
from napari_upaint.session.protocol import Event, Failed, Finished


@pytest.fixture
def direct():
    with InProcess(tasks="upaint_fake_tasks") as engine:
        yield engine


def test_a_job_runs_when_it_is_waited_for_or_iterated_over(direct):
    seen = []
    job = direct.submit(Fake("count", {"n": 2}), seen.append)
    assert seen == []
    assert not job.done
    assert job.wait() == "end"
    assert job.done
    assert [type(one) for one in seen] == [Event, Event, Event, Finished]
    assert list(direct.submit(Fake("count", {"n": 2}))) == [0, 1, "end"]


def test_stop_and_new_samples_reach_it_between_steps(direct):
    job = direct.submit(Fake("count", {"n": 100}))
    payloads = iter(job)
    next(payloads)
    job.send(NewSamples(()))
    assert next(payloads) == "samples 0"
    job.stop()
    assert list(payloads)[-1].startswith("stopped")
    job = direct.submit(Fake("count", {"n": 100}))
    job.stop()
    assert job.wait() is None


def test_waiting_can_time_out_and_go_on(direct):
    job = direct.submit(Fake("count", {"n": 5, "pause": 0.02}))
    with pytest.raises(TimeoutError):
        job.wait(0.01)
    assert job.wait() == "end"


def test_errors_for_the_user_stay_what_they_are_and_others_become_a_sentence(direct):
    seen = []
    with pytest.raises(ImageError, match="constant"):
        direct.submit(Fake("fail", {"kind": "user"}), seen.append).wait()
    assert isinstance(seen[-1], Failed)
    with pytest.raises(EngineError, match="Memory ran out") as caught:
        direct.submit(Fake("fail", {"kind": "memory"})).wait()
    assert isinstance(caught.value.__cause__, MemoryError)
    with pytest.raises(EngineError, match="broken invariant"):
        list(direct.submit(Fake("fail", {"kind": "other"})))
