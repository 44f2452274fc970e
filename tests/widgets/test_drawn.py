"""Where layers are drawn: tilted ones as napari draws them."""

import numpy as np
import pytest

from napari_upaint.widgets._drawn import axes_in_view, drawn_at, seen_at
from napari_upaint.widgets._open_layers import index_in_view

TILTED = np.array([[1, 0.2, 0.1, 3], [0.1, 0.9, 0.2, 5], [-0.1, 0.1, 2, 0], [0, 0, 0, 1.0]])


def test_of_what_is_not_tilted_it_is_where_the_layer_lies(viewer):
    layer = viewer.add_image(np.zeros((4, 5, 6)), scale=(3, 0.5, 0.25), translate=(1, 2, 3), rotate=(0, 0, 30))
    viewer.add_image(np.zeros((2, 4, 5, 6)))
    assert axes_in_view(viewer, layer) == [1, 2]
    world = drawn_at(viewer, layer, (2, 3, 4), (1, 2))
    np.testing.assert_allclose(world, layer.data_to_world((2, 3, 4)))
    np.testing.assert_allclose(seen_at(viewer, layer, (0, *world), (1, 2)), (2, 3, 4))


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_of_a_tilted_stack_there_and_back_is_the_same_place(viewer):
    layer = viewer.add_image(np.zeros((4, 5, 6)), affine=TILTED)
    world = drawn_at(viewer, layer, (2, 3, 4), (1, 2))
    np.testing.assert_allclose(seen_at(viewer, layer, world, (1, 2)), (2, 3, 4))
    np.testing.assert_allclose(world[1:], TILTED[1:3, 1:3] @ (3, 4) + TILTED[1:3, 3])
    np.testing.assert_allclose(drawn_at(viewer, layer, (2, 3, 4), (0, 1, 2)), layer.data_to_world((2, 3, 4)))


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_stack_that_stands_upright_is_no_error(viewer):
    layer = viewer.add_image(np.zeros((4, 5, 6)), rotate=(0, 90, 0))
    assert np.isfinite([*drawn_at(viewer, layer, (2, 3, 4), (1, 2)), *seen_at(viewer, layer, (0, 1, 2), (1, 2))]).all()


def test_the_world_has_the_smallest_unit_of_all_layers(viewer):
    layer = viewer.add_image(np.zeros((4, 5, 6)), scale=(3, 0.5, 0.25), translate=(1, 2, 3), units="um")
    viewer.add_image(np.zeros((5, 6)), units="nm")
    world = drawn_at(viewer, layer, (2, 3, 4), (1, 2))
    np.testing.assert_allclose(world, 1000 * np.array(layer.data_to_world((2, 3, 4))))
    np.testing.assert_allclose(seen_at(viewer, layer, world, (1, 2)), (2, 3, 4))
    viewer.dims.set_point(0, world[0])
    assert index_in_view(viewer, layer) == (2,)
    viewer.add_image(np.zeros((5, 6)))  # without a unit: napari uses none of them
    np.testing.assert_allclose(drawn_at(viewer, layer, (2, 3, 4), (1, 2)), layer.data_to_world((2, 3, 4)))
