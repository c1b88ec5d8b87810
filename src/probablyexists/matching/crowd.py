"""A crowd: the acquired photos of one role and whose they are. What every answer is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.templates import People, templates


@dataclass(frozen=True)
class Crowd:
    """One role's people with their photos."""

    table: Embedded
    people: People

    def templates(self, photos: int, skip: int = 0) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Templates from `photos` photos of everybody who has them, and who that is."""
        return templates(self.table.embeddings, self.people, photos, skip)

    def probes(self, who: NDArray[np.intp]) -> NDArray[np.float32]:
        """The first photo of each of these people: `templates(..., skip=1)` never contain it."""
        return self.table.embeddings[[self.people.rows[i][0] for i in who]]


def common_count(*counts: NDArray[np.intp]) -> int:
    """Largest number of photos that at least 80 % of the people on every side have; at least 1."""
    return max(1, min(int(np.quantile(c, 0.2, method="lower")) for c in counts if c.size))
