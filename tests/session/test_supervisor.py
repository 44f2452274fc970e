"""What is waited for, retried and killed, tested with a fake process and a fake clock."""

from types import SimpleNamespace

import pytest

from napari_upaint.engine.progress import NewSamples, Stop
from napari_upaint.session import supervisor as module
from napari_upaint.session.job import Job
from napari_upaint.session.protocol import Begun, DeviceRequest, Event, Failed, Finished, Order, Ready, Stopping, Tell
from napari_upaint.session.supervisor import Supervisor


class Child:
    """Takes everything, does nothing, and ends when it is told to."""

    alive = True

    def __init__(self, tasks, on_message, on_end):
        self.pid, self.sent = 1, []
        self.say, self.end = lambda message: on_message(self, message), lambda: on_end(self)

    def send(self, message):
        self.sent.append(message)

    def kill(self):
        self.end()

    def reap(self):
        return 7

    def close(self):
        pass

    def log_tail(self):
        return ""


class Minded:
    """A supervisor whose thread is this one, its children and its clock."""

    def __init__(self, monkeypatch):
        self.now, self.children = 0.0, []
        monkeypatch.setattr(module, "Child", self._child)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.supervisor = Supervisor("tasks", grace=5.0, finish=20.0)
        monkeypatch.setattr(self.supervisor, "_post", lambda action: [action()])
        monkeypatch.setattr(self.supervisor, "_posted", SimpleNamespace(put=lambda action: action()))

    def _child(self, *args):
        self.children.append(Child(*args))
        return self.children[-1]

    def submit(self, number=1):
        job = Job(number, DeviceRequest(), self.supervisor)
        self.supervisor.post_submit(job)
        return job

    def say(self, *messages, after=0.0):
        for message in messages:
            self.now += after
            self.children[-1].say(message)

    @property
    def left(self):
        """Seconds until the job is killed."""
        return self.supervisor._deadline - self.now


@pytest.fixture
def minded(monkeypatch):
    return Minded(monkeypatch)


@pytest.mark.parametrize(("step", "patience", "finish"), [(0.1, 5.0, 20.0), (4.0, 12.0, 40.0)])
def test_where_steps_are_long_a_stop_is_waited_for_longer(minded, step, patience, finish):
    job = minded.submit()
    minded.say(Begun(1), Event(1, 0), Event(1, 1), after=step)
    job.stop()
    assert minded.left == pytest.approx(patience)
    minded.now += 1
    job.stop()  # once more: it does not begin again
    assert minded.left == pytest.approx(patience - 1)
    minded.say(Stopping(1))
    assert minded.left == pytest.approx(finish)
    job.cancel()
    minded.say(Stopping(1), after=1.0)
    assert minded.left == pytest.approx(4.0)
    minded.say(Finished(1))
    later = minded.submit(2)
    minded.say(Begun(2))
    later.stop()  # nobody knows how long its steps are
    assert minded.left == 5.0


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_the_start_of_the_process_does_not_count_as_deafness(minded, how):
    job = minded.submit()
    getattr(job, how)()
    assert minded.left == 60.0
    minded.say(Begun(1), after=30.0)
    assert minded.left == 5.0


def test_the_process_is_known_by_the_number_that_it_says(minded):
    minded.submit()
    assert minded.supervisor.pid == 1  # of a launcher, as virtual environments of Windows have them
    minded.say(Ready(7))
    assert minded.supervisor.pid == 7


def test_what_was_cancelled_is_not_given_more_by_a_stop(minded):
    job = minded.submit()
    minded.say(Begun(1), Event(1, 0), after=4.0)
    job.cancel()
    job.stop()
    minded.say(Stopping(1))
    assert minded.left == 5.0


def test_a_job_that_never_began_is_tried_once_more_with_its_news(minded):
    job, _, news = minded.submit(), minded.submit(2), NewSamples(())
    job.send(NewSamples(()))
    job.send(news)
    minded.children[0].end()
    assert job.outcome is None
    order, told = minded.children[1].sent
    assert (type(order), order.job_id) == (Order, 1) and told.message is news  # the newest is enough
    minded.children[1].end()
    assert isinstance(job.outcome, Failed)
    assert len(minded.children) == 2


def test_a_job_that_began_is_not_tried_again(minded):
    job = minded.submit()
    minded.say(Begun(1))
    minded.children[0].end()
    assert "exit code 7" in job.outcome.sentence
    assert len(minded.children) == 1


def test_a_stopped_job_is_not_tried_again(minded):
    job = minded.submit()
    job.stop()
    minded.children[0].end()
    assert job.outcome == Finished(1)
    assert len(minded.children) == 1


def test_nothing_is_begun_in_a_process_that_was_killed(minded):
    job = minded.submit()
    minded.say(Begun(1))
    child = minded.children[0]
    child.kill = lambda: None  # it takes a moment
    job.stop()
    minded.supervisor._overdue()
    minded.say(Finished(1))  # it was under way
    later = minded.submit(2)
    assert job.outcome == Finished(1)
    assert [type(one) for one in child.sent] == [Order, Tell] and isinstance(child.sent[1].message, Stop)
    child.end()
    assert [one.job_id for one in minded.children[1].sent] == [2]
    child.say(Finished(2))  # from the one before
    assert later.outcome is None
