"""What went wrong, as one sentence for the user."""

from __future__ import annotations

import errno
import signal
import traceback

from napari_upaint.engine.memory import says_ran_out
from napari_upaint.errors import UserError

_MEMORY = "choose a smaller tile or fewer pixels, or close other programs, and try again"
# Exit codes of a process that crashed on Windows.
_WINDOWS_CRASHES = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000409: "abort",
}
_WINDOWS_MEMORY = (0xC0000017, 0xC000012D)


def describe(error: BaseException) -> tuple[str, str]:
    """Return the sentence for the user and the details (a traceback) of an error."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, UserError):
        return str(error), details
    text = str(error).strip()
    if isinstance(error, MemoryError) or says_ran_out(text):
        return f"Memory ran out; {_MEMORY}.", details
    first = text.splitlines()[0].rstrip(".") if text else "no message"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"The disk is full ({error.filename or first}); make room there, and try again.", details
    return f"Something unexpected happened ({type(error).__name__}: {first}); see the details.", details


def describe_in_shell(error: BaseException) -> tuple[str, str]:
    """Return the sentence for a shell, with details only if the error is unexpected: a full disk explains itself."""
    sentence, details = describe(error)
    plain = sentence.replace("see the details", "report it")
    return plain, "" if plain == sentence else details


def describe_exit(code: int | None) -> str:
    """Return the sentence for an engine process that ended on its own, from its exit code (negative: a signal)."""
    if code is not None and code > 128 and code - 128 in (signal.SIGABRT, 9, signal.SIGSEGV):
        code = 128 - code  # as a shell reports a signal
    if code == -9:
        return f"The engine process was killed (signal 9), most likely because memory ran out; {_MEMORY}."
    if code in _WINDOWS_MEMORY:
        return f"The engine process ended because memory ran out; {_MEMORY}."
    again = "try again, and see the details if it happens again"
    if code is not None and code < 0:
        return f"The engine process crashed (signal {-code}, {_signal_name(-code)}); {again}."
    if code in _WINDOWS_CRASHES:
        return f"The engine process crashed ({_WINDOWS_CRASHES[code]}); {again}."
    return f"The engine process ended unexpectedly (exit code {code}); {again}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
