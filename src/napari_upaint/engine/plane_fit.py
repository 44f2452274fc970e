"""How well a network and a pixel classifier together fit the paint on planes, and how large painted objects are.

The network alone cannot tell the right scale for a task that it has never learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from napari_upaint.core.filters import pixel_features
from napari_upaint.core.ids import to_int32
from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.objects import class_parts
from napari_upaint.core.painted_diameter import Painted, painted_diameter
from napari_upaint.core.resize import resized_places
from napari_upaint.engine.evidence import Evidence, known_scores, saying
from napari_upaint.engine.first_guess import answer, false_border
from napari_upaint.engine.pixel_classifier import QUICK, PixelClassifier
from napari_upaint.engine.predict import whole
from napari_upaint.engine.prior import background_shift, shifted
from napari_upaint.engine.telling import returned
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Kind

# Of the classifiers that scales are compared with; each takes a tenth of a second.
_MOST_PAINTED, _FOLDS = 1500, 3


class View(NamedTuple):
    """A painted region: normalised image at the network's scale, (C, Y, X); annotation at its own size, (Y, X)."""

    image: np.ndarray
    annotation: np.ndarray


class _Look(NamedTuple):
    """What is known about a view.

    Attributes
    ----------
    evidence : Evidence
        About its N painted pixels.
    places : tuple of numpy.ndarray
        Where these are in the image, two arrays (N,).
    paint : numpy.ndarray
        Their values in the annotation, (N,).
    features : tuple of numpy.ndarray
        What the classifier sees, two arrays (F, Y, X): from filters and from the network.
    scores : numpy.ndarray
        Of the network, (K, Y, X).
    """

    evidence: Evidence
    places: tuple[np.ndarray, ...]
    paint: np.ndarray
    features: tuple[np.ndarray, np.ndarray]
    scores: np.ndarray


def plane_fit(
    network: UNet, views: Sequence[View], *, kind: Kind, border: bool, measured: bool
) -> tuple[float, float] | None:
    """Compare the answers of both together, on strokes that the classifier has not seen, with the paint.

    Parameters
    ----------
    network : UNet
    views : sequence of View
    kind : {"objects", "classes"}
    border : bool
        Whether the network's last output is the border between objects.
    measured : bool
        Whether to measure the painted objects, too.

    Returns
    -------
    tuple of float or None
        The disagreement, and the diameter of painted objects in px of the views, 0 if it is not known; None if only
        one class is painted.
    """
    measured = measured and network.n_classes - border == 2
    parts, looks, last = list[Evidence](), list[_Look](), 0
    for view in views:
        look = _look(network, view, border, last)
        parts.append(look.evidence)
        last = int(look.evidence.strokes.max(initial=last))
        if measured:  # else whole views would stay in memory
            looks.append(look)
    evidence = Evidence.gathered(parts, _MOST_PAINTED, seed=0)
    if len(np.unique(evidence.classes)) < 2:
        return None
    share, loss = evidence.mixture(_FOLDS, seed=0)
    return loss, _diameter(looks, evidence, share, kind, border) if measured else 0.0


def _look(network: UNet, view: View, border: bool, last: int) -> _Look:
    """Look at a view; its strokes are numbered from `last` + 1 up."""
    image, count = view.image, network.n_classes - border
    annotation = to_int32(view.annotation)  # ids of objects may be huge
    strokes = class_parts(np.minimum(annotation, FIRST) if count == 2 else annotation)
    painted = np.nonzero(annotation)
    places = resized_places(painted, annotation.shape, image.shape[1:])
    scores = whole(network, image)
    features = pixel_features(image, torch.get_num_threads()), returned(saying(network, image, scores))
    at: tuple[slice | np.ndarray, ...] = (slice(None), *places)
    paint = annotation[painted].astype(np.int64)
    evidence = Evidence(
        np.concatenate([part[at] for part in features]).T.astype(np.float32),
        np.minimum(paint - BACKGROUND, count - 1),
        strokes[painted] + last,
        known_scores(scores[at], border=border).T,
    )
    return _Look(evidence, places, paint, features, scores)


def _diameter(looks: Sequence[_Look], evidence: Evidence, share: float, kind: Kind, border: bool) -> float:
    """Measure the painted objects in the answers of both together for the whole views."""
    learnt = PixelClassifier(evidence.features, evidence.classes, 2, 0, QUICK)
    false = false_border([_inside(look) for look in looks]) if border else 0.0
    answers = [
        answer(look.scores, np.concatenate(look.features), learnt, share, false=false, border=border) for look in looks
    ]
    shift = background_shift(answers)
    painted = []
    for look, scores in zip(looks, (shifted(one, shift) for one in answers), strict=True):
        found = (scores[0] < 0.5) & (scores[-1] < 0.5) if border else scores[0] < 0.5
        ids, on = look.paint if kind == "objects" else look.evidence.strokes, look.paint >= FIRST
        painted.append(Painted(found, ids[on], tuple(places[on] for places in look.places)))
    return painted_diameter(painted)


def _inside(look: _Look) -> np.ndarray:
    """Return the network's scores in painted objects, (K, N)."""
    (y, x), on = look.places, look.paint >= FIRST
    return np.asarray(look.scores[:, y[on], x[on]])
