"""How much is compared at once, and on how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.threads import mapper
from probablyexists.embeddings.pictures import Pictures as TablePictures

T = TypeVar("T")
Pictures = NDArray[np.uint8] | TablePictures
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Portions:
    """How much is compared at once. It changes no result."""

    chunk: int = 2048
    """Queries whose candidates are looked up at once."""
    block: int = 128
    """Pictures compared at once."""
    held: int = 65_536
    """Up to this number, all references are prepared once and kept (10 kB each). Of more, only the candidates of each
    chunk are prepared."""


PORTIONS = Portions()


@dataclass(frozen=True)
class How:
    """The view that is compared, and how much of it at once."""

    view: int
    threads: int | None
    """None = all cores."""
    portions: Portions = PORTIONS

    def in_blocks(self, work: Callable[[slice], T], n: int) -> list[T]:
        """`work` on n rows in blocks, on several threads; results in order."""
        block = self.portions.block
        blocks = [slice(start, min(n, start + block)) for start in range(0, n, block)]
        threads = min(self.threads or os.cpu_count() or 1, len(blocks))
        with mapper(max(1, threads)) as in_order:
            return list(in_order(work, blocks))
