"""The column of the dock is never cut at its side."""

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

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
    live = dock.sections.train.live

    def fits():
        return live.mapTo(dock, live.rect().topRight()).x() <= dock.width() < 500

    qtbot.waitUntil(fits, timeout=20000)
    assert live.width() >= live.minimumSizeHint().width()
