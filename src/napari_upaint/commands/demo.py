"""Show the whole job on a real image that comes with the program.

With a display: opens napari with the image, strokes painted on it and the dock U-Paint. Without one, or with
--headless: trains, segments, computes the weight map, writes everything to a folder and prints times and scores.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._options import add_device, add_settings, refuse_without_effect, settings_from
from napari_upaint.commands._outputs import output_folder
from napari_upaint.errors import UserError
from napari_upaint.settings import Device, TrainSettings
from napari_upaint.system_libraries import ensure_system_libraries, has_display

if TYPE_CHECKING:
    from napari import Viewer

USAGE = "[--headless] [--sample NAME] [-o DIR] [options]"
EXAMPLE = "upaint demo --headless -o demo"
# A minute in all: the rest of the job takes some seconds too.
SECONDS = 45.0
_OF_THE_JOB = ("seconds", "seed")  # settings of the job without a window
# Bundled models find some of its cells in pieces before they have seen strokes: so it is seen what a training is worth.
DEFAULT_SAMPLE = "cells_phase"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--headless", action="store_true", help="open no window: do the job and write the results")
    parser.add_argument(
        "--sample", metavar="NAME", default=DEFAULT_SAMPLE, help=f"the sample to use (default: {DEFAULT_SAMPLE})"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the results; opens no window (default: upaint_demo)",
    )
    add_settings(parser, TrainSettings, only=_OF_THE_JOB, seconds=SECONDS)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Open the window, or do the job without one."""
    from napari_upaint.io.samples import open_sample

    settings = settings_from(TrainSettings, args, seconds=SECONDS)
    open_sample(args.sample)  # a mistyped name opens no window and leaves no folder behind
    why_not = "" if args.headless or args.output else _why_no_window()
    if not (args.headless or args.output or why_not):
        why = "in the window, the dock sets them; add --headless, or leave them out"
        refuse_without_effect(args, why, TrainSettings, only=_OF_THE_JOB)
        return _show(args.sample, args.device)
    if why_not:
        print(f"{why_not}; going on without a window.", file=sys.stderr)

    from napari_upaint.commands._demo_job import do_job

    folder = output_folder(args.output or Path("upaint_demo"))
    return do_job(args.sample, folder, settings, device=args.device)


def _why_no_window() -> str:
    """Return why no window can be opened, or nothing if one can."""
    if not has_display():
        return "There is no display"
    if find_spec("napari") is None:
        return "napari is not installed"
    return ""


def _show(sample: str, device: Device) -> int:
    """Open napari with a sample and the dock, and return when it is closed."""
    ensure_system_libraries()
    try:
        import qtpy  # noqa: F401 (finds the binding)
    except ImportError as error:
        raise UserError('napari has no Qt here; type: pip install "napari-upaint[all]"') from error
    import napari

    viewer = open_window(sample, device)
    napari.qt.get_qapp().processEvents()
    viewer.reset_view()  # the image was fitted into a canvas that the dock has made narrower meanwhile
    napari.run()
    return 0


def open_window(sample: str, device: Device = "auto", *, show: bool = True) -> Viewer:
    """Return a viewer with a sample, its strokes and the dock; the caller runs the event loop."""
    import napari

    viewer = napari.Viewer(title="U-Paint demo", show=show)
    viewer.open_sample("napari-upaint", sample)
    _, dock = viewer.window.add_plugin_dock_widget("napari-upaint", "U-Paint")
    dock.keeping.compute_on(device)
    return viewer
