"""What the program declares itself, put where a page says ``<!-- settings -->`` or ``<!-- command -->``."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields, is_dataclass
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is generated; called by mkdocs for every page."""
    for mark, make in {"<!-- settings -->": settings_tables, "<!-- command -->": command_help}.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def settings_tables() -> str:
    """Return one table per settings class."""
    from napari_upaint import settings

    parts = []
    for declared in vars(settings).values():
        if not (isinstance(declared, type) and is_dataclass(declared)):
            continue
        parts += [f"## {declared.__name__}", declared.__doc__ or "", _table(declared)]
    return "\n\n".join(parts)


def _table(declared: type) -> str:
    rows = ["| Setting | Name | What it does | Default | Limits |", "|---|---|---|---|---|"]
    for one in fields(declared):
        said = one.metadata
        unit = f" {said['unit']}" if said["unit"] else ""
        default = ("off", "on")[one.default] if isinstance(one.default, bool) else f"{one.default}{unit}"
        rows.append(f"| {said['label']} | `{one.name}` | {said['tip']} | {default} | {_limits(said)} |")
    return "\n".join(rows)


def _limits(said: Any) -> str:
    if said["choices"]:
        return ", ".join(f"`{choice}`" for choice in said["choices"])
    if said["low"] is None:
        return ""
    # Limits in the millions are there to catch mistakes, not to inform.
    bounded = said["high"] is not None and said["high"] < 1e6
    return f"{said['low']:g} to {said['high']:g}" if bounded else f"from {said['low']:g}"


def command_help() -> str:
    """Return what ``upaint COMMAND --help`` says, for every command."""
    from napari_upaint.cli import build_parser

    os.environ["COLUMNS"] = "100"
    # argparse has no public way to its subparsers.
    (commands,) = [one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    return "\n\n".join(f"## upaint {name}\n\n```text\n{one.format_help()}```" for name, one in commands.choices.items())
