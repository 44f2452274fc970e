"""One file per command of ``upaint``. ``--help`` imports them all: no NumPy and no torch at module level."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Protocol

from napari_upaint.commands import demo, evaluate, export, measure, models, segment, train, weights


class Command(Protocol):
    """What a module of this package offers; its docstring is the command's description."""

    __doc__: str | None
    USAGE: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return the exit code."""


COMMANDS: Mapping[str, Command] = {
    "demo": demo,
    "train": train,
    "segment": segment,
    "measure": measure,
    "weights": weights,
    "evaluate": evaluate,
    "models": models,
    "export": export,
}
