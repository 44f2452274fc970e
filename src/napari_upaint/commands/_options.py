"""Options made from the declarations in `napari_upaint.settings`: nothing is typed twice."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from napari_upaint.errors import UserError
from napari_upaint.io.preferences import load_preferences
from napari_upaint.settings import Device

Settings = TypeVar("Settings")


def add_settings(
    container: argparse._ActionsContainer, declared: type, *, only: tuple[str, ...] | None = None, **defaults: Any
) -> None:
    """Add one option per parameter of a settings class, for instance ``--learning-rate`` of `TrainSettings`.

    Parameters
    ----------
    container : argparse parser or group
        Where the options appear in the help.
    declared : type
        A class of `napari_upaint.settings`.
    only : tuple of str or None
        Names of the parameters wanted; None: all.
    **defaults
        Defaults of this command that differ from the declared ones; hand the same to `settings_from`.
    """
    for one in fields(declared):
        if only is None or one.name in only:
            _add(container, one, defaults.get(one.name, one.default))


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the images that a command works on."""
    words = "image files (TIFF, PNG, JPEG, BMP) or folders (not those inside of them)"
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help=words)


def add_labels(parser: argparse.ArgumentParser, words: str) -> None:
    """Add the required option for the labels of the images; `words` are its help."""
    parser.add_argument("--labels", nargs="+", type=Path, required=True, metavar="LABELS", help=words)


def add_output(parser: argparse.ArgumentParser, metavar: str, words: str) -> None:
    """Add the required option for the output; `words` are its help."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar=metavar, help=words)


def settings_from(declared: type[Settings], args: argparse.Namespace, **defaults: Any) -> Settings:
    """Return the settings that the options give; `UserError` if one is outside its limits.

    An option that was not given is not in `args`: the default is in one place only, the declaration.
    """
    given = {one.name: getattr(args, one.name) for one in fields(declared) if hasattr(args, one.name)}  # type: ignore[arg-type]
    return declared(**{**defaults, **given})


def refuse_without_effect(
    args: argparse.Namespace, why: str, *declared: type, only: tuple[str, ...] | None = None
) -> None:
    """Refuse options of settings classes that would have no effect; `why` says why, and what to do instead.

    Raises
    ------
    UserError
        If one was given.
    """
    names = [one.name for kind in declared for one in fields(kind) if only is None or one.name in only]
    given = [f"--{name.replace('_', '-')}" for name in names if hasattr(args, name)]
    if given:
        raise UserError(f"{', '.join(given)} would have no effect: {why}.")


def add_kind(
    parser: argparse.ArgumentParser, first: int = 2, default: str = "default, unless the model has classes"
) -> None:
    """Add ``--objects | --classes``: what values from `first` up mean; neither given: None, which is `default`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--objects",
        dest="kind",
        action="store_const",
        const="objects",
        help=f"every value from {first} on is one object of the same class ({default})",
    )
    group.add_argument(
        "--classes", dest="kind", action="store_const", const="classes", help=f"every value from {first} on is a class"
    )


def add_channel(parser: argparse.ArgumentParser) -> None:
    """Add ``--channel``, for images with several."""
    parser.add_argument(
        "--channel",
        default="",
        metavar="NAME|N",
        help="the only channel to look at, by its name or its number, starting with 1",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; its default is what napari's Preferences say."""
    preferred = load_preferences().device
    parser.add_argument(
        "--device",
        choices=get_args(Device),
        default=preferred,
        help=f"what to compute on; auto: the graphics card where there is one (default: {preferred})",
    )


def _add(container: argparse._ActionsContainer, one: Field[Any], default: Any) -> None:
    said, option = one.metadata, "--" + one.name.replace("_", "-")
    common: dict[str, Any] = {"dest": one.name, "default": argparse.SUPPRESS}
    if isinstance(default, bool):
        container.add_argument(
            option,
            action=argparse.BooleanOptionalAction,
            help=f"{said['tip']} (default: {'on' if default else 'off'})",
            **common,
        )
        return
    if said["choices"] is None:
        common["metavar"] = (said["unit"] or "N").upper()
    container.add_argument(option, type=type(one.default), choices=said["choices"], help=_help(one, default), **common)


def _help(one: Field[Any], default: object) -> str:
    said = one.metadata
    # A bound that nobody reaches is noise in a help text; the check still applies it.
    high = f" to {said['high']:g}" if said["high"] is not None and said["high"] < 1e5 else ""
    limits = "" if said["low"] is None else f"; {said['low']:g}{high or ' or more'}"
    unit = f" {said['unit']}" if said["unit"] else ""
    return f"{said['tip']} (default: {default}{unit}{limits})".replace("%", "%%")
