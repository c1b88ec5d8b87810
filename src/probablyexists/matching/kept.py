"""References prepared for many searches: the samples of an audit are searched some twenty times."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from probablyexists.matching.int8 import RoughReferences

Prepared = dict[tuple[int, int, int], RoughReferences]
"""(first row, last row, rows before it that are compared exactly) -> that part in int8."""


class Kept:
    """The parts in int8 of arrays that cannot be written, until an array is gone. Pickled empty."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[weakref.ref[Any], Prepared]] = {}

    def of(self, references: Any, most: int) -> Prepared:
        """Where the parts of these references are kept: elsewhere, and for one search, if they can change or have over
        `most` bytes in int8."""
        can_change = not isinstance(references, np.ndarray) or references.flags.writeable
        if can_change or references.size > most:
            return {}
        key = id(references)
        if key not in self._of:
            self._of[key] = weakref.ref(references, lambda _: self._of.pop(key, None)), {}
        return self._of[key][1]

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()
