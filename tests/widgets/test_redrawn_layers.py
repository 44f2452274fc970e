"""What is segmented is seen, from whatever direction the viewer looks at a stack."""

import pytest
from upaint_pictures import picture


@pytest.mark.parametrize(("order", "ndisplay"), [((1, 0, 2), 2), ((2, 0, 1), 2), ((0, 1, 2), 3)])
def test_planes_that_the_view_crosses_are_drawn(viewer, dock, segment, qtbot, order, ndisplay):
    viewer.add_image(picture((4, 60, 80)), name="stack")
    segment("view")
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    viewer.dims.set_point(order[0], 20)
    labels = viewer.layers["stack labels"]
    whole = []
    labels.events.set_data.connect(lambda: whole.append((labels.data[:, 20, 20] > 0).all()))
    segment("layer")
    qtbot.waitUntil(lambda: any(whole), timeout=5000)


def test_it_is_said_that_a_plane_is_not_the_one_that_is_seen(viewer, dock, segment):
    viewer.add_image(picture((4, 60, 80)), name="stack")
    viewer.dims.order = (1, 0, 2)
    message = dock.sections.message
    segment("view")
    assert (
        message.text()
        == "Segmented 1 plane. You see that plane from the side; press 'Whole layer' to segment all planes."
    )
    segment("layer")
    assert message.text() == "Segmented 3 planes; 1 was there already."


def test_planes_out_of_view_are_not_drawn(viewer, dock, segment):
    viewer.add_image(picture((4, 60, 80)), name="stack")
    segment("view")
    viewer.dims.set_current_step(0, 0)
    drawn = []
    viewer.layers["stack labels"].events.set_data.connect(lambda: drawn.append(viewer.dims.current_step))
    segment("layer")
    assert len(drawn) == 1
