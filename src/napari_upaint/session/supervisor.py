"""The thread that looks after the engine process: it alone knows what runs, what waits and what has to be killed.

Everything is posted to it (calls from widgets, messages from the process, its end) and done in that order, so nothing
needs a lock and no caller ever blocks: even arrays are copied for the process in this thread.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from napari_upaint.engine.progress import NewSamples, PreviewView, Stop
from napari_upaint.session.faults import describe, describe_exit
from napari_upaint.session.protocol import (
    Begun,
    Event,
    Failed,
    Finished,
    FromEngine,
    Order,
    Ready,
    Stopping,
    Tell,
)
from napari_upaint.session.spawn import Child

if TYPE_CHECKING:
    from napari_upaint.session.job import Job

# A stop waits for this many steps, even if that is longer than the grace period. A job that has heard it may take as
# long as this many steps to finish: a training judges its last weights, and looks for the painted objects in up to two
# million pixels.
_STEPS_WAITED, _STEPS_TO_FINISH = 3.0, 10.0
# Seconds that a stop gives a process to start before it counts: torch, on a slow disk, takes a while.
_TO_START = 60.0


class Supervisor:
    """See `napari_upaint.session.job.EngineProcess` for the parameters. Any thread may call ``post_...`` methods."""

    def __init__(self, tasks: str, grace: float, finish: float) -> None:
        self._tasks, self._grace, self._finish = tasks, grace, finish
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.closed = False
        self._child: Child | None = None
        self._running: Job | None = None
        self._waiting: deque[Job] = deque()
        # Messages for jobs that have not begun: the newest of each kind.
        self._early: dict[int, dict[type, NewSamples | PreviewView]] = {}
        self._begun = False  # whether the process took the running job's order
        self._retried: Job | None = None
        self._deadline: float | None = None  # when the running job is killed
        self._last_event = self._step_seconds = 0.0  # when the running job yielded last; how long that took
        self._granted = grace  # seconds that it was given
        self._hard = False  # whether it was cancelled rather than stopped
        self._verdict = ""  # why we killed it

    @property
    def pid(self) -> int | None:
        """Process id of the engine, or None."""
        child = self._child
        return child.pid if child else None

    # From any thread ----------------------------------------------------------------------------------------------

    def post_submit(self, job: Job) -> bool:
        """Queue a job; return whether it was accepted: False once this is closed."""
        return self._post(lambda: self._submit(job))

    def post_stop(self, job: Job, hard: bool) -> None:
        """Stop a job that waits or runs."""
        self._post(lambda: self._stop(job, hard))

    def post_tell(self, job: Job, message: NewSamples | PreviewView) -> None:
        """Send samples or a view to a job."""
        self._post(lambda: self._tell(job, message))

    def close(self, patience: float = 1.5) -> None:
        """End everything; returns when it is done."""
        with self._starting:
            self.closed, thread = True, self._thread
        if thread is None:
            return
        self._posted.put(lambda: None)  # wake it up
        if thread is threading.current_thread():
            return  # called by a listener: the loop ends after it
        thread.join(patience)
        child = self._child  # the thread may be about to let it go
        if thread.is_alive() and child is not None:  # it hangs in a pipe that the process does not read
            child.kill()
            thread.join(patience)

    def _post(self, action: Callable[[], None]) -> bool:
        with self._starting:
            if self.closed:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="upaint-engine", daemon=True)
                self._thread.start()
            self._posted.put(action)
            return True

    # In the supervisor's thread -----------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self.closed:
            wait = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            try:
                action = self._posted.get(timeout=wait)
            except Empty:
                self._overdue()
                continue
            try:
                action()
            except Exception as error:
                self._fail_all(*describe(error))
                if self._child is not None:  # or the next job would wait until this one ends
                    self._child.kill()
            del action  # it may hold arrays
        self._end()

    def _submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._advance()

    def _advance(self) -> None:
        """Begin the next job if nothing runs."""
        if self._running is not None or not self._waiting or self._verdict or self.closed:
            return
        if self._child is not None and not self._child.alive:  # it died idle, and the news is still on its way
            self._child.reap()
            self._child = None
        if self._child is None:
            self._child = Child(self._tasks, self._on_message, self._on_end)
        job = self._waiting.popleft()
        assert job.request is not None
        self._running, self._begun, self._deadline, self._hard = job, False, None, False
        try:
            self._child.send(Order(job.id, job.request))
        except Exception as error:  # it cannot be pickled, or there is no room for its arrays
            self._complete(Failed(job.id, *describe(error)))
            return
        for message in self._early.get(job.id, {}).values():
            self._send(self._child, Tell(job.id, message))

    def _stop(self, job: Job, hard: bool) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
            self._early.pop(job.id, None)
            job.deliver(Finished(job.id))
        elif job is self._running and self._child is not None:
            self._hard = self._hard or hard
            if self._deadline is None or hard:
                # If steps take long (the paper's network on a CPU), the next yield is waited for, or every stop would
                # lose the training.
                patience = self._grace if hard else max(self._grace, _STEPS_WAITED * self._step_seconds)
                self._grant(patience if self._begun else max(patience, _TO_START))
            self._child.send(Tell(job.id, Stop()))

    def _tell(self, job: Job, message: NewSamples | PreviewView) -> None:
        if job in self._waiting or (job is self._running and not self._begun):
            self._early.setdefault(job.id, {})[type(message)] = message
        if job is self._running and self._child is not None:
            self._send(self._child, Tell(job.id, message))

    def _send(self, child: Child, news: Tell) -> None:
        # If there is no room for its arrays, the message is lost, and the job goes on with what it has. The next stroke
        # sends all samples again (without one, the user hears at the end that the last strokes came too late), and the
        # next view follows. Files are written before the pipe, so no half message is in it.
        with contextlib.suppress(OSError, MemoryError):
            child.send(news)

    def _on_message(self, child: Child, message: FromEngine) -> None:
        self._posted.put(lambda: self._take(child, message))

    def _on_end(self, child: Child) -> None:
        self._posted.put(lambda: self._ended(child))

    def _take(self, child: Child, message: FromEngine) -> None:
        if isinstance(message, Ready):
            child.pid = message.pid
            return
        if child is not self._child or self._running is None or message.job_id != self._running.id:
            return
        if isinstance(message, Begun):
            self._begun, self._step_seconds, self._last_event = True, 0.0, time.monotonic()
            self._running.request = None  # it is in the other process by now, and is never tried again
            self._early.pop(message.job_id, None)
            if self._deadline is not None:
                self._grant(self._grace)
        elif isinstance(message, Stopping):
            if self._deadline is not None and not self._hard:
                self._grant(max(self._finish, _STEPS_TO_FINISH * self._step_seconds))
        elif isinstance(message, Event):
            now = time.monotonic()
            self._step_seconds, self._last_event = now - self._last_event, now
            self._running.deliver(message)
        else:
            self._complete(message)

    def _complete(self, outcome: Finished | Failed) -> None:
        job, self._running, self._deadline, self._retried = self._running, None, None, None
        assert job is not None
        self._early.pop(job.id, None)
        job.deliver(outcome)
        self._advance()

    def _grant(self, seconds: float) -> None:
        self._granted, self._deadline = seconds, time.monotonic() + seconds

    def _overdue(self) -> None:
        """Kill the process: the running job did not end in time after its stop."""
        self._deadline = None
        if self._child is not None and self._running is not None:
            self._verdict = (
                f"The job did not end within {self._granted:.3g} s after Stop and was ended; its result is lost."
            )
            self._child.kill()

    def _ended(self, child: Child) -> None:
        """Go on after the end of the process, whether we killed it or it ended on its own."""
        if child is not self._child:
            return
        code, verdict = child.reap(), self._verdict
        self._child, self._verdict = None, ""
        if verdict:
            if self._running is not None:
                self._complete(Failed(self._running.id, verdict))
            self._advance()
        elif self._running is not None and not self._begun and self._retried is not self._running:
            # The process had died idle just before this job's order came: it is tried once more.
            self._retried, self._running = self._running, None
            self._waiting.appendleft(self._retried)
            if self._deadline is not None:
                self._stop(self._retried, hard=True)
            self._advance()
        elif self._running is not None and self._begun:  # the others wait for a new process: a batch goes on
            self._complete(Failed(self._running.id, describe_exit(code), child.log_tail()))
        elif self._running is not None or self._waiting:  # it cannot even start
            self._fail_all(describe_exit(code), child.log_tail())

    def _fail_all(self, sentence: str, details: str = "") -> None:
        jobs = ([self._running] if self._running is not None else []) + list(self._waiting)
        self._running, self._deadline, self._retried = None, None, None
        self._waiting.clear()
        self._early.clear()
        for job in jobs:
            job.deliver(Failed(job.id, sentence, details))

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
        with contextlib.suppress(Empty):  # what was posted before it closed: whoever waits for it has to be told
            while True:
                self._posted.get_nowait()()
        self._fail_all("The engine was closed before this was done.")
