"""Everybody whom the samples give away: named by likeness, or copied. One count, each person once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.copying import CopyMatches
from probablyexists.matching.crowd import Crowd
from probablyexists.results.findings import Affected, Copies, Reason


@dataclass(frozen=True)
class Reasons:
    """Why each member is affected, in the order of `training.people`."""

    copies: NDArray[np.intp]
    """(n_members,) distinct pictures among the samples that copy a photo of theirs."""
    named: NDArray[np.bool_]
    copied: NDArray[np.bool_]

    @property
    def each(self) -> list[Reason | None]:
        """One reason a member; None for those who are not affected."""
        words: dict[tuple[bool, bool], Reason | None] = {
            (True, True): "named and copied",
            (True, False): "named",
            (False, True): "copied",
            (False, False): None,
        }
        return [words[bool(n), bool(c)] for n, c in zip(self.named, self.copied, strict=True)]

    @property
    def count(self) -> Affected:
        """How many people are affected."""
        return Affected(
            n=int((self.named | self.copied).sum()), n_named=int(self.named.sum()), n_copied=int(self.copied.sum())
        )


def affected(training: Crowd, named: NDArray[np.bool_], found: CopyMatches, copies: Copies) -> Reasons:
    """Join those named with those copied. `named`: (n_members,) whether each is named.

    A copied photo gives away whose photo it is, so the person counts, named or not: unless chance could explain the
    copies (`copies.beyond_chance`).
    """
    owner = training.people.owner
    pictures: dict[int, set[int]] = {}
    for row in np.flatnonzero(found.is_copy):
        if (member := owner.get(int(found.matches.index[row]))) is not None:  # not a photo that was set aside
            pictures.setdefault(member, set()).add(int(found.picture[row]))
    n = np.array([len(pictures.get(member, ())) for member in range(len(training.people))], dtype=np.intp)
    return Reasons(n, named, (n > 0) & copies.beyond_chance)
