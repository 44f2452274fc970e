"""Laws of sharing out: within memory, all threads at work, and less whenever memory runs out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_upaint.engine import crew as crew_module
from napari_upaint.engine import device
from napari_upaint.engine.crew import Crew, crew_for, tile_pixels
from napari_upaint.engine.family import build
from napari_upaint.io.models import Architecture

CPU = torch.device("cpu")


def network_of(**changes):
    return build(Architecture(**{"width": 4, "depth": 3, "n_outputs": 3} | changes))


NETWORK = network_of()


@pytest.fixture
def threads(monkeypatch):
    return lambda count: monkeypatch.setattr(crew_module, "all_threads", lambda: count)


@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), st.sampled_from([1, 2, 4, 6, 16]))
@settings(deadline=None, max_examples=30)
def test_no_more_threads_than_there_are_and_no_idle_workers(shape, count):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew_module, "all_threads", lambda: count)
        for tile in (0, 100, 300):
            crew = crew_for(NETWORK, shape, tile, exact=True)
            assert 1 <= crew.workers * crew.threads <= count
            assert crew.workers <= len(crew.plan)
            assert crew.plan.shape == shape
            held = crew.workers * crew.batch * np.prod(crew.plan.input)
            assert tile or held <= tile_pixels(NETWORK, CPU, exact=True)


def test_every_thread_gets_tiles_of_its_own_where_there_are_enough(threads):
    threads(2)
    crew = crew_for(NETWORK, (4096, 4096), 0, exact=False)
    assert (crew.workers, crew.threads) == (2, 1)
    assert len(crew.plan) % 2 == 0


def test_an_image_that_cannot_be_cut_is_shared_by_all_threads(threads):
    threads(2)
    crew = crew_for(NETWORK, (4, 4), 0, exact=False)
    assert (crew.workers, crew.threads) == (1, 2)


def test_small_tiles_come_in_batches(threads):
    threads(1)
    crew = crew_for(NETWORK, (1000, 1000), 60, exact=False)
    assert 1 < crew.batch <= len(crew.plan)


@pytest.mark.parametrize("shape", [(900, 700), (20, 3000), (5, 5), (5000, 5000)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_less_and_less_memory_until_nothing_is_less(shape, padding, threads, monkeypatch):
    threads(4)
    monkeypatch.setattr(crew_module, "room_for_tiles", lambda *_: 2e8)  # strips of the largest image
    network = network_of(padding=padding)
    crew, before = crew_for(network, shape, 0, exact=False), np.inf
    for _ in range(20):
        need = crew.workers * crew.batch * np.prod(crew.plan.input)
        assert need < before or before == np.inf
        before, smaller = need, crew.smaller(network)
        if smaller is None:
            break
        assert isinstance(smaller, Crew)
        crew = smaller
    assert max(crew.plan.input) <= 52 and crew.workers == crew.batch == 1


def test_less_memory_makes_smaller_tiles(monkeypatch):
    plenty = tile_pixels(NETWORK, CPU)
    monkeypatch.setattr(device, "available", lambda: 10**8)
    assert tile_pixels(NETWORK, CPU) < plenty
    monkeypatch.setattr(device, "available", lambda: None)
    assert tile_pixels(NETWORK, CPU) >= plenty


def test_what_is_wider_needs_more_memory():
    assert tile_pixels(network_of(width=64), CPU) * 16 == pytest.approx(tile_pixels(NETWORK, CPU), rel=1e-3)
    three = network_of(variant="multimodal", in_channels=3)
    assert tile_pixels(three, CPU) * 3 == pytest.approx(tile_pixels(NETWORK, CPU), rel=1e-3)
    assert tile_pixels(NETWORK, CPU, exact=True) <= tile_pixels(NETWORK, CPU)


def test_many_threads_do_not_take_more_memory_than_there_is_for_tiles_of_a_set_size(threads):
    threads(16)
    network = network_of(width=64, depth=2)
    crew = crew_for(network, (5000, 5000), 600, exact=True)
    assert 1 <= crew.workers < 16
    assert crew.workers * crew.batch * np.prod(crew.plan.input) <= tile_pixels(network, CPU, exact=True)
