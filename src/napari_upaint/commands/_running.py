"""Run the engine's generators from a shell: with progress bars, and a Ctrl-C that keeps what is done."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
INTERRUPTED = 130  # exit code, as in shells
# The terminal was closed, or the connection to it was lost. Shells pass it on: it may come twice. Not on Windows.
_HANG_UP = getattr(signal, "SIGHUP", None)


class Stopped(KeyboardInterrupt):
    """A generator ended without a result because it was asked to stop; a second Ctrl-C raises `KeyboardInterrupt`."""


class Interrupt:
    """Turns the first Ctrl-C into a request (`asked`); the second one ends the program as usual.

    A `KeyboardInterrupt` in the middle of a step would kill the generator and the training with it. The signal TERM
    counts, too: it is how a cluster says that the time of a job is up. So does HUP, but never as the second one.
    With `nohup`, which has it ignored, it counts for nothing.
    """

    def __init__(self, saying: str = "Stopping.") -> None:
        self.asked = False
        self._saying = saying
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [signal.SIGINT, signal.SIGTERM]
            if _HANG_UP is not None and signal.getsignal(_HANG_UP) != signal.SIG_IGN:
                heard.append(_HANG_UP)
            self._before = {one: signal.signal(one, self._ask) for one in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for one, before in self._before.items():
            signal.signal(one, before)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number != _HANG_UP:
            raise KeyboardInterrupt
        self.asked = True
        # Ctrl-C also ends the `tee` that reads this; RuntimeError: another print was being written.
        with contextlib.suppress(OSError, RuntimeError):
            print(f"\n{self._saying}", file=sys.stderr)


def drive(
    running: Generator[Any, Any, None], wanted: type[Result], show: Callable[[Any], None], interrupt: Interrupt
) -> Result:
    """Run a generator of the engine to its result, the last message.

    Parameters
    ----------
    running : generator
        `train(...)` or `segment_plane(...)`.
    wanted : type
        Class of the last message.
    show : callable
        Called with every message before that.
    interrupt : Interrupt
        Once it is asked, a single `Stop` is sent.

    Raises
    ------
    Stopped
        If the generator ended without a result because of that.
    """
    from napari_upaint.engine.memory import keep_blocks
    from napari_upaint.engine.progress import Stop

    keep_blocks()
    told = False
    try:
        message = next(running)
        while not isinstance(message, wanted):
            show(message)
            stop = interrupt.asked and not told
            told = told or stop
            message = running.send(Stop() if stop else None)
    except StopIteration:
        raise Stopped from None
    running.close()
    return message


def bar(total: float, title: str) -> Any:
    """Return a progress bar on standard error; silent if that is not a terminal."""
    from tqdm import tqdm

    plain = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    return tqdm(
        total=total,
        desc=title,
        file=sys.stderr,
        disable=None if sys.stderr is not None else True,  # None in a scheduled task of Windows: nobody would see it
        leave=False,
        dynamic_ncols=True,
        bar_format=plain,
    )
