"""Earlier trainings: listed, used again, undone, renamed, deleted. Files are read and moved in a thread."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import UserError
from napari_upaint.session.history import delete_run, rename_run, run_of, start_of
from napari_upaint.session.run import Run, list_runs
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._history_words import why_not_undo
from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._reasons import Situation, busy
from napari_upaint.widgets._sections import Sections

_UNDO_TIP = "Undo the last training: go back to {name}. The trained model stays in the History."


class History(QObject):
    """Connects the list of runs and the Undo button with the files of the runs and the list of models."""

    failed = Signal(str, str)
    said = Signal(str)  # what was done, in words
    model_changed = Signal()  # another model was chosen here: what is in view is to be segmented again

    def __init__(self, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._section, self._model, self._train = sections.history, sections.model, sections.train
        self._runs: list[Run] = []
        self._situation = Situation()
        self._listing = Work(self, self._listed, self.failed)
        self._changing = Work(self, self._changed, self._not_changed, writes=True)
        self._section.use_wanted.connect(self._use)
        self._section.rename_wanted.connect(lambda run, name: self._changing.start(_rename, run, name, self._chosen()))
        self._section.delete_wanted.connect(lambda runs: self._changing.start(_delete, runs, self._chosen()))
        self._train.undo_button.clicked.connect(self.undo)
        self._model.chosen.connect(self._allow)
        self.refresh()

    @property
    def busy(self) -> bool:
        """Whether files are being read or moved."""
        return self._listing.busy or self._changing.busy

    def close(self) -> None:
        """Stop reporting."""
        self._listing.forget()
        self._changing.forget()

    def refresh(self, *_: object) -> None:
        """Read the runs again."""
        self._listing.start(list_runs)

    def allow(self, situation: Situation) -> None:
        """Enable or disable the buttons, depending on what runs and what is open."""
        self._situation = situation
        self._allow()

    def _chosen(self) -> Path | None:
        return self._model.choice().path

    def _listed(self, runs: list[Run]) -> None:
        self._runs = runs
        self._section.show_runs(runs)
        self._allow()

    def _allow(self) -> None:
        now = busy(self._situation) or ("Files are being moved; wait a moment." if self._changing.busy else "")
        self._section.allow(self._situation, now)
        run, gone, name = run_of(self._chosen(), self._runs), "", ""
        try:
            start = start_of(run) if run else None
            name = start.stem if start else "a network from scratch"
        except UserError as error:
            gone = str(error)
        why = why_not_undo(run, gone, now)
        self._train.undo_button.setEnabled(not why)
        self._train.undo_button.setToolTip(plain(why or _UNDO_TIP.format(name=name)))

    # -- which model ---------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Choose the model that the training of the chosen one started from."""
        run = run_of(self._chosen(), self._runs)
        if run is None:
            return
        try:
            start = start_of(run)
        except UserError as error:
            self.failed.emit(str(error), "")
            return
        self._choose(start)
        name = start.stem if start is not None else "a network from scratch"
        self.said.emit(f"Undone: back to {name}. '{run.name}' stays in the History; press 'Use' there to redo.")

    def _use(self, run: Run) -> None:
        self._choose(run.model)
        self.said.emit(f"Using the model of '{run.name}'.")

    def _choose(self, path: Path | None) -> None:
        self._model.choose(path)
        self.model_changed.emit()

    # -- other names, the trash ----------------------------------------------------------------------------------

    def _changed(self, outcome: tuple[str, Path | None]) -> None:
        words, chosen = outcome
        self._model.refresh()
        if chosen is not None:
            self._model.choose(chosen)
        self.refresh()
        self.said.emit(words)

    def _not_changed(self, sentence: str, details: str) -> None:
        self._model.refresh()
        self.refresh()
        self.failed.emit(sentence, details)


def _rename(run: Run, name: str, chosen: Path | None) -> tuple[str, Path | None]:
    """Rename a run; return what to say, and the model to choose: the renamed one if it was chosen."""
    renamed = rename_run(run, name)
    return f"'{run.name}' is '{renamed.name}' now.", renamed.model if run.model == chosen else chosen


def _delete(runs: list[Run], chosen: Path | None) -> tuple[str, Path | None]:
    """Move runs into the trash; return what to say, and the model to choose: its start if the chosen one is gone."""
    for run in runs:
        if run.model is not None and run.model == chosen:
            try:
                chosen = start_of(run)
            except UserError:
                chosen = None
        trash = delete_run(run)
    words = f"'{runs[0].name}' was" if len(runs) == 1 else f"{len(runs)} runs were"
    return f"{words} moved to {trash}.", chosen
