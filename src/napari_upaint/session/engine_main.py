"""The engine process: what runs on the other side of `spawn.Child`."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

from napari_upaint.engine.memory import give_back, keep_blocks
from napari_upaint.engine.progress import Stop, Told
from napari_upaint.session.drive import Inbox, begin, drive
from napari_upaint.session.faults import describe
from napari_upaint.session.protocol import Begun, Event, Failed, Finished, Order, Ready, Shutdown, Stopping, Tell
from napari_upaint.session.shared import Channel, sweep

# High enough for the window to come first, low enough that another busy program does not starve the training.
NICENESS = 3
# Seconds between two checks that the parent lives. Needed if a fork of the parent holds a copy of our pipe.
WATCH = 2.0
# Seconds that a message on its way is given when the process ends.
GRACE = 0.3
# Seconds without work after which memory is given back; the next plane of a series comes sooner.
IDLE = 5.0


def main(tasks: str, prefix: str, parent: int) -> NoReturn:
    """Serve requests from standard input until it ends.

    Parameters
    ----------
    tasks : str
        Module with the table of generators.
    prefix : str
        Names of files in shared memory begin with it.
    parent : int
        Process id of the parent; this process does not outlive it.
    """
    channel = _take_over_pipes(prefix)
    _stand_back()
    orders: SimpleQueue[tuple[Order, Inbox]] = SimpleQueue()
    threading.Thread(target=_listen, args=(channel, orders), name="listen", daemon=True).start()
    if sys.platform != "win32":
        threading.Thread(target=_watch, args=(channel, parent), name="watch", daemon=True).start()
    try:
        channel.send(Ready(os.getpid()))
        while True:
            order, inbox = _next(orders)
            _work(channel, order, inbox, tasks)
            del order, inbox  # or the arrays of this job stay in memory until the next one
    except BrokenPipeError:
        pass
    _leave(channel)


def _take_over_pipes(prefix: str) -> Channel:
    """Keep standard input and output for messages; whatever is printed goes to the log (standard error)."""
    reading, writing = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return Channel(os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb"), prefix, "e")


def _stand_back() -> None:
    """Let the window come first: in computing time, and when memory runs out."""
    faulthandler.enable()
    keep_blocks()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent, which then ends us
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        if sys.platform == "linux":  # the kernel should kill this process rather than the window
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
                score.write("500")


def _next(orders: SimpleQueue[tuple[Order, Inbox]]) -> tuple[Order, Inbox]:
    try:
        return orders.get(timeout=IDLE)
    except Empty:
        give_back()
        return orders.get()


def _listen(channel: Channel, orders: SimpleQueue[tuple[Order, Inbox]]) -> None:
    inboxes: dict[int, Inbox] = {}
    try:
        while True:
            message = channel.receive()
            if isinstance(message, Order):
                inboxes = {message.job_id: Inbox()}  # one job at a time: older ones are over
                orders.put((message, inboxes[message.job_id]))
            elif isinstance(message, Tell) and message.job_id in inboxes:
                inboxes[message.job_id].put(message.message)
            elif isinstance(message, Shutdown):
                break
            del message
    except (EOFError, OSError):
        pass
    except BaseException:
        # A message cannot be read: the job that it was for would wait for ever.
        sys.excepthook(*sys.exc_info())
        _leave(channel, 1)
    _leave(channel)


def _watch(channel: Channel, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH)
    _leave(channel)


def _leave(channel: Channel, code: int = 0) -> NoReturn:
    """End at once, in the middle of whatever is running: nobody waits for it any more."""
    channel.hold(GRACE)  # or another thread writes its next array behind the sweep
    sweep(channel.prefix)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _work(channel: Channel, order: Order, inbox: Inbox, tasks: str) -> None:
    """Run one job and report on it."""
    said = False

    def take() -> Told | None:
        nonlocal said
        message = inbox.take()
        if isinstance(message, Stop) and not said:
            said = True
            channel.send(Stopping(order.job_id))
        return message

    outcome: Any = Finished(order.job_id)
    try:
        steps = begin(order.request, tasks)  # the first one loads torch, which takes as long as the disk is slow
        channel.send(Begun(order.job_id))
        for payload in drive(steps, take):
            channel.send(Event(order.job_id, payload))
            del payload
    except BrokenPipeError:
        raise
    except BaseException as error:  # also SystemExit: a job must not end the process silently
        outcome = Failed(order.job_id, *describe(error))
    channel.send(outcome)
