"""Batches: every plane once and in order, one read ahead, what is bad does not stop what is good."""

import time

import numpy as np
import pytest

from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import FileError, ImageError
from napari_upaint.session.batch import BatchPlan, Source, measure_source, run_batch
from napari_upaint.session.job import Job
from napari_upaint.session.protocol import Event

STACK = np.random.default_rng(0).integers(0, 200, (2, 3, 1, 20, 30), dtype=np.uint16)


def source(stack=STACK, name="stack", reads=None):
    def read(index):
        if reads is not None:
            reads.append(index)
        return stack[index]

    return Source(name, stack.shape[:-3], read)


def test_every_plane_once_in_order_with_its_result(engine):
    plane = STACK[0, 0] * 2
    events = list(run_batch(BatchPlan((source(), source(plane, "plane")), "model"), engine))
    assert [(one.source, one.plane) for one in events] == [(0, (i, j)) for i in range(2) for j in range(3)] + [(1, ())]
    assert [one.done for one in events] == list(range(1, 8))
    assert {one.total for one in events} == {7}
    normalization = measure_source(source())
    for one in events[:-1]:
        assert one.error == ""
        np.testing.assert_array_equal(one.result.labels, normalization.apply(STACK[one.plane])[0] > 0.5)


def broken(_index):
    raise FileError("The file cannot be read; choose another one.")


def test_bad_sources_are_reported_and_the_others_done(engine):
    bad = STACK.astype(np.float32)
    bad[:] = np.nan
    sources = (
        Source("broken", (4,), broken),
        source(np.zeros_like(STACK), "constant"),
        source(),
        source(bad, "bad"),
        Source("empty", (0,), broken),
        source(),
    )
    events = list(run_batch(BatchPlan(sources, "model"), engine))
    assert [one.source for one in events] == [0, 1, *[2] * 6, 3, 4, *[5] * 6]
    assert [one.error for one in events if one.source == 0] == ["The file cannot be read; choose another one."]
    assert "constant" in events[1].error
    assert "NaN" in events[8].error
    assert "no planes" in events[9].error
    assert sum(isinstance(one.result, PlaneResult) for one in events) == 12
    assert events[-1].done == events[-1].total


def test_a_bad_plane_is_named(engine):
    def bad(index):
        raise ImageError("The image has pixels that are NaN or infinite; replace them by numbers.")

    sources = [Source("movie", shape, bad, Normalization((0.0,), (9.0,))) for shape in ((1, 3), ())]
    events = list(run_batch(BatchPlan(tuple(sources), "m"), engine))
    told = [one.error.partition(" pixels")[0] for one in events]
    assert told == ["Plane 0, 0 of movie has", "Plane 0, 1 of movie has", "movie has"]


def test_an_image_may_be_called_what_it_likes(engine):
    def bad(_index):
        raise ImageError("The image has no pixels; choose another image.")

    plan = BatchPlan((Source(r"WT\day 1", (), bad, Normalization((0.0,), (9.0,))),), "m")
    assert [one.error for one in run_batch(plan, engine)] == [r"WT\day 1 has no pixels; choose another image."]


def test_bad_planes_are_skipped_and_a_source_with_two_in_a_row_is_given_up(engine):
    def sometimes(index):
        if index in ((1,), (3,)):
            raise OSError("the disk coughed")
        return STACK[0, 0]

    events = list(run_batch(BatchPlan((Source("s", (5,), sometimes, Normalization((0.0,), (9.0,))),), "m"), engine))
    assert [bool(one.error) for one in events] == [False, True, False, True, False]
    assert "disk coughed" in events[1].error
    reads = []
    many = source(np.concatenate([STACK] * 20), reads=reads)
    events = list(run_batch(BatchPlan((many, source()), "bad"), engine))
    assert 2 <= sum(one.source == 0 for one in events) <= 4
    assert {one.source for one in events} == {0, 1}
    assert all("no such weights" in one.error for one in events)
    assert len(reads) < 20
    assert events[-1].done == events[-1].total
    assert (np.diff([one.done for one in events]) > 0).all()  # none is dealt with twice


def test_one_plane_is_read_ahead_and_not_more_and_dropped_by_who_leaves(engine, monkeypatch):
    reads, dropped = [], []
    monkeypatch.setattr(Job, "cancel", lambda job: dropped.append(job.id))
    given = Source("s", STACK.shape[:2], source(reads=reads).read_plane, Normalization((0.0,), (9.0,)))
    events = run_batch(BatchPlan((given,), "model"), engine)
    next(events)
    assert len(reads) == 2
    next(events)
    assert len(reads) == 3
    events.close()
    assert dropped == [3]


def test_stop_begins_nothing_more(engine):
    seen, wanted = [], []
    for event in run_batch(BatchPlan((source(), source()), "model"), engine, stopped=lambda: bool(wanted)):
        seen.append(event)
        if len(seen) == 2:
            wanted.append(True)
    assert len(seen) == 2
    reads = []
    plan = BatchPlan((source(), source(reads=reads)), "model")
    assert list(run_batch(plan, engine, stopped=lambda: True)) == [] and not reads


def test_what_a_stop_has_to_end_by_force_is_no_failure(engine):
    heard = []
    begun = time.monotonic()
    events = run_batch(BatchPlan((source(),), "slow"), engine, stopped=lambda: bool(heard), listener=heard.append)
    assert list(events) == []
    assert time.monotonic() - begun < 20
    events = list(run_batch(BatchPlan((source(),), "model"), engine))
    assert len(events) == 6 and not any(one.error for one in events)


def test_progress_within_a_plane_is_passed_on(engine):
    messages = []
    list(run_batch(BatchPlan((source(STACK[0, 0]),), "model"), engine, listener=messages.append))
    assert [type(one) for one in messages[:2]] == [Event, Event]


def test_gray_values_are_measured_over_the_whole_stack_without_reading_all_of_it():
    reads = []
    stack = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    found = measure_source(source(stack, reads=reads))
    assert len(reads) == 8
    assert found.low[0] < 3
    assert found.high[0] > 96
    assert measure_source(source(STACK[0, 0])) == measure(STACK[0, 0])
    large = np.random.default_rng(1).normal(size=(1, 1800, 1700))
    assert np.allclose(measure_source(source(large)).high, measure(large).high, rtol=0.02)


def test_planes_that_cannot_be_segmented_are_not_measured_where_there_are_others():
    stack = STACK.astype(np.float32)
    expected = measure_source(source(stack[1:]))
    stack[0] = np.nan
    assert measure_source(source(stack)) == expected

    def damaged(index):
        return stack[index] if index[0] else broken(index)

    assert measure_source(Source("damaged", stack.shape[:-3], damaged)) == expected
    with pytest.raises(ImageError, match="NaN"):
        measure_source(source(stack * np.float32(np.nan)))
