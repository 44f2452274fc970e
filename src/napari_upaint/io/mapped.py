"""A file as an array of which only what is asked for is read; if it is cut short meanwhile, that is an error."""

from __future__ import annotations

from typing import Any

import numpy as np


class Mapped:
    """A memory map that checks how long its file is: reading beyond the end would kill the program.

    It is hidden from dask, which would copy a plain one into memory, and read all of it to name it.
    """

    def __init__(self, data: np.memmap) -> None:
        self._data, self._end = data.view(np.ndarray), data.offset + data.nbytes
        self._file = data._mmap  # type: ignore[attr-defined]  # noqa: SLF001 (numpy has no public way to the file)
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, index: Any) -> Any:
        if self._file.size() < self._end:
            raise OSError("the file was cut short after it was opened")
        return self._data[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self[...], dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:  # pickled for another process, such as a dask worker, it sends its pixels
        return np.asarray, (self._data,)
