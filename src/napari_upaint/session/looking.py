"""Let the engine find how a model sees an image: once for all planes, so that all are seen alike."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.telling_windows import windows_of
from napari_upaint.engine.progress import Sight
from napari_upaint.errors import ModelError
from napari_upaint.io.models import ModelFile, ModelHeader, read_header
from napari_upaint.session.job import EngineProcess
from napari_upaint.session.protocol import LookRequest, Model
from napari_upaint.settings import PredictSettings


@dataclass(frozen=True, slots=True, eq=False)
class Looking:
    """What is needed to look at images; `stopped` is asked again and again while the engine works."""

    model: Model
    engine: EngineProcess
    settings: PredictSettings = field(default_factory=PredictSettings)
    device: str = "auto"
    stopped: Callable[[], bool] = lambda: False

    def at(
        self,
        leading_shape: tuple[int, ...],
        read: Callable[[tuple[int, ...]], np.ndarray],
        normalization: Normalization,
        spacing: tuple[float, ...] | None = None,
    ) -> Sight | None:
        """Find how the model sees an image. It waits for the engine: never call it on the GUI thread.

        None if the model learnt this from paint and the user has set no other scale, if the model or the image cannot
        be read (segmenting will report that), or on a stop.

        Parameters
        ----------
        leading_shape : tuple of int
            Lengths of the axes other than channels and those of a plane (or volume).
        read : callable
            Reads the plane (or volume) at an index into these axes: (C, [Z,] Y, X).
        normalization : Normalization
        spacing : tuple of float or None
            For volumes: the size of a voxel, (Z, Y, X).

        Raises
        ------
        UserError
            If the engine fails.
        """
        header = self._header()
        if header is None:
            return None
        if not header.sees_any_size:
            return Sight(self.settings.scale, header.usual_object) if self.settings.scale else None

        def numbered(number: int) -> np.ndarray:
            return read(tuple(int(i) for i in np.unravel_index(number, leading_shape)))

        windows = windows_of(math.prod(leading_shape), numbered, header.architecture.ndim)
        if not windows:
            return None
        request = LookRequest(tuple(windows), normalization, self.model, self.settings, self.device, spacing)
        found = self.engine.submit(request).wait_unless(self.stopped)
        return found if isinstance(found, Sight) else None

    @property
    def ndim(self) -> int:
        """Spatial axes of the model, 2 or 3; 2 if it cannot be read."""
        header = self._header()
        return header.architecture.ndim if header is not None else 2

    def _header(self) -> ModelHeader | None:
        if isinstance(self.model, ModelFile):
            return self.model.header
        with contextlib.suppress(ModelError):
            return read_header(self.model)
        return None
