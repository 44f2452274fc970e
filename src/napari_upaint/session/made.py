"""What scores are made from: if that is the same, so are the scores, and they need not be computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import Sight
from napari_upaint.errors import UserError
from napari_upaint.io.models import ModelFile, model_fingerprint
from napari_upaint.session.protocol import Model
from napari_upaint.settings import PredictSettings


def made_how(model: Model, settings: PredictSettings) -> str:
    """Return a fingerprint of a model and how it is applied; "" if there is no such model.

    The size of tiles does not count: whoever had to make them smaller can continue with what was computed before.
    """
    try:
        known = _content(model) if isinstance(model, ModelFile) else model_fingerprint(model)
    except (UserError, OSError):  # the engine will meet the same error, and report it
        return ""
    return fingerprint(known, replace(settings, tile=0))


def _content(model: ModelFile) -> str:
    return fingerprint(model.header, *(part for name in sorted(model.weights) for part in (name, model.weights[name])))


def made_of(
    how: str,
    image: np.ndarray,
    normalization: Normalization,
    spacing: tuple[float, ...] | None = None,
    sight: Sight | None = None,
) -> str:
    """Return a fingerprint of what the scores of a plane or volume come from: begins with `how`; "" if that is ""."""
    return f"{how} {fingerprint(image, normalization, spacing, sight)}" if how else ""
