"""Which labels belong to which image: by name, or files in the order given if their names do not tell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_upaint.commands._files import expand, listed
from napari_upaint.commands._outputs import STOPPED, output_file
from napari_upaint.errors import FileError
from napari_upaint.io.file_names import BY_PRODUCTS, composed, from_home, plain_name


@dataclass(frozen=True, slots=True)
class Pairs:
    """Images and their labels.

    Attributes
    ----------
    found : tuple of (Path, Path)
        Image and labels, in the order of the images.
    images, labels : tuple of Path
        Those that match nothing by name.
    """

    found: tuple[tuple[Path, Path], ...]
    images: tuple[Path, ...] = ()
    labels: tuple[Path, ...] = ()


def pair(images: Sequence[Path], labels: Sequence[Path]) -> Pairs:
    """Return which labels go with which images: by name; files whose names do not tell, in the order given.

    By name means: the labels of ``cells.tif`` are called ``cells.*`` or ``cells_*.*`` (``cells_labels.tif``, ...).
    ``cells_2_labels.tif`` belongs to ``cells_2.tif``, if there is one, and ``cells_scores.tif`` is not labels. As many
    folders of labels as of images are taken in pairs.

    Raises
    ------
    FileError
        If nothing matches, or it is unclear what does.
    """
    images, labels = ([from_home(path) for path in paths] for paths in (images, labels))
    folders = [os.path.isdir(path) for path in (*images, *labels)]
    if not any(folders):
        if len(images) != len(labels):
            raise FileError(f"Images: {len(images)}, label files: {len(labels)}; give one label file for each image.")
        return Pairs(tuple(zip(images, _arranged(images, labels), strict=True)))
    if all(folders) and len(images) == len(labels):
        parts = [_by_name([one], [other]) for one, other in zip(images, labels, strict=True)]
    else:
        parts = [_by_name(images, labels)]
    found = tuple(pair for part in parts for pair in part.found)
    if not found:
        from napari_upaint.io.images import list_images

        list_images((*images, *labels))  # says so if one of them is missing
        first = parts[0].images[0]
        raise FileError(
            f"No labels in {labels[0]} go with the images by name;"
            f" labels of {first.name} must be called {first.name} or {plain_name(first)}_NAME.tif."
        )
    _refuse_shared(found)
    return Pairs(
        found,
        tuple(path for part in parts for path in part.images),
        tuple(path for part in parts for path in part.labels),
    )


def pairs_and_output(args: argparse.Namespace, what: str, ending: str) -> tuple[tuple[tuple[Path, Path], ...], Path]:
    """Return the given images with their labels, and the file to write; see `pair` and `output_file`.

    Images that have no labels by name are named on standard error.
    """
    pairs = pair(args.images, args.labels)
    output = output_file(args.output, what, ending, inputs=[*args.images, *args.labels])
    if pairs.images:
        print(left_out(pairs.images, len(pairs.images + pairs.found), "images", "labels"), file=sys.stderr)
    return pairs.found, output


def left_out(files: Sequence[Path], total: int, what: str, lacking: str) -> str:
    """Return "2 of 3 images have no labels by name and are left out: b.tif, c.tif"."""
    have, are = ("has", "is") if len(files) == 1 else ("have", "are")
    return f"{len(files)} of {total} {what} {have} no {lacking} by name and {are} left out: {listed(files)}"


def _name(path: Path) -> str:
    """Return the name of a file without its ending, to be compared."""
    return composed(plain_name(path))


def _arranged(images: Sequence[Path], labels: Sequence[Path]) -> Sequence[Path]:
    """Return labels in the order of their images if each image has labels by name, otherwise as given.

    A shell puts a_1.tif before a_10.tif, but a_1_masks.png after a_10_masks.png.
    """
    names = [_name(image) for image in images]
    owners = {_owner(_name(file), names): file for file in labels}
    return [owners[name] for name in names] if owners.keys() == set(names) and len(owners) == len(names) else labels


def _by_name(images: Sequence[Path], labels: Sequence[Path]) -> Pairs:
    from napari_upaint.io.images import list_images

    pictures, files = expand(images), list_images(labels)
    named: dict[str, list[Path]] = {}
    for picture in pictures:
        named.setdefault(_name(picture), []).append(picture)
    chosen = {name: _choose(name, named[name][0], claims) for name, claims in _claims(named, files).items()}
    # In one folder for both, labels do not count as an image without labels, nor an image as labels without an image.
    seen, used = ({path.resolve() for path in paths} for paths in (pictures, chosen.values()))
    known = used | seen
    return Pairs(
        tuple((path, chosen[_name(path)]) for path in pictures if _name(path) in chosen),
        tuple(path for path in pictures if _name(path) not in chosen and path.resolve() not in used),
        tuple(path for path in files if path.resolve() not in known and not _is_none(path)),
    )


def _claims(named: dict[str, list[Path]], files: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the label files that could belong to the images of each name: the longest one that fits gets the file."""
    images = {path.resolve() for paths in named.values() for path in paths}
    claims: dict[str, list[Path]] = {}
    for file in files:
        name = _name(file)
        # In one folder for both, a file is not its own labels.
        owner = _owner(name.rpartition("_")[0] if file.resolve() in images else name, named)
        if owner == name or (owner and not _is_none(file)):
            claims.setdefault(owner, []).append(file)
    # A file that has labels of its own is an image there, not labels.
    labelled = {path.resolve() for name in claims for path in named[name]}
    kept = {name: [file for file in claimed if file.resolve() not in labelled] for name, claimed in claims.items()}
    return {name: claimed for name, claimed in kept.items() if claimed}


def _owner(name: str, known: Collection[str]) -> str:
    """Return the longest known name that a name is, or begins with before a ``_``; '' if there is none."""
    while name and name not in known:
        name = name.rpartition("_")[0]
    return name


def _choose(name: str, image: Path, files: Sequence[Path]) -> Path:
    """Return the labels of an image of a name: the file of the same name, or the only one that continues it."""
    same = [file for file in files if _name(file) == name]
    # NAME.tif next to NAME_labels.tif is as likely to be an image as labels.
    rivals = same + [file for file in files if _name(file) == f"{name}_labels"] if same else files
    if len(rivals) > 1:
        raise FileError(f"{rivals[0]} and {rivals[1]} could both be the labels of {image}; give files one by one.")
    return rivals[0]


def _is_none(file: Path) -> bool:
    """Return whether a file is a result, of this program or others, but not labels of all planes."""
    return _name(file).lower().endswith(("_scores", f"{STOPPED}_labels", *BY_PRODUCTS))


def _refuse_shared(found: Sequence[tuple[Path, Path]]) -> None:
    """Refuse labels that go with two images: these have the same name, or the same folder was given twice."""
    owners: dict[Path, Path] = {}
    for image, labels in found:
        other = owners.setdefault(labels.resolve(), image)
        if other != image:
            raise FileError(
                f"{labels} would be the labels of {other} and of {image}; give images and labels one by one, or a"
                " folder of labels for each folder of images."
            )
