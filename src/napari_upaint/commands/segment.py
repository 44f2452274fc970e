"""Segment images with a model.

For every image NAME a file NAME_labels.tif is written (0 background, then objects or classes 1, 2, ...), with
--scores also NAME_scores.tif. Stacks and time series are segmented slice by slice or, with a 3D model or --volumes,
volume by volume. A bad file does not stop the others. A plane with NaN or infinite pixels does not stop its stack: it
is named, and empty in the results. After Ctrl-C, NAME_stopped_labels.tif has the planes that are done, and the same
command continues after them (not with --scores). Other results of an earlier run are replaced. Files of these names
that were painted, corrected or made elsewhere are replaced only with --overwrite, images never.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import expand, listed
from napari_upaint.commands._options import add_channel, add_device, add_images, add_output, add_settings, settings_from
from napari_upaint.commands._outputs import (
    SOFTWARE,
    STOPPED,
    check_distinct,
    check_replaced,
    is_marked,
    mark,
    output_folder,
    result_paths,
)
from napari_upaint.errors import FileError, ImageError, UserError
from napari_upaint.io.file_names import from_home, plain_name
from napari_upaint.settings import ObjectSettings, PredictSettings

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.commands._how import How
    from napari_upaint.commands._segmenting import Begun, Segmentation
    from napari_upaint.io.images import Image

USAGE = "IMAGE... --model NAME|FILE -o DIR [--scores] [--overwrite] [options]"
EXAMPLE = "upaint segment plates/ --model cells.safetensors -o results --scores"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_images(parser)
    parser.add_argument(
        "--model", required=True, metavar="NAME|FILE", help="a bundled model (see: upaint models) or a file"
    )
    add_output(parser, "DIR", "folder for the results")
    add_channel(parser)
    parser.add_argument("--scores", action="store_true", help="also write the scores of all classes")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="segment everything again, and also replace NAME_labels.tif and NAME_scores.tif that are not its own",
    )
    add_settings(parser.add_argument_group("network"), PredictSettings)
    add_settings(parser.add_argument_group("objects"), ObjectSettings)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Segment all images; exit code 2 (or 1) if one or more could not be."""
    predict, objects = settings_from(PredictSettings, args), settings_from(ObjectSettings, args)
    images, folder = expand(args.images), from_home(args.output)
    results = _check_results(images, folder, args)

    from napari_upaint.io.models import read_header

    read_header(args.model)  # before a folder is made: a mistyped name leaves nothing behind
    output_folder(folder, [path.name for path in results])

    from napari_upaint.commands._how import How
    from napari_upaint.commands._running import Interrupt
    from napari_upaint.commands._segmenting import load_checked, segment_image
    from napari_upaint.core.fingerprint import fingerprint
    from napari_upaint.io.images import read_image
    from napari_upaint.io.provenance import versions
    from napari_upaint.session.made import made_how

    model, kept = load_checked(args.model), (args.scores, folder)
    made = fingerprint(made_how(model, predict), objects, args.device, os.environ.get("UPAINT_EXACT"), versions())
    how = How(model, predict, objects, args.device, *kept, channel=args.channel, partly=True, made=made)
    bad: dict[Path, int] = {}
    anew = args.scores or args.overwrite
    with Interrupt("Stopping; what is finished is kept.") as interrupt:
        for number, path in enumerate(images, start=1):
            try:
                image = read_image(path)
                # No variable for what was begun: Windows does not replace a file that is still open.
                result = segment_image(image, path.name, how, interrupt, () if anew else _begun(folder, image))
                print(_write(folder, image, result, how))
                if result.left or interrupt.asked:  # also while planes that were empty are done again
                    raise KeyboardInterrupt
                if result.failed:
                    raise _partly(result.failed)
            except KeyboardInterrupt:
                on = "" if anew else "; the same command goes on there"
                print(f"upaint segment: stopped at image {number} of {len(images)}, {path.name}{on}", file=sys.stderr)
                raise
            except BrokenPipeError:  # nobody reads the output any more: neither this image nor the next is to blame
                raise
            except Exception as error:  # of whatever kind: it must not stop the others
                bad[path] = _report(path, error)
    if len(bad) > 1:  # the sentences may have scrolled away by now
        count = f"{len(bad)} of {len(images)} images failed, wholly or in part"
        print(f"upaint segment: {count}: {listed(list(bad))}", file=sys.stderr)
    return max(bad.values(), default=0)


def _report(path: Path, error: Exception) -> int:
    """Report at once what is wrong with a file, with a traceback if it is unexpected; return the exit code."""
    from napari_upaint.session.faults import describe_in_shell

    sentence, details = describe_in_shell(error)
    named = sentence if path.name in sentence else f"{path.name}: {sentence}"
    print(f"{details}upaint segment: {named}", file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


def _partly(failed: Sequence[ImageError]) -> ImageError:
    """Return the error for an image of which not everything could be segmented."""
    others = len(failed) - 1
    more = f", and so {'is' if others == 1 else 'are'} {others} more" if others else ""
    return ImageError(f"{failed[0]} It is empty in the results{more}.")


def _begun(folder: Path, image: Image) -> list[Begun]:
    """Return what earlier runs have left of an image: all of it, or a part."""
    from napari_upaint.commands._segmenting import Begun
    from napari_upaint.io.images import read_image

    found = []
    for part in ("", STOPPED):
        [path] = result_paths(folder, image.name + part, scores=False)
        match mark(path):
            case [word, count, made] if word == SOFTWARE + part and count.isdecimal():
                with contextlib.suppress(UserError):  # damaged
                    found.append(Begun(read_image(path), int(count), made))
    return [one for one in found if _lies_on(one.labels, image)]


def _lies_on(labels: Image, image: Image) -> bool:
    """Return whether labels have the planes of an image, in the same order."""
    of = [(one.leading_axes, one.leading_shape, one.plane_shape) for one in (labels, image)]
    return of[0] == of[1]


def _write(folder: Path, image: Image, result: Segmentation, how: How) -> str:
    """Write the results; return one line about them."""
    from napari_upaint.io.images import write_labels, write_scores

    part = STOPPED if result.left else ""
    software = f"{SOFTWARE}{part} {result.made}"
    target, *others = result_paths(folder, image.name + part, scores=result.scores is not None)
    write_labels(target, result.labels, image, software=software)
    for path in others:
        write_scores(path, result.scores, image, result.names, software=software)
    for path in result_paths(folder, image.name + STOPPED, scores=True):
        if not part and is_marked(path, SOFTWARE + STOPPED):  # of no use any more
            path.unlink(missing_ok=True)  # another process may do the same
    volumes, total = how.takes_volumes(image), image.plane_count
    at_once = image.length("Z") if volumes else 1
    done, kept = total - (len(result.failed) + result.left) * at_once, result.kept * at_once
    planes = "" if total == 1 else f" in {total} planes" if done == total else f" in {done} of {total} planes"
    if kept:
        planes += f" ({kept} of them from an earlier run)" if total > 1 else " (from an earlier run)"
    if result.scale not in (0.0, 1.0):
        planes += f"; seen at {result.scale:g} times its size"
    if how.model.header.kind == "classes":
        return f"{target}: {result.labels.astype(bool).mean():.1%} not background{planes}"
    count = _count(image, result.labels, volumes=volumes)
    return f"{target}: {count} object{'s' * (count != 1)}{planes}"


def _count(image: Image, labels: np.ndarray, *, volumes: bool) -> int:
    """Count objects: each plane, or each volume, numbers its own from 1."""
    if volumes:
        z = image.leading_axes.index("Z")
        return int(labels.max(axis=(z, -2, -1)).sum())
    return int(labels.max(axis=(-2, -1)).sum())


def _check_results(images: Sequence[Path], folder: Path, args: argparse.Namespace) -> list[Path]:
    """Return the results; refuse them if they would replace each other, an image, or a file that is not a result."""
    _check_names(images)
    names = [plain_name(path) + part for path in images for part in ("", STOPPED)]
    results = [file for name in names for file in result_paths(folder, name, scores=args.scores)]
    check_distinct(results, images)
    if not args.overwrite:
        check_replaced(results)
    return results


def _check_names(images: Sequence[Path]) -> None:
    """Refuse two images whose results would be the same file."""
    seen: dict[str, Path] = {}
    for path in images:
        name = plain_name(path)
        # The usual disks of these systems do not tell capital letters in a file's name from small ones.
        other = seen.setdefault(name.lower() if sys.platform in ("win32", "darwin") else name, path)
        if other is not path:
            raise FileError(
                f"{other} and {path} would both become {name}_labels.tif; segment them into two folders, or name only"
                " files of one kind, as in images/*.tif."
            )
