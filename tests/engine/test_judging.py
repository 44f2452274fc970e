"""A network is judged by pixels that it did not learn, and by whether painted objects stay apart."""

import math

import numpy as np
import pytest
import torch

from napari_upaint.engine.judging import judge
from napari_upaint.engine.sampling import ValidationTile

CPU = torch.device("cpu")


class Says(torch.nn.Module):
    """A network that says what it is told, whatever it sees."""

    ndim = 2

    def __init__(self, inside):
        super().__init__()
        p = torch.from_numpy(np.clip(inside, 1e-4, 1 - 1e-4).astype(np.float32))
        self.logits = torch.stack([torch.log(1 - p), torch.log(p), torch.full_like(p, -20)])[None]

    def forward(self, _):
        return self.logits


def tile(objects=True):
    target = np.full((12, 30), -1, np.int16)
    target[2, 3:8], target[10, 3:12] = 1, 0
    ids = np.zeros(target.shape, np.int32)
    ids[2, 3:8], ids[2, 20:26], ids[10, 3:12] = 1, 2, -1
    return ValidationTile(np.zeros((1, 40, 40), np.float32), target, ids if objects else None)


def scores(gap):
    inside = np.zeros((12, 30))
    inside[1:5] = 0.9
    inside[:, 14] = gap
    return inside


def test_pixels_count_class_by_class():
    found = judge(Says(np.full((12, 30), 0.8)), [tile()], CPU, border=True)
    assert found.pixels == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2, rel=0.01)


@pytest.mark.parametrize(("balance", "background"), [(1, 1 / 2), (0, 9 / 14), (0.5, 3 / (3 + 5**0.5))])
def test_classes_count_as_far_as_they_are_balanced(balance, background):
    found = judge(Says(np.full((12, 30), 0.8)), [tile()], CPU, border=True, balance=balance)
    assert found.pixels == pytest.approx(-background * math.log(0.2) - (1 - background) * math.log(0.8), rel=0.01)


def test_who_joins_two_painted_objects_is_found_out_though_all_pixels_are_right():
    apart, joined = (judge(Says(scores(gap)), [tile()], CPU, border=True) for gap in (0.05, 0.9))
    assert apart.pixels == pytest.approx(joined.pixels)
    assert apart.together == 0 and joined.together == pytest.approx(-math.log(0.1), rel=0.01)


def test_pixels_of_all_tiles_count_alike_and_only_tiles_with_two_objects_tell_whether_they_run_together():
    class InTurn(torch.nn.Module):
        ndim, said = 2, iter([Says(scores(0.9)), Says(scores(0.05)), Says(np.full((12, 30), 0.8))])

        def forward(self, _):
            return next(self.said).logits

    alone = tile()
    alone.target[2, :], alone.objects[alone.objects == 2] = 1, 0
    found = judge(InTurn(), [tile(), tile(), alone], CPU, border=True)
    assert found.together == pytest.approx(-math.log(0.1) / 2, rel=0.01)
    inside = (2 * 5 * math.log(0.9) + 30 * math.log(0.8)) / 40
    outside = (2 * 9 * math.log(1 - 1e-4) + 9 * math.log(0.2)) / 27
    assert found.pixels == pytest.approx(-(inside + outside) / 2, rel=0.01)


def test_classes_cannot_run_together():
    assert judge(Says(scores(0.9)), [tile(objects=False)], CPU, border=True).together == 0


def test_without_paint_nothing_is_good_enough():
    assert judge(Says(scores(0.9)), [], CPU, border=True) == (math.inf, 0)
