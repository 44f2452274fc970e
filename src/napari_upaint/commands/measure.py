"""Measure the objects of labels, and write one table for all images.

The labels are results of "upaint segment", corrected ones, or those of any other program: 0 is background, every other
number is one object, or one class. The table (CSV) has a row for each object of each plane: image, time point and
slice, label, area, diameter, centre, axes, eccentricity, and the gray values inside, for each channel. The window's
button Measure makes the same columns.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_upaint.commands._options import add_images, add_labels, add_output
from napari_upaint.commands._pairs import pairs_and_output
from napari_upaint.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.commands._volumes import Index
    from napari_upaint.core.measure import Table
    from napari_upaint.io.images import Image

USAGE = "IMAGE... --labels LABELS... [--volumes] -o FILE"
EXAMPLE = "upaint measure plates/ --labels results/ -o objects.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_images(parser)
    add_labels(parser, "files of labels, one per image, or folders")
    parser.add_argument(
        "--volumes",
        action="store_true",
        help="measure stacks along Z as volumes, whose objects have one number through all slices, not slice by slice",
    )
    add_output(parser, "FILE", "table to write; .csv is added if the ending is missing")


def run(args: argparse.Namespace) -> int:
    """Write the table."""
    pairs, output = pairs_and_output(args, "tables", ".csv")

    from napari_upaint.commands._running import bar
    from napari_upaint.io.tables import write_table

    tables: list[tuple[str, Table]] = []
    names = Counter(image.name for image, _ in pairs)
    with bar(len(pairs), "measuring") as progress:
        for image, labels in pairs:
            name = image.name if names[image.name] == 1 else str(image)
            tables.append((name, _measured(image, labels, volumes=args.volumes)))
            progress.update(1)
    table = joined(tables)
    count, files = len(table["image"]), len(tables)
    print(f"{write_table(table, output)}: {count} label{'s' * (count != 1)} in {files} image{'s' * (files != 1)}")
    return 0


def joined(tables: Sequence[tuple[str, Table]]) -> dict[str, list[Any]]:
    """Return tables with their names in the first column; where one lacks a column of another, its fields are empty."""
    places, others = dict[str, None](), dict[str, None]()  # in front of the labels and after them
    for _, table in tables:
        at = list(table).index("label")
        places.update(dict.fromkeys(list(table)[:at]))
        others.update(dict.fromkeys(list(table)[at:]))
    rows: dict[str, list[Any]] = {"image": []} | {name: [] for name in (*places, *others)}
    for image, table in tables:
        count = len(table["label"])
        rows["image"] += [image] * count
        for name in (*places, *others):
            rows[name] += table[name].tolist() if name in table else [""] * count
    return rows


def _measured(image_path: Path, label_path: Path, *, volumes: bool) -> Table:
    from napari_upaint.commands._planes import check_fits, load_objects
    from napari_upaint.commands._volumes import Stacks
    from napari_upaint.core.measure import measure_stack
    from napari_upaint.io.images import read_image

    image, (label_image, planes) = read_image(image_path), load_objects(label_path)
    labels = planes.reshape(check_fits(label_path, label_image, image_path, image))
    indices: Iterable[Index] = image.indices()
    read: Callable[[Index], np.ndarray] = image.plane
    spacing: tuple[float, ...] | None = image.plane_spacing
    axes = image.leading_axes
    if volumes:
        if image.length("Z") < 2:
            raise ImageError(f"{image_path.name} is not a stack along Z (axes {image.axes}); leave out --volumes.")
        stacks = Stacks(image, image_path.name)
        indices, read, spacing = stacks.indices(), stacks.volume, stacks.spacing
        axes = axes.replace("Z", "")
    known = spacing is not None and image.unit != "pixel"  # without a unit, pixels are counted
    return measure_stack(
        indices,
        labels.__getitem__,
        read,
        names=axes.lower(),
        spacing=spacing if known else None,
        unit=image.unit if known else "pixel",
        channels=_channels(image),
    )


def _channels(image: Image) -> tuple[str, ...]:
    """Return the names of the columns of gray values, as in the window where there is one channel or a colour."""
    count, names = image.channel_count, image.channel_names
    if count == 1:
        return ("intensity",)
    if count == 3 and image.length("S") > 1:
        return ("red", "green", "blue")
    if len(set(names)) == count:
        return tuple(name.replace(" ", "_") for name in names)
    return tuple(f"channel_{number}" for number in range(1, count + 1))
