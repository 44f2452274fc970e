"""One encoder for each channel: they see nothing of one another, and all are heard on every level."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.checkpoint import from_network, to_network
from napari_upaint.engine.multimodal import MultimodalUNet
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.train import train
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture, ModelHeader
from napari_upaint.settings import TrainSettings


def parameters(network):
    return sum(one.numel() for one in network.parameters())


def by_hand(paths, width=64, depth=5, classes=2, ndim=2):
    """Count weights and biases level by level."""
    kernel = 3**ndim
    c = [width * 2**level for level in range(depth)]
    encoder = (kernel * 1 * c[0] + c[0]) + (kernel * c[0] ** 2 + c[0])
    for a, b in pairwise(c):
        encoder += (kernel * a * b + b) + (kernel * b * b + b)
    total = paths * encoder + c[0] * classes + classes
    for level in range(depth - 1):
        below = paths * c[-1] if level == depth - 2 else c[level + 1]
        total += 2**ndim * below * c[level] + c[level]
        total += kernel * (paths * c[level] + c[level]) * c[level] + c[level]
        total += kernel * c[level] ** 2 + c[level]
    return total


def test_the_parameters_by_hand():
    assert by_hand(paths=1) == 31_030_658  # the paper's network
    with torch.device("meta"):
        for paths in (1, 2, 3):
            assert parameters(MultimodalUNet(in_channels=paths)) == by_hand(paths)
        assert parameters(MultimodalUNet(in_channels=2, ndim=3, width=8, depth=3)) == by_hand(2, 8, 3, ndim=3)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_with_one_channel_it_is_the_plain_network(depth):
    torch.manual_seed(0)
    ours = MultimodalUNet(width=2, depth=depth).eval()
    plain = UNet(width=2, depth=depth).eval()
    plain.load_state_dict(ours.state_dict())
    image = torch.rand(1, 1, 100, 92)
    assert torch.equal(ours(image), plain(image))


@pytest.mark.parametrize("norm", [None, "group", "instance"])
def test_each_encoder_sees_its_channel_alone_and_is_a_plain_one(norm):
    torch.manual_seed(0)
    network = MultimodalUNet(in_channels=3, width=8, depth=3, norm=norm).eval()
    image = torch.rand(1, 3, 60, 60)
    for channel in range(3):
        alone, together, single = UNet(width=8, depth=3, norm=norm).eval(), image, image[:, channel : channel + 1]
        for level, block in enumerate(network.down):
            for one, ours in zip(alone.down[level].parameters(), block.parameters(), strict=True):
                one.data = ours.data[channel * len(one) : (channel + 1) * len(one)]
            together = block(network.pool(together) if level else together)
            single = alone.down[level](alone.pool(single) if level else single)
            mine = slice(channel * single.shape[1], (channel + 1) * single.shape[1])
            torch.testing.assert_close(together[:, mine], single)


def test_all_channels_are_heard_on_every_level():
    torch.manual_seed(0)
    network, seen = MultimodalUNet(in_channels=2, width=4, depth=3).eval(), {}
    for level, block in enumerate(network.merge):
        block.register_forward_hook(lambda _, x, y, level=level: seen.update({level: x[0].detach()}))
    image = torch.rand(1, 2, 60, 60)
    first = network(image), dict(seen)
    other = image.clone()
    other[:, 1] = torch.rand(60, 60)
    second = network(other), seen
    assert not torch.allclose(first[0], second[0])
    for level, width in enumerate((4, 8)):
        before, after = first[1][level], second[1][level]
        torch.testing.assert_close(before[:, :width], after[:, :width])
        assert not torch.allclose(before[:, width : 2 * width], after[:, width : 2 * width])


def model(channels=2):
    network = MultimodalUNet(in_channels=channels, width=2, depth=2)
    return from_network(network, ModelHeader("two", Architecture("multimodal", in_channels=channels, width=2, depth=2)))


def test_images_of_other_channels_are_refused():
    image = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    with pytest.raises(ModelError, match="each channel, 2 in all, and the image's number of channels is 3"):
        to_network(model(), in_channels=3)
    assert to_network(model(), in_channels=2).in_channels == 2
    with pytest.raises(ModelError, match="number of channels is 3"):
        list(segment_plane(image, measure(image), model(), device="cpu"))
    annotation = np.zeros((40, 40), np.uint16)
    annotation[5:10], annotation[20:25] = 1, 2
    sample = Sample(image, annotation, measure(image))
    settings = TrainSettings(steps=1)
    with pytest.raises(ModelError, match="number of channels is 3"):
        list(train([sample], kind="objects", start=model(), settings=settings, device="cpu"))
