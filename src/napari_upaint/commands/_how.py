"""How images are segmented from a shell: with which model, with which settings, on what."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_upaint.commands._running import Interrupt, drive
from napari_upaint.commands._volumes import Index
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.telling_windows import windows_of
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Sight, Stop
from napari_upaint.errors import UserError
from napari_upaint.io.images import Image
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import ObjectSettings, PredictSettings


@dataclass(frozen=True, slots=True)
class How:
    """How to segment: everything but the image.

    Results too large for memory are kept in `folder` until they are written; None: always in memory. `channel`, by name
    or by number from 1 up, is the only one that is looked at; "": all. With `partly`, planes that cannot be segmented,
    or that a stop leaves out, stay empty, as long as there are others; otherwise the image is given up. `made` is a
    fingerprint of model and settings; "": what results were made from is not noted.

    Raises
    ------
    UserError
        If a 3D model is asked to see slices as a volume, which it does anyway.
    """

    model: ModelFile
    predict: PredictSettings
    objects: ObjectSettings
    device: str = "auto"
    scores: bool = True
    folder: Path | None = None
    channel: str = ""
    partly: bool = False
    made: str = ""

    def __post_init__(self) -> None:
        if self.predict.volumes and self.model.header.architecture.ndim == 3:
            raise UserError("--volumes would have no effect: a 3D model segments volumes anyway; leave it out.")

    def takes_volumes(self, image: Image) -> bool:
        """Return whether the stacks of an image are segmented as volumes, not plane by plane."""
        return self.model.header.architecture.ndim == 3 or (self.predict.volumes and image.length("Z") > 1)

    def segmenting(
        self, normalization: Normalization, spacing: tuple[float, ...] | None, sight: Sight | None
    ) -> Callable[[np.ndarray], Generator[PredictProgress | PlaneResult, Stop | None, None]]:
        """Return a function that begins to segment a plane or volume; the first call takes a while: it loads torch."""
        from napari_upaint.engine.segment import segment_plane

        return partial(
            segment_plane,
            normalization=normalization,
            model=self.model,
            settings=self.predict,
            objects=self.objects,
            device=self.device,
            spacing=spacing,
            sight=sight,
        )

    def sight(
        self,
        indices: Sequence[Index],
        read: Callable[[Index], np.ndarray],
        normalization: Normalization,
        spacing: tuple[float, ...] | None,
        interrupt: Interrupt,
    ) -> Sight | None:
        """Find how the model sees an image, once for all its planes (volumes), which `read` reads.

        None if the model has learnt this from paint, or if nothing of the image can be read.

        Raises
        ------
        Stopped
            On Ctrl-C.
        """
        from napari_upaint.engine.tasks import look

        header = self.model.header
        if not header.sees_any_size:
            return None
        windows = windows_of(len(indices), lambda number: read(indices[number]), header.architecture.ndim)
        if not windows:
            return None
        looking = look(windows, normalization, self.model, self.predict, self.device, spacing)
        return drive(looking, Sight, lambda _: None, interrupt)
