"""How nearest neighbours are searched: on this machine or a cluster, with how many threads and how much memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from probablyexists.basis.progress import Progress, Silent
from probablyexists.matching.kept import Kept
from probablyexists.matching.neighbours import MEMORY, SMALL, Nearest, Vectors, nearest

Search = Callable[[Vectors, Vectors, int], Nearest]
"""Queries, references, k -> the k nearest references of each query."""


@dataclass(frozen=True)
class Matcher:
    """Search settings. The result is the same for every matcher."""

    threads: int | None = None
    """None: all cores."""
    memory: int = MEMORY
    """Bytes to use at most."""
    search: Search | None = None
    """A cluster's search, used for large searches; None: everything runs on this machine."""
    progress: Progress = field(default_factory=Silent)
    kept: Kept = field(default_factory=Kept, repr=False, compare=False)
    """References that cannot be written stay prepared for further searches by this matcher on this machine."""

    def nearest(self, queries: Vectors, references: Vectors, k: int = 1) -> Nearest:
        """The k nearest references of every query, exact: see `neighbours.nearest`."""
        if self.search is not None and len(queries) * len(references) > SMALL:
            return self.search(queries, references, k)
        return nearest(
            queries,
            references,
            k,
            memory=self.memory,
            threads=self.threads,
            progress=self.progress,
            kept=self.kept,
        )


HERE = Matcher()
"""This machine, on all its cores."""
