"""Keep predicted scores for as long as their layer is open, so that objects can be made from them again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.core.usual_object import UNKNOWN, Usual, of_slices
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.settings import Kind, ObjectSettings
from napari_upaint.widgets._memory import zeros_for
from napari_upaint.widgets._sources import ImageSource, Placement

_predictions = count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What is known about the last prediction of a plane, besides its scores.

    Attributes
    ----------
    labelled : ObjectSettings or None
        The settings that its labels were made with; None: they are to be made.
    model : pathlib.Path or None
        The file of the model.
    turn : int
        Which prediction this is: a number that is never given again, even if others are thrown away.
    spread : numpy.ndarray or None
        How far averaged rotations are apart, float16, (Y, X); None if there was only one.
    """

    labelled: ObjectSettings | None
    model: Path | None
    turn: int
    spread: np.ndarray | None


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCache:
    """All outputs of the network for an image.

    Attributes
    ----------
    scores : numpy.ndarray
        float16, axes (C, ..., Y, X), channels as `names`: background first, border last if the model knows it.
    kind : {"objects", "classes"}
        The model's.
    planes : dict
        The prediction of each plane, by its index.
    usual : dict
        What the objects of a plane or volume are like, as far as the model that predicted it knew.
    volumes : set
        Indices of the volumes that were segmented at once; each of their slices is a plane, too.
    made : dict
        What the scores of a plane or volume were made from, see `session.made`, if known.
    """

    scores: np.ndarray
    names: tuple[str, ...]
    kind: Kind
    planes: dict[tuple[int, ...], Prediction] = field(default_factory=dict)
    usual: dict[tuple[int, ...], Usual] = field(default_factory=dict)
    volumes: set[tuple[int, ...]] = field(default_factory=set)
    made: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def border(self) -> bool:
        """Whether the last channel is the border between objects."""
        return len(self.names) > 2 and self.names[-1] == "border"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that were looked for."""
        return self.names[1:-1] if self.border else self.names[1:]

    @property
    def deep(self) -> bool:
        """Whether all that was segmented are volumes: an object has one number through their slices."""
        return bool(self.volumes) and all(index[:-1] in self.volumes for index in self.planes)

    def shown(self) -> Any:
        """Return the scores of the classes, without a copy; with a channel axis only if there are several."""
        return self.scores[1] if len(self.classes) == 1 else self.scores[1 : 1 + len(self.classes)]

    def place(self, image: Placement) -> Placement:
        """Return where these scores lie, given where their image lies."""
        return image.with_channel() if len(self.classes) > 1 else image

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether the image still has the shape that was predicted: its array may have been replaced."""
        return self.scores.shape[1:] == shape

    def write(self, index: tuple[int, ...], scores: np.ndarray) -> None:
        """Keep the scores of a plane or volume. Call it in a thread: the first time takes 0.2 s for 4k."""
        # For a volume all its slices, for a slice its volume. A thread and the window may both be here.
        others = [(*index, z) for z in range(scores.shape[1])] if scores.ndim == 4 else [index[:-1]]
        for one in (index, *others):
            self.made.pop(one, None)
        self.plane(index)[...] = scores

    def note(
        self,
        index: tuple[int, ...],
        result: PlaneResult,
        objects: ObjectSettings,
        model: Path | None = None,
        made: str = "",
    ) -> None:
        """Note a prediction of a plane or volume: the model, what it was made from, and the settings of its labels."""
        spread, planes = result.spread, [(index, result.spread)]
        if result.scores.ndim == 4:
            self.volumes.add(index)
            planes = [((*index, z), None if spread is None else spread[z]) for z in range(result.scores.shape[1])]
        else:
            self._part(index[:-1])
        for plane, apart in planes:
            self.planes[plane] = Prediction(objects, model, next(_predictions), apart)
        self.made[index], self.usual[index] = made, result.usual

    def _part(self, volume: tuple[int, ...]) -> None:
        """Let the slices of a volume be independent from now on; what is usual in them is known from the volume."""
        if volume in self.volumes:
            self.volumes.remove(volume)
            usual = of_slices(self.usual.pop(volume, UNKNOWN))
            self.usual.update((plane, usual) for plane in self.planes if plane[:-1] == volume)

    def plane(self, index: tuple[int, ...]) -> np.ndarray:
        """Return the scores of a plane or volume, axes (C, [Z,] Y, X)."""
        where: Any = (slice(None), *index)
        return self.scores[where]

    def of_others(self, model: Path | None) -> int:
        """Return how many planes another model has predicted."""
        return sum(prediction.model != model for prediction in self.planes.values())

    def stale(self, objects: ObjectSettings) -> list[tuple[int, ...]]:
        """Return the planes whose labels were made with other settings; for volumes segmented at once, the volumes."""
        stale = (index for index, prediction in self.planes.items() if prediction.labelled != objects)
        return list(dict.fromkeys(index[:-1] if index[:-1] in self.volumes else index for index in stale))

    def made_with(self, index: tuple[int, ...]) -> ObjectSettings | None:
        """Return the settings that the labels of a plane or volume were made with, None if it was not segmented."""
        prediction = self.planes.get((*index, 0) if index in self.volumes else index)
        return prediction.labelled if prediction is not None else None

    def remade(self, index: tuple[int, ...], objects: ObjectSettings) -> None:
        """Note that the labels of a plane or volume were made again."""
        for plane, prediction in self.planes.items():
            if plane == index or (index in self.volumes and plane[:-1] == index):
                self.planes[plane] = replace(prediction, labelled=objects)

    def remake(self) -> None:
        """Note that all labels are to be made again: their layer belongs to the user now."""
        for plane, prediction in self.planes.items():
            self.planes[plane] = replace(prediction, labelled=None)


def empty_cache(image: ImageSource, names: tuple[str, ...], kind: Kind) -> ScoreCache:
    """Return room for the scores of an image. Safe in a thread."""
    return ScoreCache(zeros_for(image, (len(names), *image.shape), np.float16), names, kind)
