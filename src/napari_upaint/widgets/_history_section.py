"""The collapsed section *History*: earlier trainings, the curve of the selected one, and what to do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_upaint.session.run import Run
from napari_upaint.widgets._dialogs import confirmed
from napari_upaint.widgets._folding import Folding
from napari_upaint.widgets._history_words import (
    run_lines,
    run_tip,
    why_not_change,
    why_not_compare,
    why_not_copy,
    why_not_use,
)
from napari_upaint.widgets._loss_plot import LossPlot
from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._reasons import Situation, allow
from napari_upaint.widgets._wrapping_row import wrapping_buttons

_RUN = Qt.ItemDataRole.UserRole
_HEIGHT = 150
_TIPS = {
    "use": "Use the model that this training made. Later ones stay in the list, so you can go back to them.",
    "compare": "Segment what is in view with both models; their outlines are two layers to switch on and off.",
    "rename": "Give the run and its model another name.",
    "delete": "Move the run and its model into the folder 'trash' beside the models.",
    "python": "Copy a Python program that repeats this training on the present paint.",
    "command": "Copy a command for a terminal that repeats this training on the present paint.",
}


class HistorySection(Folding):
    """A list of runs with buttons; what the buttons do is up to `History`."""

    use_wanted = Signal(object)  # Run
    compare_wanted = Signal(object)  # two of them
    rename_wanted = Signal(object, str)
    delete_wanted = Signal(object)  # a list of them
    copy_wanted = Signal(str, object)  # "python" or "command", Run

    def __init__(self) -> None:
        super().__init__("History", "Show or hide your earlier trainings.")
        self._busy, self._situation = "", Situation()
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setFixedHeight(_HEIGHT)
        self.list.setSpacing(2)  # each has two lines: shows where one ends
        self.plot = LossPlot("Select a training to see its loss")
        self.buttons: dict[str, QPushButton] = {
            what: QPushButton(text)
            for what, text in (
                ("use", "Use"),
                ("compare", "Compare"),
                ("rename", "Rename…"),
                ("delete", "Delete…"),
                ("python", "Copy as Python"),
                ("command", "Copy as command"),
            )
        }
        self.list.setAccessibleName("Earlier trainings")
        self.list.setToolTip(
            "Your trainings, the newest first: date, name, loss on held-out paint before → after (lower is better),\n"
            "painted pixels, time. Double-click one to use its model."
        )
        self.list.itemSelectionChanged.connect(self._selected)
        self.list.itemDoubleClicked.connect(lambda _: self.buttons["use"].click())
        self._compose()
        self._connect()
        self._selected()

    def _compose(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 2, 0, 2)
        column.addWidget(self.list)
        column.addWidget(self.plot)
        buttons = list(self.buttons.values())
        for pair in zip(buttons[::2], buttons[1::2], strict=True):
            column.addLayout(wrapping_buttons(*pair))
        self.addWidget(inner)
        for layout in (self.layout(), self.content().layout()):  # aligned with the sections above and below
            layout.setContentsMargins(0, 0, 0, 0)

    def _connect(self) -> None:
        self.buttons["use"].clicked.connect(lambda: self.use_wanted.emit(self.selected()[0]))
        self.buttons["compare"].clicked.connect(lambda: self.compare_wanted.emit(self.selected()))
        self.buttons["rename"].clicked.connect(self._ask_name)
        self.buttons["delete"].clicked.connect(self._ask_delete)
        for what in ("python", "command"):
            self.buttons[what].clicked.connect(lambda _=False, what=what: self.copy_wanted.emit(what, self._copied()))

    # -- the list ------------------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Return all runs that are listed, newest first."""
        return [self.list.item(i).data(_RUN) for i in range(self.list.count())]

    def selected(self) -> list[Run]:
        """Return the selected runs, from top to bottom."""
        return [self.list.item(i).data(_RUN) for i in range(self.list.count()) if self.list.item(i).isSelected()]

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List these runs; what was selected stays selected."""
        before, minutes = {run.id for run in self.selected()}, Counter(run.date[:16] for run in runs)
        self.list.blockSignals(True)
        self.list.clear()
        for run in runs:
            item = QListWidgetItem(run_lines(run, seconds=minutes[run.date[:16]] > 1))
            item.setData(_RUN, run)
            item.setToolTip(plain(run_tip(run)))
            self.list.addItem(item)
            item.setSelected(run.id in before)
        self.list.blockSignals(False)
        self._selected()

    def select(self, *ids: str) -> None:
        """Select runs by their ids."""
        for i in range(self.list.count()):
            self.list.item(i).setSelected(self.list.item(i).data(_RUN).id in ids)

    def _selected(self) -> None:
        runs = self.selected()
        self.plot.clear(runs[-1].settings.seconds if runs and not runs[-1].settings.steps else 0.0)
        for point in runs[-1].curve if runs else ():
            self.plot.add(point.seconds, point.loss, point.validation)
        self.allow(self._situation, self._busy)

    # -- the buttons ---------------------------------------------------------------------------------------------

    def allow(self, situation: Situation, busy: str) -> None:
        """Enable the buttons, or say why they are not; `busy` says what runs."""
        self._situation, self._busy = situation, busy
        runs = self.selected()
        copied = why_not_copy(self.list.count(), situation)
        for what, why in (
            ("use", why_not_use(runs, busy)),
            ("compare", why_not_compare(runs, situation.image, busy)),
            ("rename", why_not_change(runs, busy)),
            ("delete", why_not_change(runs, busy, several=True)),
            ("python", copied),
            ("command", copied),
        ):
            allow(self.buttons[what], why, _TIPS[what])

    def _copied(self) -> Run:
        """Return the run to copy: the selected one, else the last."""
        return (self.selected() or self.runs())[0]

    def _ask_name(self) -> None:
        (run,) = self.selected()
        name, wanted = QInputDialog.getText(self, "Rename the run", "New name of the run and its model:", text=run.name)
        if wanted and name != run.name:
            self.rename_wanted.emit(run, name)

    def _ask_delete(self) -> None:
        runs = self.selected()
        which = f"'{runs[0].name}'" if len(runs) == 1 else f"{len(runs)} runs"
        question = f"Delete {which}, models included? They are moved into the folder 'trash' beside the models."
        if confirmed(self, "Delete", question):
            self.delete_wanted.emit(runs)
