"""The table of objects: sorted, and in step with the image."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRect, Qt

from napari_upaint.widgets._drawn import drawn_at
from napari_upaint.widgets._measured_objects import Measured
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets._object_table import ObjectModel, ObjectTable, head, written


def squares():
    """Two planes with squares of different sizes."""
    image = np.zeros((2, 120, 140), np.float32)
    for z, row, column, size in ((0, 10, 10, 8), (0, 60, 90, 20), (1, 80, 30, 12), (1, 20, 100, 16)):
        image[z, row : row + size, column : column + size] = 1
    return image


def named(viewer, what):
    return next((layer for layer in viewer.layers if layer.metadata.get(MARK, {}).get("what") == what), None)


@pytest.fixture
def measured(viewer, dock, settle, qtbot):
    """A dock with a measured stack and the table open."""
    viewer.add_image(squares(), name="stack", scale=(3, 0.5, 0.5), translate=(0, 5, 7), units=("um",) * 3)
    s = dock.sections.segment
    qtbot.waitUntil(lambda: s.buttons["layer"].isEnabled(), timeout=20000)
    assert not s.show_button.isEnabled()
    assert s.show_button.toolTip() == "Segment the image first."
    s.buttons["layer"].click()
    settle(dock)
    s.measure_button.click()
    settle(dock)
    s.show_button.click()
    return dock.table_window.table


def cells(table, column):
    model = table.model
    at = list(model.table).index(column)
    return [model.data(model.index(row, at)) for row in range(model.rowCount())]


def test_all_objects_stand_in_it(measured):
    assert measured.words.text() == "4 objects on 2 planes of stack labels"
    assert cells(measured, "area_um2") == ["16", "100", "64", "36"]


def test_a_long_name_does_not_widen_it(qtbot):
    """Above a small window, the table covered the buttons of the dock."""
    table = ObjectTable()
    qtbot.addWidget(table)
    before = table.minimumSizeHint().width()
    table.show_table({"label": np.arange(1, 3)}, f"2 objects of {'plate_0001_well_A01_' * 8} labels")
    assert table.minimumSizeHint().width() < before + 150


@pytest.mark.parametrize(
    ("column", "says"),
    [("area_um2", "area µm²"), ("volume_px3", "volume px³"), ("y_nm", "y nm"), ("um_dna2_mean", "um dna2 mean")],
)
def test_the_head_of_a_column_is_written_as_on_paper(column, says):
    assert head(column) == says


def test_a_click_on_a_head_sorts(qtbot):
    table = ObjectTable()
    qtbot.addWidget(table)
    table.show_table({"label": np.arange(4), "size": np.array([16.0, 100, 64, 36])})
    table.resize(400, 200)
    table.show()
    qtbot.waitExposed(table)
    header = table.view.horizontalHeader()
    where = QPoint(header.sectionViewportPosition(1) + header.sectionSize(1) // 2, 5)
    for expected in (["16", "36", "64", "100"], ["100", "64", "36", "16"]):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert cells(table, "size") == expected


def test_a_row_goes_to_its_object(viewer, measured, qtbot):
    labels = named(viewer, "labels")
    row = 3  # 12 pixels wide, in the second plane
    index, camera = measured.model.index(row, 0), viewer.scene.camera
    camera.zoom = 20
    for _ in range(2):  # again when the view is elsewhere
        camera.center = (0, 200, 7)
        at = measured.view.visualRect(index).center()
        qtbot.mouseClick(measured.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
        assert viewer.dims.current_step[0] == 1
        np.testing.assert_allclose(camera.center[-2:], (5 + 85.5 / 2, 7 + 35.5 / 2))
    assert labels.selected_label == labels.data[1, 85, 35]
    ring = named(viewer, "object")
    np.testing.assert_allclose(ring.data[0], (1, 86, 36), atol=1)
    measured.view.sortByColumn(list(measured.model.table).index("area_um2"), Qt.SortOrder.AscendingOrder)
    assert measured.view.currentIndex().row() == 1  # the same object, elsewhere in the table
    assert viewer.dims.current_step[0] == 1


def test_an_object_that_is_picked_or_clicked_selects_its_row(viewer, measured, qtbot):
    labels = named(viewer, "labels")
    viewer.dims.set_current_step(0, 0)
    labels.selected_label = int(labels.data[0, 70, 100])
    assert measured.view.currentIndex().row() == 1
    assert named(viewer, "object") is None  # the user is there already
    viewer.dims.set_current_step(0, 1)
    labels.mode = "pan_zoom"
    click(labels, (1, 85, 35))
    assert measured.view.currentIndex().row() == 3
    labels.mode = "paint"
    click(labels, (1, 25, 105))
    assert measured.view.currentIndex().row() == 3


def test_a_click_takes_the_object_of_its_plane_in_whatever_direction_one_looks(viewer, measured):
    labels = named(viewer, "labels")
    viewer.dims.set_current_step(0, 0)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 85)
    assert labels.data[1, 85, 35] == labels.data[0, 70, 100]  # the same number as another object in the other plane
    labels.mode = "pan_zoom"
    click(labels, (1, 85, 35))
    assert measured.view.currentIndex().row() == 3


def test_numbers_of_one_plane_are_not_shown_for_objects_of_all(viewer, measured):
    labels = named(viewer, "labels")
    viewer.dims.set_current_step(0, 0)
    assert "area_um2" in labels.features
    for order, ndisplay in (((1, 0, 2), 2), ((0, 1, 2), 3)):
        viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
        assert "area_um2" not in labels.features
    viewer.dims.ndisplay = 2
    assert "area_um2" in labels.features


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_click_on_a_tilted_stack_takes_the_object_that_is_drawn_there(viewer, measured):
    labels = named(viewer, "labels")
    viewer.layers["stack"].rotate = labels.rotate = (0, 8, 0)
    viewer.dims.set_current_step(0, 1)
    labels.mode = "pan_zoom"
    click(labels, (1, 85, 35), drawn_at(viewer, labels, (1, 85, 35), (1, 2)))
    assert measured.view.currentIndex().row() == 3


def click(layer, at, world=None):
    """Click as the viewer would."""

    class Event:
        type, pos, position = "mouse_press", (10, 10), layer.data_to_world(at) if world is None else world

    for callback in layer.mouse_drag_callbacks:
        if callback.__module__.startswith("napari_upaint"):
            steps = callback(layer, Event)
            for _ in steps:
                Event.type = "mouse_release"


def test_it_says_so_when_the_numbers_are_not_true_any_more(viewer, dock, measured, settle):
    s = dock.sections.segment
    measured.view.selectRow(0)
    s.buttons["view"].click()
    settle(dock)
    assert measured.model.rowCount() == 0
    assert "Measure" in measured.words.text()
    assert named(viewer, "object") is None
    s.show_button.click()  # it can be closed, but not opened without measurements
    assert not s.show_button.isEnabled()
    s.measure_button.click()
    settle(dock)
    s.show_button.click()
    assert dock.table_window.table.model.rowCount() == 4


def test_it_closes_by_its_cross_by_the_button_and_with_the_dock(viewer, dock, measured, qtbot):
    button = dock.sections.segment.show_button
    window = dock.table_window
    measured.view.selectRow(0)
    window._dock.close()
    qtbot.waitUntil(lambda: not button.isChecked(), timeout=20000)
    assert window.table is None
    assert named(viewer, "object") is None
    labels = named(viewer, "labels")
    assert not any(callback.__module__.startswith("napari_upaint") for callback in labels.mouse_drag_callbacks)
    button.click()
    assert window.table.model.rowCount() == 4
    button.click()
    assert window.table is None
    button.click()
    viewer.window.remove_dock_widget(dock)
    assert window.table is None


def test_in_a_small_window_it_lies_over_the_lower_part_of_the_image(viewer, measured, dock):
    """It came over napari's menu."""
    image = viewer.window._qt_window.centralWidget()
    place = QRect(image.mapToGlobal(QPoint(0, 0)), image.size())
    floating = dock.table_window._dock
    assert floating.isFloating()
    assert place.contains(floating.geometry().topLeft())
    assert floating.geometry().top() > place.center().y()


def test_nothing_is_left_of_it_once_it_is_closed(measured, dock, qtbot):
    gone = []
    measured.destroyed.connect(lambda: gone.append(1))
    dock.sections.segment.show_button.click()
    qtbot.waitUntil(lambda: len(gone) == 1)


def test_a_hundred_thousand_objects_are_no_trouble(qtbot):
    rng = np.random.default_rng(0)
    table = ObjectTable()
    qtbot.addWidget(table)
    columns = {"label": np.arange(100_000), **{f"value_{n}": rng.random(100_000) for n in range(12)}}
    table.show()
    began = time.perf_counter()
    table.show_table(columns, "many")
    table.view.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    table.select(77)
    seconds = time.perf_counter() - began
    assert table.model.object_at(table.view.currentIndex().row()) == 77
    assert seconds < 1


def test_words_of_a_million_objects_do_not_stop_the_window():
    plan = SimpleNamespace(kind="objects", ndim=2, labels=SimpleNamespace(name="stack labels"))
    table = {"z": np.repeat(np.arange(100), 10_000), "label": np.tile(np.arange(10_000), 100)}
    began = time.thread_time()
    assert Measured(plan, table).words == "1000000 objects on 100 planes of stack labels"
    assert time.thread_time() - began < 0.2


def test_what_could_not_be_measured_comes_last(qtbot):
    model = ObjectModel()
    model.set_table({"label": np.arange(4), "size": np.array([2.0, np.nan, 1.0, 3.0])})
    for order, expected in ((Qt.SortOrder.AscendingOrder, [2, 0, 3, 1]), (Qt.SortOrder.DescendingOrder, [3, 0, 2, 1])):
        model.sort(1, order)
        assert [model.object_at(row) for row in range(4)] == expected
        assert [model.row_of(at) for at in expected] == [0, 1, 2, 3]
    assert (written(np.int32(12345678)), written(np.nan), written(0.123456)) == ("12345678", "", "0.1235")
    assert (written(18776.4), written(9876.54), written(1e-7)) == ("18776", "9877", "1e-07")


def test_napari_closes_with_the_table_open(viewer, dock, measured, qtbot):
    """The window goes first, and the table is a part of it."""
    window = viewer.window._qt_window
    window.resize(1400, 900)
    window.show()
    dock.table_window._dock.setFloating(False)  # as in a large window
    viewer.close()
    qtbot.waitUntil(lambda: dock.bridge.pid is None, timeout=20000)
    qtbot.waitUntil(lambda: not dock._open, timeout=20000)
