"""The engine's generators, run from a shell."""

import os
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


def test_a_wish_is_heard_although_nobody_reads_any_more_what_is_said(monkeypatch):
    """As with ``2>&1 | tee log``, which Ctrl-C ends, too."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as unread, Interrupt() as interrupt:
        monkeypatch.setattr(sys, "stderr", unread)
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        os.dup2(os.open(os.devnull, os.O_WRONLY), unread.fileno())  # or closing it would fail


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_a_lost_connection_is_a_wish_even_if_it_is_told_twice_but_not_for_nohup(capsys):
    for before, heard in ((signal.SIG_DFL, True), (signal.SIG_IGN, False)):
        kept = signal.signal(signal.SIGHUP, before)
        with Interrupt() as interrupt:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
        assert interrupt.asked is heard
        assert signal.signal(signal.SIGHUP, kept) is before


def test_without_a_standard_error_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with bar(2, "images") as progress:
        progress.update(1)
