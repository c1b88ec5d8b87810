"""How much a face looks like the people who are kept out, less how common a face each of them has.

A person who looks like many others would be recognised in many strangers, and the threshold would have to be high for
everybody because of these few. So 0.4 times a person's similarity to the 3 most similar others who are kept out is
taken off. Both numbers were chosen on half of LFW's people (docs/results/guard.md). Held-out people take no part in
it, so that they and new strangers remain exchangeable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.commonness import N_KEPT_OUT, most_alike
from probablyexists.matching.matcher import Matcher

WEIGHT = 0.4


@dataclass(frozen=True)
class Faces:
    """The people who are kept out, to be compared with."""

    templates: NDArray[np.float32]
    """(m, dim), unit length."""
    common: NDArray[np.float32]
    """(m,) how much is taken off the cosine with each."""

    def scores(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """((n,) highest cosine less commonness, (n,) the row that has it); there must be a row.

        One product a face, so that the result for a face does not depend on the others.
        """
        best, row = np.empty(len(embeddings), np.float64), np.empty(len(embeddings), np.intp)
        for i, face in enumerate(embeddings):
            scores = self.templates @ face - self.common
            row[i] = scores.argmax()
            best[i] = scores[row[i]]
        return best, row

    def left_out(self, embeddings: NDArray[np.float32], owner: NDArray[np.integer]) -> NDArray[np.float64]:
        """(n,) scores of these people's own photos, each left out of its person's template.

        `owner`: (n,) row of each photo's person. NaN for people with one photo.
        """
        counts = np.bincount(owner, minlength=len(self.templates))
        sums = np.zeros(self.templates.shape)
        np.add.at(sums, owner, embeddings)
        found = np.full(len(embeddings), np.nan)
        for i in np.flatnonzero(counts[owner] > 1):
            rest = sums[owner[i]] - embeddings[i]
            cosines = self.templates @ embeddings[i]
            cosines[owner[i]] = rest @ embeddings[i] / np.linalg.norm(rest)
            found[i] = (cosines - self.common).max()
        return found


def faces_of(templates: NDArray[np.float32], threads: int | None = None) -> Faces:
    """The people with these templates, with their commonness among themselves; of one person alone it is zero."""
    alike = most_alike(templates, templates, np.arange(len(templates)), Matcher(threads), N_KEPT_OUT)
    return Faces(templates, (WEIGHT * alike.closeness).astype(np.float32))
