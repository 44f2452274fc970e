"""What a running generator is told between two of its steps."""

import weakref

import numpy as np

from napari_upaint.engine.progress import NewSamples, PreviewView, Stop
from napari_upaint.session.drive import Inbox, drive


def test_the_newest_samples_come_before_the_newest_view():
    inbox = Inbox()
    views, samples = [PreviewView(number, None) for number in (1, 2)], [NewSamples(()) for _ in range(2)]
    for message in (views[0], samples[0], samples[1], views[1]):
        inbox.put(message)
    assert [inbox.take() for _ in range(3)] == [samples[1], views[1], None]


def test_a_stop_is_told_at_every_step_and_before_all_else():
    inbox, heard = Inbox(), []

    def busy():
        for number in range(4):
            told = yield number
            heard.append(told)

    for number in drive(busy(), inbox.take):
        if number == 1:
            inbox.put(NewSamples(()))
            inbox.put(Stop())
    assert heard == [None, Stop(), Stop(), Stop()]


def test_what_was_taken_is_not_held():
    kept = []

    def steps():
        result = np.zeros(9)
        kept.append(weakref.ref(result))
        yield result
        del result
        yield kept[0]() is None

    running = drive(steps(), lambda: None)
    next(running)
    assert next(running)
