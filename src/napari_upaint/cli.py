"""The command ``upaint``: files in, files out, the same engine as in the window.

Exit codes: 0 done, 1 anything unexpected, 2 bad input (one sentence on standard error), 130 interrupted, 141 output
closed by its reader.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn, TextIO

from napari_upaint import __version__
from napari_upaint.commands import COMMANDS
from napari_upaint.commands._running import INTERRUPTED
from napari_upaint.errors import UserError

UNEXPECTED, BAD_INPUT, UNREAD = 1, 2, 141
# Characters that a terminal obeys instead of showing them, but for line breaks and tabs.
_CODES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class _Shown:
    """A stream that shows codes for terminals: names of files, and what models say, come from other people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(_CODES.sub(lambda code: f"\\x{ord(code[0]):02x}", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Parser(argparse.ArgumentParser):
    """A parser whose error messages are one sentence, without a page of usage before it."""

    def error(self, message: str) -> NoReturn:
        left = message.removeprefix("unrecognized arguments: ")
        if left != message and not left.startswith("-"):  # argparse only takes files that follow one another
            message += "; put all files before the options, and no more than the command takes"
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; nothing heavy is imported for it."""
    parser = _Parser(prog="upaint", description="Paint, train, segment: a U-Net that learns from brush strokes.")
    parser.add_argument("--version", action="version", version=f"upaint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    # Descriptions and examples as written, options close to their help texts.
    formatter: Any = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
    for name, command in COMMANDS.items():
        text = (command.__doc__ or "").strip()
        one = commands.add_parser(
            name,
            help=text.splitlines()[0].rstrip("."),
            usage=f"upaint {name} {command.USAGE}",
            description=text,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=formatter,
        )
        command.add_arguments(one)
        one.set_defaults(run=command.run, command=name)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None
        Arguments without the program's name; None: those of the process.
    """
    _prepare_output()
    if argv is None:  # the process is ours
        streams: Any = sys
        streams.stdout, streams.stderr = (one and _Shown(one) for one in (sys.stdout, sys.stderr))
        # Users need not see where in the program a warning was raised.
        warnings.formatwarning = lambda message, *_, **__: f"upaint: {message}\n"
    try:
        code = _run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # as with `upaint models | head -1`: the reader of the output has seen enough
        _drop_output()
        return UNREAD


def _prepare_output() -> None:
    """Let any file name be printed, and lines appear as soon as written; streams set by others stay as they are."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def _drop_output() -> None:
    """Discard what is still to be written, or Python would complain when it ends."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hush_tifffile() -> None:
    """Keep tifffile's logs about strange files off the terminal: our own messages say what matters."""
    import logging

    logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _expanded(given: Sequence[str]) -> list[str]:
    """Return arguments with ``*`` and ``?`` expanded to files: on Windows, shells leave this to the program."""
    if os.name != "nt":
        return list(given)
    # Brackets are part of file names there; an argument that matches no file stays as it is.
    found = ((one, sorted(glob.glob(one.replace("[", "[[]"))) if set("*?") & set(one) else []) for one in given)
    return [name for one, files in found for name in files or [one]]


def _run(argv: Sequence[str] | None) -> int:
    given = _expanded(sys.argv[1:]) if argv is None else argv
    try:
        parser = build_parser()
        if "" in given:  # it would mean the current folder, whatever that holds
            parser.error("one of the arguments is empty; maybe a shell variable in it is not set")
        args = parser.parse_args(given)
        args.typed = ["upaint", *given]
    except SystemExit as end:  # after --help, --version and wrong arguments
        return int(end.code or 0)
    if argv is None:
        _hush_tifffile()
    try:
        return int(args.run(args))
    except BrokenPipeError:
        raise
    except UserError as error:
        print(f"upaint {args.command}: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"upaint {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        from napari_upaint.session.faults import describe_in_shell

        sentence, details = describe_in_shell(error)
        print(f"{details}upaint {args.command}: {sentence}", file=sys.stderr)
        return UNEXPECTED
