"""Laws of a step: threads change nothing but the time, chance belongs to the tile, and no thread computes on."""

import copy
import threading
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine import step
from napari_upaint.engine.blocks import channels_last
from napari_upaint.engine.device_sampling import together
from napari_upaint.engine.family import build
from napari_upaint.engine.losses import hold_on, painted_cross_entropy
from napari_upaint.engine.progress import Stop, TrainResult
from napari_upaint.engine.sampling import TrainingTile
from napari_upaint.engine.step import Average, Learner, Question, replica, share_out
from napari_upaint.engine.threads import ThreadChoice, steady_threads
from napari_upaint.engine.train import train
from napari_upaint.io.models import Architecture
from napari_upaint.settings import TrainSettings

QUESTION = Question(border=True, hold=0.3)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Give steps two threads, and the following tests the one that they had."""
    choice = ThreadChoice(2)
    monkeypatch.setattr(step, "training_threads", lambda: choice)
    with steady_threads(True):
        yield
    torch.set_num_threads(1)


def network_of(ndim=2, *, dropout=0.0, norm=None):
    torch.manual_seed(0)
    return build(Architecture(ndim=ndim, width=4, depth=3, n_outputs=3, dropout=dropout, norm=norm))


def tile_of(network, number):
    """A tile of random paint; the second half of it is unlabelled."""
    rng = np.random.default_rng(number)
    inner = (4,) * network.ndim
    size = tuple(n + 2 * network.halo for n in inner)
    target = rng.integers(0, 3, inner).astype(np.int16)
    target[2:] = -1
    scores = rng.dirichlet((1, 1, 1), inner).astype(np.float32)
    image = rng.normal(size=(1, *size)).astype(np.float32)
    return TrainingTile(image, target, rng.random(inner).astype(np.float32), np.moveaxis(scores, -1, 0))


def batch_of(network, numbers):
    return together([tile_of(network, number) for number in numbers])


def learner_of(network, rate=0.1, **options):
    return Learner(network, torch.optim.SGD(network.parameters(), rate), seed=0, **options)


def exact(monkeypatch):
    monkeypatch.setattr(step, "autocast", lambda device: nullcontext())


@pytest.mark.parametrize("ndim", [2, 3])
def test_threads_find_the_plain_gradient_of_both_tiles(ndim, monkeypatch):
    exact(monkeypatch)
    network = network_of(ndim)
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format).train()
    losses = []
    for tile in (tile_of(network, 0), tile_of(network, 1)):
        logits = plain(torch.from_numpy(tile.image)[None])
        target = torch.from_numpy(tile.target)[None]
        loss = painted_cross_entropy(logits, target, torch.from_numpy(tile.weights)[None], border=True)
        losses.append(loss + 0.3 * hold_on(logits, torch.from_numpy(tile.start)[None], target < 0))
    (sum(losses) / 2).backward()
    before = copy.deepcopy(network.state_dict())
    learner = learner_of(network)
    value, count = learner.step(lambda numbers: batch_of(network, numbers), 0, QUESTION)
    learner.close()
    assert count == 2 and value == pytest.approx(float(sum(losses).detach()) / 2, rel=1e-5)
    for (name, ours), theirs in zip(network.named_parameters(), plain.parameters(), strict=True):
        scale = float(theirs.grad.abs().max())
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5 * scale, rtol=1e-5)
        torch.testing.assert_close(ours.detach(), before[name] - 0.1 * theirs.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_a_batch_learns_the_same(monkeypatch, norm):
    exact(monkeypatch)
    gradients = []
    for one in range(2):
        network = network_of(norm=norm)
        learner = learner_of(network)
        if one:
            network.train()
            learner._batch(batch_of(network, (0, 1)), 0, QUESTION)
        else:
            learner.step(lambda numbers, network=network: batch_of(network, numbers), 0, QUESTION)
        learner.close()
        gradients.append(torch.cat([parameter.grad.ravel() for parameter in network.parameters()]))
    # A norm sees both tiles in a batch, and one of them at a time in threads.
    assert torch.allclose(*gradients, atol=1e-5) == (norm is None)


def steps_of(network, draw, *, number=3):
    learner = learner_of(network)
    for first in range(0, 2 * number, 2):
        learner.step(draw, first, QUESTION)
    learner.close()
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("norm", [None, "batch"])
def test_the_order_in_which_threads_come_changes_nothing(norm):
    found = []
    for late in (0, 1):
        drawn = {number: threading.Event() for number in range(6)}
        network = network_of(dropout=0.5, norm=norm)

        def draw(numbers, late=late, drawn=drawn, network=network):
            (number,) = numbers
            if number % 2 == late:
                assert drawn[number ^ 1].wait(30)
            drawn[number].set()
            return batch_of(network, numbers)

        found.append(steps_of(network, draw))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    network = network_of(dropout=0.5, norm=norm)
    other = steps_of(network, lambda numbers: batch_of(network, [numbers[0] + 7]))
    assert not all(torch.equal(found[0][name], other[name]) for name in other)


def test_drop_out_belongs_to_the_tile():
    """Each of two equal tiles loses other features, and another seed loses others again."""
    gradients = []
    for first in (0, 0, 2):
        network = network_of(dropout=0.5)
        learner = learner_of(network)
        learner.step(lambda numbers, network=network: batch_of(network, (0,)), first, QUESTION)
        gradients.append([one.down[2][0].weight.grad.clone() for one in learner._replicas])
        learner.close()
    assert torch.equal(gradients[0][1], gradients[1][1]) and not torch.equal(gradients[0][1], gradients[2][1])


def test_replicas_share_weights_and_nothing_else():
    network = network_of(norm="batch")
    other = replica(network)
    with torch.no_grad():
        for one in network.parameters():
            one.add_(1)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    assert all(a.is_contiguous(memory_format=torch.channels_last) for a in other.parameters() if a.ndim == 4)
    (buffers, theirs) = ([one for one in n.buffers() if one.dtype.is_floating_point] for n in (network, other))
    buffers[0].add_(1)
    assert not torch.equal(buffers[0], theirs[0])


def test_running_means_follow_all_tiles_also_if_some_steps_learn_one(monkeypatch):
    exact(monkeypatch)
    network = network_of(norm="batch")
    learner, wanted, first = learner_of(network, rate=0.0), torch.zeros(4), 0
    for count in (2, 1, 2):
        learner.most = count
        learner.step(lambda numbers: batch_of(network, numbers), first, QUESTION)
        tiles = batch_of(network, range(first, first + count)).images
        wanted = 0.9 * wanted + 0.1 * network.down[0][0](tiles).detach().mean((0, 2, 3))
        first += count
        torch.testing.assert_close(network.down[0][1].running_mean, wanted)
    learner.close()


@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_in_a_thread_is_told_when_all_have_stopped(broken):
    network = network_of()
    before = copy.deepcopy(network.state_dict())
    computing = []

    def draw(numbers):
        if numbers[0] == broken:
            raise ValueError("broken")
        computing.extend(numbers)
        return batch_of(network, numbers)

    learner = learner_of(network)
    with pytest.raises(ValueError, match="broken"):
        learner.step(draw, 0, QUESTION)
    assert computing == [1 - broken]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.get_num_threads() == 2
    learner.close()


@pytest.mark.parametrize("enough", [True, False])
def test_where_memory_is_short_fewer_tiles_are_learnt(enough):
    network = network_of()
    learner = learner_of(network)

    def draw(numbers):
        if numbers[0] == 1 and learner.most > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        if not enough:
            raise MemoryError
        return batch_of(network, numbers)

    if enough:
        assert learner.step(draw, 0, QUESTION)[1] == 1
        assert learner.step(draw, 1, QUESTION)[1] == 1
    else:
        with pytest.raises(MemoryError):
            learner.step(draw, 0, QUESTION)
    learner.close()


def test_a_gradient_that_is_no_number_moves_nothing():
    network = network_of()
    learner, before = learner_of(network), copy.deepcopy(network.state_dict())

    def draw(numbers):
        return together(
            [tile_of(network, number)._replace(weights=np.full((4, 4), np.nan, np.float32)) for number in numbers]
        )

    loss, _ = learner.step(draw, 0, QUESTION)
    assert np.isnan(loss)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    learner.close()


@pytest.mark.parametrize("clip", [0.0, 1e-3, 1e6])
def test_gradients_are_no_longer_than_they_may_be(clip):
    network = network_of()
    learner = learner_of(network, clip=clip)
    learner.step(lambda numbers: batch_of(network, numbers), 0, QUESTION)
    learner.close()
    length = float(torch.cat([one.grad.ravel() for one in network.parameters()]).norm())
    assert length == pytest.approx(1e-3, rel=1e-2) if clip == 1e-3 else length > 1e-2


def test_painted_objects_are_kept_apart_as_much_as_is_asked():
    network = network_of()
    with torch.no_grad():
        network.classify.bias[1] = 3  # everything is object
    objects = np.zeros((4, 4), np.int32)
    objects[:, 0], objects[:, -1] = 1, 2

    def loss(apart):
        learner = learner_of(network, rate=0.0, most=1)
        tile = tile_of(network, 0)._replace(objects=objects)
        value, _ = learner.step(lambda _: together([tile]), 0, replace(QUESTION, apart=apart))
        learner.close()
        return value

    none, once, thrice = (loss(apart) for apart in (0.0, 1.0, 3.0))
    assert once > none + 1e-3 and thrice - none == pytest.approx(3 * (once - none), rel=1e-3)


def test_one_thread_learns_one_tile(monkeypatch):
    monkeypatch.setattr(step, "training_threads", lambda: ThreadChoice(1))
    network = network_of()
    learner = learner_of(network)
    threads = threading.active_count()
    assert learner.step(lambda numbers: batch_of(network, numbers), 0, QUESTION)[1] == 1
    assert threading.active_count() == threads
    learner.close()


@pytest.mark.parametrize(
    ("threads", "tiles", "each"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (5, 4, 1), (6, 3, 2), (7, 3, 2), (8, 4, 2)]
)
def test_threads_are_shared_out(threads, tiles, each):
    assert share_out(threads) == (tiles, each)
    assert share_out(threads, most=1) == (1, threads)


def test_the_average_moves_a_share_of_the_way():
    network, average = network_of(norm="batch"), network_of(norm="batch")
    start = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        for one in network.state_dict().values():
            one.add_(2)
    Average(network, average).move(0.25)
    for name, value in average.state_dict().items():
        moved = 0.5 if value.dtype.is_floating_point else 0
        torch.testing.assert_close(value, start[name] + moved)


def test_layouts_are_kept():
    """Gradients that change their layout on the way slow all layers above: a step then takes a quarter longer."""
    network = network_of().train()
    layouts = []

    def watch(module, into, out):
        out.register_hook(lambda one: layouts.append(one.is_contiguous(memory_format=torch.channels_last)))

    for one in (*network.down.modules(), *network.merge.modules()):
        if isinstance(one, torch.nn.Conv2d):
            one.register_forward_hook(watch)
    image = torch.randn(1, 1, 4 + 2 * network.halo, 4 + 2 * network.halo)
    network(image.contiguous(memory_format=channels_last(2))).sum().backward()
    assert len(layouts) == 10 and all(layouts)


SAMPLE_YX = np.mgrid[:64, :64]


@pytest.mark.parametrize("end", ["stop", "closed"])
def test_a_training_leaves_no_threads_behind(end):
    disc = np.hypot(*(SAMPLE_YX - 32)) < 12
    image = disc[None] * 100.0 + np.random.default_rng(0).normal(50, 10, (1, 64, 64))
    sample = Sample(image, np.where(disc, 2, 1).astype(np.uint8), measure(image))
    before = threading.active_count()
    settings = TrainSettings(steps=50, width=2, depth=2, scale=1.0)
    running = train([sample], kind="objects", start=None, settings=settings, device="cpu")
    while next(running).step < 2:
        pass
    assert threading.active_count() == before + 1
    if end == "closed":
        running.close()
    else:
        last = running.send(Stop())
        assert isinstance(last, TrainResult) and last.steps == 2
    assert threading.active_count() == before
