"""The dock *U-Paint*: its sections from top to bottom, in working order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import napari.viewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_upaint.session.drive import TASKS
from napari_upaint.widgets._autosaving import Autosaving
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._colours import theme_colours
from napari_upaint.widgets._column_scroll import ColumnScroll
from napari_upaint.widgets._exporting import Exporting
from napari_upaint.widgets._focus import focus_in_order
from napari_upaint.widgets._gallery import Gallery
from napari_upaint.widgets._help import HelpSheet
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._keeping import Keeping
from napari_upaint.widgets._keys import Keys
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._learning_on import LearningOn
from napari_upaint.widgets._linking import Linking
from napari_upaint.widgets._live_weights import LiveWeights
from napari_upaint.widgets._masks import Masks
from napari_upaint.widgets._new_layers import read_units, warm_up
from napari_upaint.widgets._preview import Preview
from napari_upaint.widgets._regions import Regions
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._table_window import TableWindow
from napari_upaint.widgets._uncertainty import Uncertainty
from napari_upaint.widgets._where_next import WhereNext
from napari_upaint.widgets._working import Working


class UPaintDock(QWidget):
    """Paint, train, segment.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are worked on.
    tasks : str
        Module with the engine's table of generators; tests use another one.
    """

    def __init__(self, viewer: napari.viewer.Viewer, tasks: str = TASKS) -> None:
        super().__init__()
        self._viewer = viewer
        self._open = False
        self._closing = False  # whether its window was asked to close
        self.help: HelpSheet | None = None
        self.sections = Sections()
        self.layers = Layers(viewer, self)
        self.bridge = JobBridge(self, tasks)
        self.choosing = Choosing(self.layers, self.sections, self)
        self.working = Working(self.layers, self.choosing, self.sections, self.bridge, self)
        self.autosaving = Autosaving(self.layers, self.choosing, self.sections, self)
        self.masks = Masks(self.layers, self.choosing, self.sections, self)
        self.sections.train.train_wanted.connect(self.autosaving.save_now)
        self.keeping = Keeping(self.layers, self.choosing, self.working, self.sections, self.bridge, self)
        self._guide()
        here = (self.layers, self.choosing, self.sections, self.working)
        self.preview = Preview(*here, self.bridge, self)
        self.preview.failed.connect(self.sections.message.warn)
        self.learning_on = LearningOn(*here, self)
        self.regions = Regions(self.layers, self.choosing, self.sections, self)
        self.regions.failed.connect(partial(self.working.fail, kind="warning"))
        self.live_weights = LiveWeights(self.layers, self.choosing, self.sections, self)
        for part in (self.autosaving, self.masks, self.live_weights, self.uncertainty, self.where_next, self.linking):
            part.failed.connect(self.working.fail)
        self.exporting = Exporting(self.sections, self.working, self.bridge, self)
        self.gallery = Gallery(self.sections, self.working, self.bridge, self)
        self.keys = Keys(viewer, self._actions(), self.layers.regions)
        self._compose()
        focus_in_order(self)
        self._acquire()
        read_units()
        self._warming = Work(self)
        self._warming.start(warm_up)
        # However the dock ends, the engine ends with it. Not a slot of the bridge's own: Qt deletes the bridge, and
        # with it its connections, before it tells that the dock is gone.
        self.destroyed.connect(partial(JobBridge.close, self.bridge))

    def _guide(self) -> None:
        """Make the parts that lead from the results back to the paint, and to single objects."""
        self.uncertainty = Uncertainty(self.layers, self.sections.segment.guide, self)
        self.where_next = WhereNext(self.layers, self.choosing, self.sections.segment.guide, self)
        self.table_window = TableWindow(self._viewer, self.layers, self.choosing, self.working.tables, self)
        self.sections.segment.show_button.toggled.connect(self.table_window.toggle)
        self.table_window.opened.connect(self.sections.segment.show_button.setChecked)
        results = self.working.results
        results.relabelling.relabelled.connect(self.table_window.follow)
        self.linking = Linking(self.layers, self.choosing, self.sections.segment.link_box, results.labelling, self)
        self.linking.linked.connect(self.working.tables.changed)
        results.relabelling.relabelled.connect(self.linking.ask)

    def _actions(self) -> dict[str, Callable[[], None]]:
        return {  # for the keys in `KEY_ACTIONS`
            "train": self.working.train_or_stop,
            "segment": self.working.segment_view,
            "background": self.choosing.brush.take_background,
            "next": self.choosing.brush.take_next,
            "where": self.where_next.search,
            "preview": self.preview.toggle,
            "region": self.regions.draw,
            "validation": self.regions.turn,
            "help": self.show_help,
        }

    def _compose(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        s = self.sections
        for title, section in (
            ("", s.project),
            ("Image", s.image),
            ("Paint", s.labels),
            ("Model", s.model),
            ("Train", s.train),
            ("", s.history),
            ("Segment", s.segment),
            ("Weight map", s.weights),
            ("Settings", s.settings),
            ("Engine", s.engine),
        ):
            if title:
                column.addLayout(_heading(title, self._help_button() if section is s.image else None))
            column.addWidget(section)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(ColumnScroll(inner), 1)
        outer.addWidget(s.message)

    def _help_button(self) -> QToolButton:
        button = QToolButton(text="?", toolTip="Show all keys and gestures. Key: F1")
        button.setAccessibleName("Keys and gestures")
        button.clicked.connect(self.show_help)
        return button

    def show_help(self) -> None:
        """Show the sheet of keys and gestures, or close it."""
        if self.help is not None and self.help.isVisible():
            self.help.close()
            return
        self.help = HelpSheet(self.keys.bound, self)
        self.help.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.help.destroyed.connect(self._help_closed)
        self.help.show()

    def _help_closed(self) -> None:
        self.help = None

    # -- coming and going ----------------------------------------------------------------------------------------

    def _acquire(self) -> None:
        """Listen to the viewer, bind the keys, start the engine."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._follow_theme)
        self._follow_theme()
        self.layers.open()
        self.choosing.brush.open()
        self.keys.bind()
        self.keeping.open()

    def _release(self) -> None:
        """Give back everything that is not this dock's own, and end the engine process."""
        if not self._open:
            return
        self._open = False
        self._viewer.events.theme.disconnect(self._follow_theme)
        closing: list[Callable[[], object]] = [
            self.keys.release,
            self.autosaving.close,
            self.preview.close,
            self.learning_on.close,
            self.choosing.brush.close,
            self.uncertainty.close,
            self.where_next.close,
            self.table_window.close,
            self.linking.close,
            self.live_weights.close,
            self.gallery.close,
            self.masks.close,
            self.keeping.close,
            self.working.close,
            self.bridge.close_meanwhile,
            self.layers.close,
        ]
        if self.help is not None:
            closing.insert(0, self.help.close)
        # If one fails, the others must still close: or the engine would run for ever.
        with ExitStack() as stack:
            for close in reversed(closing):
                stack.callback(close)

    def _follow_theme(self, *_: object) -> None:
        self.sections.set_colours(theme_colours(self._viewer.theme))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Wake up, also if the dock was taken out of the window and is put back."""
        self._acquire()
        self.window().installEventFilter(self)
        super().showEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """End the engine when the dock is closed as a separate window."""
        self._release()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        """Notice when napari takes the dock out of its window, as it does when the dock is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._release()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Notice when the viewer closes: it may still ask the user and stay open, but if it closes, it hides.

        Nothing may be left for later: the window is deleted next, and this dock with it.
        """
        if event.type() == QEvent.Type.Close:
            self._closing = True
        elif event.type() == QEvent.Type.Hide and self._closing and not event.spontaneous():
            self._closing = False
            self._release()
        return False


def _heading(text: str, button: QWidget | None = None) -> QHBoxLayout:
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 4, 0, 0)
    row = QHBoxLayout()
    row.addWidget(label, 1)
    if button is not None:
        row.addWidget(button)
    return row
