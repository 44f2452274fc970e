"""Running the engine's generators from a shell: progress bars, and Ctrl-C that keeps what there is."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
INTERRUPTED = 130  # exit code, as shells have it


class Interrupt:
    """Turns the first Ctrl-C into a wish (`asked`); the second one ends the program as usual.

    A `KeyboardInterrupt` in the middle of a step would kill the generator and the training with it.
    """

    def __init__(self, saying: str = "Stopping.") -> None:
        self.asked = False
        self._saying = saying
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
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
        Once asked, a `Stop` is sent, a single time.

    Raises
    ------
    KeyboardInterrupt
        If the generator ended without a result because it was stopped.
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
        raise KeyboardInterrupt from None
    running.close()
    return message


def bar(total: float, title: str) -> Any:
    """Return a progress bar on standard error; silent where that is no terminal."""
    from tqdm import tqdm

    plain = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    return tqdm(
        total=total,
        desc=title,
        file=sys.stderr,
        disable=None,
        leave=False,
        dynamic_ncols=True,
        bar_format=plain,
    )
