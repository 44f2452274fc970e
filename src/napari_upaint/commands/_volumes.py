"""Files as volumes, for 3D models: stacks along Z, one for each time point or series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_upaint.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.core.normalize import Normalization
    from napari_upaint.core.sample import Sample
    from napari_upaint.io.images import Image

# Position along each leading axis, `slice(None)` along Z.
Index = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stacks:
    """The volumes of an image; `name` is what the user calls it."""

    image: Image
    name: str

    def __post_init__(self) -> None:
        if self.image.length("Z") < 2:
            size = " x ".join(map(str, self.image.data.shape))
            raise ImageError(
                f"{self.name} is not a stack along Z (axes {self.image.axes}, {size}) and a 3D model needs volumes;"
                " choose a 2D model."
            )

    @property
    def axis(self) -> int:
        """Position of Z among the leading axes."""
        return self.image.leading_axes.index("Z")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a volume, (Z, Y, X)."""
        return self.image.length("Z"), *self.image.plane_shape

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Size of a voxel, (Z, Y, X), or None if unknown; without a unit only if it is known not to be a cube."""
        known = self.image.spacing
        if self.image.unit == "pixel":  # as in ImageJ, which notes how far slices are apart, but not that a pixel is 1
            edges = tuple(known.get(axis, 1.0) for axis in "ZYX")
            return edges if len(set(edges)) > 1 else None
        return tuple(known[axis] for axis in "ZYX") if {"Z", "Y", "X"} <= set(known) else None

    def indices(self) -> Iterator[Index]:
        """Iterate over the volumes."""
        lengths = [range(n) for n in self.image.leading_shape]
        lengths[self.axis] = range(1)
        for index in product(*lengths):
            yield (*index[: self.axis], slice(None), *index[self.axis + 1 :])

    def slice(self, index: Index, z: int) -> np.ndarray:
        """Read a slice of a volume, (C, Y, X)."""
        return self.image.plane((*index[: self.axis], z, *index[self.axis + 1 :]))

    def volume(self, index: Index) -> np.ndarray:
        """Read a volume, (C, Z, Y, X)."""
        from napari_upaint.session.volumes import read_box

        return read_box(lambda z: self.slice(index, z), tuple(slice(0, n) for n in self.shape))


def painted_volumes(stacks: Stacks, labels: np.ndarray, normalization: Normalization) -> Iterator[Sample]:
    """Return what is painted in the volumes of an image, with its surroundings.

    Parameters
    ----------
    labels : numpy.ndarray
        The annotation, axes (leading axes of the image ..., Y, X).
    """
    from napari_upaint.core.sample import Sample
    from napari_upaint.session.volumes import boxes_around_paint, read_box

    for index in stacks.indices():
        painted = labels[index]
        for box in boxes_around_paint(painted.__getitem__, stacks.shape):
            image = read_box(lambda z, index=index: stacks.slice(index, z), box)  # type: ignore[misc]
            place = tuple(at for at in index if isinstance(at, int))
            name = f"{stacks.name} {place}" if place else stacks.name
            yield Sample(image, painted[box], normalization, stacks.spacing, name)
