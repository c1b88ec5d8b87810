"""The small grey pictures of a table: held once for each content, copied for a row only where it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.memory import allocated


@dataclass(frozen=True)
class Pictures:
    """n rows, each of which is one of the m pictures held; indexed by rows like an array (n, ...)."""

    held: NDArray[np.uint8]
    """(m, 2, 48, 48), or (m, 48, 48) of one view; in memory, or on disk if they are many."""
    rows: NDArray[np.intp]
    """(n,) which of them each row shows."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        """The pictures of some rows, copied; `[:, view]` is one view of all rows, not copied."""
        if isinstance(index, tuple):
            return Pictures(self.held[index], self.rows)
        return self.held[self.rows[index]]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.held.shape[1:])

    def take(self, index: NDArray[np.intp]) -> Pictures:
        """Only these rows, in this order; not copied."""
        return Pictures(self.held, self.rows[index])

    @cached_property
    def whole(self) -> NDArray[np.uint8]:
        """The array: what is held, if each row shows its own, else a copy, made once and on disk if it is large."""
        return taken(self.held, self.rows)


def of_rows(pictures: NDArray[np.uint8]) -> Pictures:
    """Pictures of as many rows."""
    return Pictures(pictures, np.arange(len(pictures)))


def taken(array: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    """`array[index]`, without a copy if `index` is all rows; on disk if it is large."""
    if np.array_equal(index, np.arange(len(array))):
        return array
    # The index is within bounds, and mode "raise" would make a second copy in memory.
    return np.take(array, index, axis=0, out=allocated((len(index), *array.shape[1:]), array.dtype), mode="clip")
