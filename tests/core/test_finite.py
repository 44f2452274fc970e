"""Values that are not finite are found wherever they are, counted, and reported in one sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_upaint.core.finite import check_finite, is_finite
from napari_upaint.errors import ImageError


@given(hnp.arrays(hnp.floating_dtypes(sizes=(16, 32, 64)), hnp.array_shapes(max_side=5)))
def test_every_value_is_looked_at(image):
    wrong = sum(not np.isfinite(value) for value in image.flat)
    assert is_finite(image) == (wrong == 0)
    if wrong:
        with pytest.raises(ImageError, match="a pixel that is" if wrong == 1 else f"mine has {wrong} pixels that are"):
            check_finite(image, "mine")
    else:
        check_finite(image, "mine")


@given(hnp.arrays(st.sampled_from([np.uint8, np.int16, np.uint32, np.int64, bool]), hnp.array_shapes(max_side=4)))
def test_whole_numbers_are_numbers(image):
    assert is_finite(image)
    check_finite(image)


def test_the_sentence_says_what_is_wrong_and_what_to_do():
    image = np.zeros((1, 4, 5))
    image[0, 2, 3] = np.nan
    with pytest.raises(ImageError) as refused:
        check_finite(image)
    assert str(refused.value) == (
        "The image has a pixel that is NaN or infinite; export the image again, or replace it."
    )
