"""How nearest neighbours are searched: by what, on how many threads, in how much memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from probablyexists.basis.progress import Progress, Silent
from probablyexists.matching.neighbours import MEMORY, SMALL, Nearest, Vectors, nearest

Search = Callable[[Vectors, Vectors, int], Nearest]
"""Queries, references, k -> their nearest."""


@dataclass(frozen=True)
class Matcher:
    """Handed to whatever searches. The result is the same for every matcher."""

    threads: int | None = None
    """None: all cores."""
    memory: int = MEMORY
    """Bytes."""
    search: Search | None = None
    """A cluster's search, for what is large enough; None: all is done on this machine."""
    progress: Progress = field(default_factory=Silent)

    def nearest(self, queries: Vectors, references: Vectors, k: int = 1) -> Nearest:
        """The k nearest references of every query, exact: see `neighbours.nearest`."""
        if self.search is not None and len(queries) * len(references) > SMALL:
            return self.search(queries, references, k)
        return nearest(queries, references, k, memory=self.memory, threads=self.threads, progress=self.progress)


HERE = Matcher()
"""This machine, on all its cores."""
