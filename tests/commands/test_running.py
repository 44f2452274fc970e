"""The engine's generators, run from a shell."""

import signal
import sys

import pytest

from napari_upaint.commands._running import Interrupt, bar, drive
from napari_upaint.engine.progress import Stop


def test_ctrl_c_is_told_once():
    heard, interrupt = [], Interrupt()

    def training():
        for number in range(5):
            told = yield number
            heard.append(told)
        yield "result"

    def show(number):
        interrupt.asked = number >= 2

    assert drive(training(), str, show, interrupt) == "result"
    assert heard == [None, None, Stop(), None, None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_ends_the_program(number, capsys):
    before = signal.getsignal(number)
    with Interrupt("Wait.") as interrupt:
        assert not interrupt.asked
        signal.raise_signal(number)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err == "\nWait.\n"


def test_without_a_standard_error_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with bar(2, "images") as progress:
        progress.update(1)
