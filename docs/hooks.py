"""What the program says itself, put where a page has a mark: ``<!-- settings -->``, ``command`` or ``models``."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import fields, is_dataclass
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is generated; called by mkdocs for every page."""
    marks = {"<!-- settings -->": settings_tables, "<!-- command -->": command_help, "<!-- models -->": model_cards}
    for mark, make in marks.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    # This is for those who read the files themselves: here it is filled in.
    return re.sub(r"^\*The [^*]+ filled in when the site is built[^*]+\*\n\n", "", markdown, flags=re.MULTILINE)


def settings_tables() -> str:
    """Return one table per settings class."""
    from napari_upaint import settings

    parts = []
    for declared in vars(settings).values():
        if not (isinstance(declared, type) and is_dataclass(declared)):
            continue
        name = declared.__name__
        title = f"{declared.TITLE} (`{name}`)" if hasattr(declared, "TITLE") else name
        parts += [f"## {title}", declared.__doc__ or "", _table(declared)]
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


def model_cards() -> str:
    """Return the cards of the bundled models, a heading lower, their pictures from the folder of images."""
    from napari_upaint.io.models import bundled_models

    cards = []
    for path in bundled_models():
        text = path.with_suffix(".md").read_text(encoding="utf-8")
        cards.append(
            re.sub(r"^(#+ )", r"#\1", text, flags=re.M).replace(f"({path.stem}.png)", f"(../images/{path.stem}.png)")
        )
    return "\n\n".join(cards)


def on_files(files: Any, config: Any) -> Any:
    """Add the pictures of the models, which lie beside them in the package, to the site."""
    from mkdocs.structure.files import File

    from napari_upaint.io.models import bundled_models

    for path in bundled_models():
        picture = path.with_suffix(".png")
        files.append(File.generated(config, f"images/{picture.name}", content=picture.read_bytes()))
    return files
