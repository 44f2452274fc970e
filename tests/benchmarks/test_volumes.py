"""The painted half of a volume: three slices, an object under one number in all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from benchmarks import volumes


@pytest.mark.parametrize("apart", [1, 3])
def test_three_slices_of_one_half_are_painted(tmp_path: Path, apart: int) -> None:
    z, y, x = np.mgrid[:60, :96, :128]
    truth = np.zeros(z.shape, np.uint16)
    for number, (row, column) in enumerate(((20, 20), (20, 45), (60, 30), (60, 90), (80, 15)), start=1):
        truth[(y - row) ** 2 + (x - column) ** 2 + (z - 30) ** 2 // 4 < 12**2] = number
    for folder, array in (("images", truth * 1000), ("labels", truth)):
        target = tmp_path / "cells3d_nuclei" / folder
        target.mkdir(parents=True)
        imsave(target / "cells3d_nuclei.tif", array, check_contrast=False)
    halves = volumes._halves(tmp_path, 0, apart)
    painted = halves.painted.annotation
    np.testing.assert_array_equal(halves.truth, truth[::apart, :, 64:])
    assert painted.shape == halves.truth.shape and len(np.unique(np.nonzero(painted)[0])) == 3
    objects = painted > 1
    np.testing.assert_array_equal(painted[objects] - 1, truth[::apart, :, :64][objects])
    assert not truth[::apart, :, :64][painted == 1].any() and (painted == 1).any()
    assert halves.spacing == halves.painted.spacing == pytest.approx((0.29 * apart, 0.26, 0.26))
