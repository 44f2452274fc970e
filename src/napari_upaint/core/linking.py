"""The same id for the same object from plane to plane: through slices, through time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_upaint.core.contingency import contingency
from napari_upaint.core.ids import number_ids

Index = tuple[int, ...]
# With less overlap (intersection over union), it is a neighbour that is touched, not the same object.
_LEAST_OVERLAP = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class NewIds:
    """The new ids of the objects in a plane; indexed with the labels of the plane, it returns them with new ids.

    Attributes
    ----------
    old : numpy.ndarray
        0 and the ids of the plane, in ascending order.
    new : numpy.ndarray
        int32: the new id of each of them; 0 stays 0.
    """

    old: np.ndarray
    new: np.ndarray

    def __getitem__(self, labels: np.ndarray) -> np.ndarray:
        """Return labels with their new ids, int32; all labels must be among the old ids."""
        names, places = number_ids(labels)
        # Names that do not occur may get any id.
        at = np.minimum(np.searchsorted(self.old, names), len(self.old) - 1)
        return np.asarray(self.new[at][places].reshape(labels.shape))

    @property
    def change_nothing(self) -> bool:
        """Whether every object keeps its id."""
        return bool((self.old == self.new).all())


def new_ids(planes: Mapping[Index, np.ndarray]) -> Iterator[tuple[Index, NewIds]]:
    """Give overlapping objects of neighbouring planes the same id.

    Planes are taken in order. Each is compared with the nearest one before it along the last leading axis (slices);
    objects without a partner there are then compared along the axes before that (time). Partners are chosen such that
    the sum of their overlaps is largest (Kuhn 1955, "The Hungarian method"); an object without a partner gets an id
    that no plane had before.

    Parameters
    ----------
    planes : mapping of index tuples to numpy.ndarray
        Index along the leading axes, and integers (Y, X) of the same shape: 0 background, every other id one object.
        Planes may be missing. The present ids do not matter: linking a second time changes nothing.

    Yields
    ------
    index : tuple of int
    ids : NewIds
        The new ids of that plane.
    """
    linked: dict[Index, _Ids] = {}
    following = 1
    for index in sorted(planes):
        ids = _Ids(planes[index])
        for reference in _references(index, linked):
            ids.take(planes[index], planes[reference], linked[reference])
        following = ids.number(following)
        linked[index] = ids
        yield index, ids.new()


def adopt(labels: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return labels with the ids that their objects had before; new objects get ids above all others.

    Parameters
    ----------
    labels, before : numpy.ndarray
        Integers of the same shape, 0 background.
    """
    known, ids = _Ids(before), _Ids(labels)
    known.linked = known.ids.astype(np.int32)
    ids.take(labels, before, known)
    ids.number(int(before.max(initial=0)) + 1)
    return ids.new()[labels]


def plain_ids(labels: np.ndarray) -> NewIds:
    """Return the ids that objects have without linking: 1, 2, ... in order of their first pixel."""
    ids = _Ids(labels)
    ids.number(1)
    return ids.new()


class _Ids:
    """The objects of a plane in order of their first pixel, with their new ids.

    They are not ordered by id, as the result must not depend on how the objects were numbered.
    """

    def __init__(self, labels: np.ndarray) -> None:
        names, places = number_ids(labels)
        first = np.full(len(names), -1, np.int64)
        first[places[::-1]] = np.arange(len(places))[::-1]  # the last one written stays: that of the first pixel
        objects = np.flatnonzero((first >= 0) & (names != 0))
        order = np.argsort(first[objects])
        self.ids = names[objects[order]]
        self.linked = np.zeros(len(self.ids), np.int32)  # 0: none yet
        self._rising = names[objects]
        self._place = np.argsort(order)

    def places(self, ids: np.ndarray) -> np.ndarray:
        """Return the indices of the objects with these ids."""
        return np.asarray(self._place[np.searchsorted(self._rising, ids)])

    def take(self, labels: np.ndarray, reference: np.ndarray, its: _Ids) -> None:
        """Take over the ids of the objects of another plane, if neither object has a partner yet."""
        table = contingency(labels, reference).objects()
        own = self.places(table.first_ids)[table.first]
        other = its.places(table.second_ids)[table.second]
        overlap = table.iou()
        free = (overlap >= _LEAST_OVERLAP) & (self.linked[own] == 0) & ~np.isin(its.linked[other], self.linked)
        for mine, theirs in _partners(own[free], other[free], overlap[free], (len(self.ids), len(its.ids))):
            self.linked[mine] = its.linked[theirs]

    def number(self, following: int) -> int:
        """Give the remaining objects new ids from `following` up; return the id after the last."""
        new = np.flatnonzero(self.linked == 0)
        self.linked[new] = np.arange(following, following + len(new))
        return following + len(new)

    def new(self) -> NewIds:
        """Return the new id of every old one."""
        zero = np.zeros(1, self._rising.dtype)
        return NewIds(np.append(zero, self._rising), np.append(np.int32(0), self.linked[self._place]))


def _references(index: Index, known: Mapping[Index, object]) -> Iterator[Index]:
    """Iterate over the axes, last one first; yield the nearest known plane before this one along each."""
    for axis in reversed(range(len(index))):
        for at in range(index[axis] - 1, -1, -1):
            before = (*index[:axis], at, *index[axis + 1 :])
            if before in known:
                yield before
                break


def _partners(
    rows: np.ndarray, columns: np.ndarray, overlap: np.ndarray, shape: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Choose pairs with the largest sum of overlaps, separately for each group of objects that are connected."""
    n = sum(shape)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, shape[0] + columns)), shape=(n, n))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.lexsort((columns, rows, group))
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(members) == 1:
            yield int(rows[members[0]]), int(columns[members[0]])
        else:
            some, row = np.unique(rows[members], return_inverse=True)
            others, column = np.unique(columns[members], return_inverse=True)
            matrix = np.zeros((len(some), len(others)))
            matrix[row, column] = overlap[members]
            for a, b in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
                if matrix[a, b] > 0:
                    yield int(some[a]), int(others[b])
