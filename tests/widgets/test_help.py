"""The help sheet: every key that is bound is in it."""

from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_upaint.widgets import _help, _screen
from napari_upaint.widgets._gallery_window import GalleryWindow
from napari_upaint.widgets._gestures import GESTURES, KEY_ACTIONS, NAPARI_ACTIONS, pressed


def press(viewer, key):
    viewer.keymap[next(one for one in viewer.keymap if str(one) == key)](viewer)


def test_every_key_is_declared_bound_and_on_the_sheet(viewer, dock):
    bound = {str(key) for key in viewer.keymap}
    dock.show_help()
    words = dock.help.words()
    for action in KEY_ACTIONS:
        assert action.name in dock._actions()
        assert {pressed(key) for key in action.keys} <= bound
        assert words[words.index(action.text) - 1] == " or ".join(pressed(key) for key in action.keys)
    assert set(dock._actions()) == {action.name for action in KEY_ACTIONS}
    for text in (*NAPARI_ACTIONS.values(), *GESTURES.values()):
        assert text in words
    assert words[words.index("Eraser: back to unlabelled") - 1] == "1 or E"


def test_no_key_is_declared_twice():
    keys = [key for action in KEY_ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_f1_opens_and_closes_it(viewer, dock, qtbot):
    press(viewer, "F1")
    assert dock.help.isVisible()
    press(viewer, "F1")
    qtbot.waitUntil(lambda: dock.help is None, timeout=20000)
    press(viewer, "F1")
    assert dock.help.isVisible()
    qtbot.keyClick(dock.help, Qt.Key.Key_F1)  # once it is open, it has the keys
    qtbot.waitUntil(lambda: dock.help is None, timeout=20000)


def test_on_a_small_screen_with_a_large_font_all_words_and_buttons_are_in_reach(dock, qtbot, monkeypatch):
    """1920 x 1080 pixels at 200 %: the sheet and the gallery ended below the screen, and words were cut in half."""
    screen = QRect(0, 0, 960, 540)
    for module in (_screen, _help):
        monkeypatch.setattr(module, "screen_of", lambda _widget: screen)
    dock.setStyleSheet("QLabel { font-size: 24px }")
    dock.show_help()
    assert screen.contains(dock.help.frameGeometry())
    words = dock.help.findChildren(QLabel)
    qtbot.waitUntil(lambda: all(one.height() >= one.sizeHint().height() for one in words), timeout=5000)
    gallery = GalleryWindow(dock)
    qtbot.addWidget(gallery)
    assert gallery.height() < screen.height()


def test_on_a_large_screen_nothing_has_to_be_scrolled(dock, qtbot, monkeypatch):
    """Its size was that before the rows got their height: the last of them was below the edge."""
    for module in (_screen, _help):
        monkeypatch.setattr(module, "screen_of", lambda _widget: QRect(0, 0, 3840, 2160))
    dock.setStyleSheet("QLabel { font-size: 24px }")
    dock.show_help()
    bar = dock.help.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: dock.help.width() > 500 and bar.maximum() == 0, timeout=5000)


def test_it_goes_with_the_dock(viewer, dock, qtbot):
    dock.show_help()
    sheet = dock.help
    with qtbot.waitSignal(sheet.destroyed, timeout=20000):
        viewer.window.remove_dock_widget(dock)
    assert dock.help is None
    assert "F1" not in {str(key) for key in viewer.keymap}


def test_a_key_of_somebody_else_stays_theirs_and_the_sheet_says_so(viewer, open_dock):
    viewer.bind_key("F1", lambda _viewer: None)
    viewer.bind_key("U", lambda _viewer: None)
    dock = open_dock()
    dock.show_help()
    words = dock.help.words()
    assert "Show or close this sheet (taken by napari, another plug-in or your own shortcuts)" in words
    where = next(action.text for action in KEY_ACTIONS if action.name == "where")
    assert words[words.index(where) - 1] == "Shift+U"
