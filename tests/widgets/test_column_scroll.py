"""The column of the dock is never cut off at its side."""

from napari.settings import get_settings
from qtpy.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_upaint.widgets._column_scroll import ColumnScroll


def test_it_grows_with_its_widest_row(qtbot):
    column = QWidget()
    layout = QVBoxLayout(column)
    scroll = ColumnScroll(column)
    outer = QWidget()
    QVBoxLayout(outer).addWidget(scroll)
    qtbot.addWidget(outer)
    outer.show()
    before = outer.minimumSizeHint().width()
    layout.addWidget(QLabel("a row that is wider than all that were there before it came, by far"))
    qtbot.waitUntil(lambda: outer.minimumSizeHint().width() > before + 100, timeout=20000)
    outer.resize(outer.minimumSizeHint())
    qtbot.waitUntil(lambda: scroll.viewport().width() >= column.minimumSizeHint().width(), timeout=20000)


def test_the_dock_shows_its_rows_in_full(viewer, open_dock, qtbot):
    viewer.window._qt_window.show()
    dock = open_dock()
    row = dock.sections.train

    def fits():
        return row.mapTo(dock, row.rect().topRight()).x() <= dock.width() < 500

    qtbot.waitUntil(fits, timeout=20000)
    assert row.width() >= row.minimumSizeHint().width()


def test_a_large_font_in_a_small_window_leaves_the_canvas_some_room(viewer, open_dock, qtbot, monkeypatch):
    monkeypatch.setattr(get_settings().appearance, "font_size", 14)
    viewer.window._qt_window.resize(1024, 768)
    viewer.window._qt_window.show()
    dock = open_dock()
    area = dock.findChild(QScrollArea)
    qtbot.waitUntil(lambda: area.widget().sizeHint().width() > 0.35 * 1024, timeout=20000)
    qtbot.waitUntil(lambda: dock.width() <= 0.36 * 1024, timeout=20000)
    assert viewer.window._qt_window.width() == 1024
    assert area.widget().width() <= area.viewport().width()  # nothing is cut off
