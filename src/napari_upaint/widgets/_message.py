"""The message line of the dock: one sentence, a way to close it, details on request."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_upaint.widgets._colours import ThemeColours
from napari_upaint.widgets._wrapped_label import WrappedLabel

MessageKind = Literal["info", "warning", "error"]
_TITLES: dict[MessageKind, str] = {"info": "Note", "warning": "Attention", "error": "Problem"}


class MessageLine(QFrame):
    """Shows one message at a time; empty, it takes no room."""

    def __init__(self) -> None:
        super().__init__()
        self.kind: MessageKind = "info"
        self._colours: ThemeColours | None = None
        self._refused: QWidget | None = None  # the button whose reason is shown
        self._text = WrappedLabel()
        self._text.make_selectable()
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._more = QToolButton(text="Details", checkable=True, toolTip="Show or hide the program's notes about it.")
        self._dismiss = QToolButton(text="✕", toolTip="Close this message.", autoRaise=True)
        self._dismiss.setAccessibleName("Close this message")
        self._details = QPlainTextEdit(
            readOnly=True, visible=False, toolTip="For a report to the authors: copy it all."
        )
        self._details.setAccessibleName("Details")
        self._details.setMaximumHeight(120)
        self._compose()
        self._more.toggled.connect(self._details.setVisible)
        self._dismiss.clicked.connect(self.clear)
        self.clear()

    def _compose(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._text, 1)
        row.addWidget(self._more, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._dismiss, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.addLayout(row)
        column.addWidget(self._details)
        self.setObjectName("upaintMessage")

    def text(self) -> str:
        """Return the sentence shown, or ''."""
        return self._text.text()

    def show_message(self, text: str, kind: MessageKind = "info", details: str = "") -> None:
        """Show a sentence instead of the one before; `details` appear on request."""
        self.kind, self._refused = kind, None
        self._text.setText(text)
        self._text.setToolTip("")
        self._details.setPlainText(details)
        self._more.setChecked(False)
        self._more.setVisible(bool(details))
        self.setAccessibleName(f"{_TITLES[kind]}: {text}")
        self._paint_border()
        self.setVisible(bool(text))

    def refuse(self, button: QWidget) -> None:
        """Say why a button cannot be pressed (its tooltip), as long as this holds."""
        self.show_message(button.toolTip(), "warning")
        self._refused = button
        button.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Close the message when the reason no longer holds."""
        changed = event.type() == QEvent.Type.ToolTipChange and watched is self._refused
        if changed and self._refused is not None and self._refused.toolTip() != self.text():
            self.clear()
        return False

    def add(self, sentence: str) -> None:
        """Show one more sentence, after what is shown, unless that says why a button cannot be pressed."""
        if self._refused is not None:
            self.clear()
        self.show_message(f"{self.text()} {sentence}".strip(), self.kind, self._details.toPlainText())

    def warn(self, sentence: str, details: str = "") -> None:
        """Show a warning that nobody waits for: after a note (it may say how a training ended), else instead."""
        note = self.text() if self.kind == "info" else ""
        self.show_message(f"{note} {sentence}".strip(), "warning", details)

    def take_back(self, sentence: str) -> None:
        """Close what no longer holds, if it is shown; a note before it stays."""
        if sentence and self.text().endswith(sentence):
            self.show_message(self.text().removesuffix(sentence).strip())

    def clear(self) -> None:
        """Close the message."""
        self.show_message("")

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        self._colours = colours
        self._paint_border()

    def _paint_border(self) -> None:
        if self._colours is None:
            return
        c = self._colours
        edge = {"info": c.current, "warning": c.warning, "error": c.error}[self.kind]
        self.setStyleSheet(
            f"#upaintMessage {{ border-left: 4px solid {edge}; background: {c.foreground}; border-radius: 2px; }}"
        )
