"""Running the engine's generators from a shell."""

from napari_upaint.commands._running import Interrupt, drive
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
