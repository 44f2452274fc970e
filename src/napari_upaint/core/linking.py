"""The same id for the same object from plane to plane: through slices, through time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_upaint.core.contingency import contingency

Index = tuple[int, ...]
# Less overlap than this (intersection over union) is a neighbour that was touched, not the object itself.
LEAST_OVERLAP = 0.1


def link(planes: Mapping[Index, np.ndarray], least: float = LEAST_OVERLAP) -> Iterator[tuple[Index, np.ndarray]]:
    """Give overlapping objects of neighbouring planes one id.

    Planes are taken in order. Each is compared with the nearest one before it along its last leading axis (slices), and
    what has no partner there along the axes before (time). Partners are chosen such that the sum of their overlaps is
    largest (Kuhn 1955, "The Hungarian method"); an object without a partner gets an id that no plane had before.

    Parameters
    ----------
    planes : mapping of index tuples to numpy.ndarray
        Index along the leading axes, and integers (Y, X) of one shape: 0 background, every other id one object. Planes
        may be missing. Which ids they have does not matter: linking what was linked changes nothing.
    least : float
        Smallest intersection over union of partners, above 0.

    Yields
    ------
    index : tuple of int
    labels : numpy.ndarray
        int32, the same objects under other ids.
    """
    for index, new in new_ids(planes, least):
        yield index, new[planes[index]]


def new_ids(planes: Mapping[Index, np.ndarray], least: float = LEAST_OVERLAP) -> Iterator[tuple[Index, np.ndarray]]:
    """Yield what `link` does to the ids: index of each plane and, int32, the new id at the place of each old one."""
    linked: dict[Index, _Ids] = {}
    following = 1
    for index in sorted(planes):
        ids = _Ids(planes[index])
        for reference in _references(index, linked):
            ids.take(planes[index], planes[reference], linked[reference], least)
        following = ids.number(following)
        linked[index] = ids
        yield index, ids.table()


def adopt(labels: np.ndarray, before: np.ndarray, least: float = LEAST_OVERLAP) -> np.ndarray:
    """Return labels with the ids that their objects had before; new objects get ids above all others.

    Parameters
    ----------
    labels, before : numpy.ndarray
        Integers of one shape, 0 background.
    """
    known, ids = _Ids(before), _Ids(labels)
    known.linked = known.ids.astype(np.int32)
    ids.take(labels, before, known, least)
    ids.number(int(before.max(initial=0)) + 1)
    return ids.table()[labels]


def plain_ids(labels: np.ndarray) -> np.ndarray:
    """Return, int32, at the place of each id the one that it has without linking: 1, 2, ... by the first pixel."""
    ids = _Ids(labels)
    ids.number(1)
    return ids.table()


class _Ids:
    """The objects of a plane in order of their first pixel, with the ids that they get.

    In that order, and not by their ids: what comes out must not depend on how the objects were numbered.
    """

    def __init__(self, labels: np.ndarray) -> None:
        flat = labels.ravel()
        where = np.flatnonzero(flat)[::-1]
        first = np.full(int(flat.max(initial=0)) + 1, -1, np.int64)
        first[flat[where]] = where  # of several values for one place the last one stays: the first pixel
        known = np.flatnonzero(first >= 0)
        self.ids = known[np.argsort(first[known])]
        self.linked = np.zeros(len(self.ids), np.int32)  # 0: none yet
        self._place = np.full(len(first), -1, np.int64)
        self._place[self.ids] = np.arange(len(self.ids))

    def places(self, ids: np.ndarray) -> np.ndarray:
        """Return which objects these are."""
        return np.asarray(self._place[ids])

    def take(self, labels: np.ndarray, reference: np.ndarray, its: _Ids, least: float) -> None:
        """Take over the ids of another plane's objects, where both have no partner yet."""
        table = contingency(labels, reference).objects()
        own = self.places(table.first_ids)[table.first]
        other = its.places(table.second_ids)[table.second]
        overlap = table.iou()
        free = (overlap >= least) & (self.linked[own] == 0) & ~np.isin(its.linked[other], self.linked)
        for mine, theirs in _partners(own[free], other[free], overlap[free], (len(self.ids), len(its.ids))):
            self.linked[mine] = its.linked[theirs]

    def number(self, following: int) -> int:
        """Give the others new ids from `following` on; return the one after the last."""
        new = np.flatnonzero(self.linked == 0)
        self.linked[new] = np.arange(following, following + len(new))
        return following + len(new)

    def table(self) -> np.ndarray:
        """Return the new id at the place of each old one."""
        table = np.zeros(len(self._place), np.int32)
        table[self.ids] = self.linked
        return table


def _references(index: Index, known: Mapping[Index, object]) -> Iterator[Index]:
    """Iterate over the nearest known planes before this one along each axis, the last axis first."""
    for axis in reversed(range(len(index))):
        for at in range(index[axis] - 1, -1, -1):
            before = (*index[:axis], at, *index[axis + 1 :])
            if before in known:
                yield before
                break


def _partners(
    rows: np.ndarray, columns: np.ndarray, overlap: np.ndarray, shape: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Choose pairs with the largest sum of overlaps, group by group: objects far apart need not be weighed together."""
    n = sum(shape)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, shape[0] + columns)), shape=(n, n))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.lexsort((columns, rows, group))
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(members) == 1:
            yield int(rows[members[0]]), int(columns[members[0]])
        elif len(members):
            some, row = np.unique(rows[members], return_inverse=True)
            others, column = np.unique(columns[members], return_inverse=True)
            matrix = np.zeros((len(some), len(others)))
            matrix[row, column] = overlap[members]
            for a, b in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
                if matrix[a, b] > 0:
                    yield int(some[a]), int(others[b])
