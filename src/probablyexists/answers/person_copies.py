"""Are the samples that seem to copy a photo of one person more than chance gives?

The threshold for copies is set on the reference people's photos, compared with this person's. It says little about many
samples: with 180 such photos, beta-binomial chance (as in `copying.copies`) explains 27 distinct copies in 1,000
samples. But here reference people can be asked the same question as the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probablyexists.answers.copying import CERTAIN_COPY, COPIES_P, CopyMatches
from probablyexists.answers.one_person import photos_compared
from probablyexists.copies.search import find
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd
from probablyexists.stats.conformal import conformal_p


@dataclass(frozen=True)
class PersonCopies:
    """Samples that seem to reproduce a photo of the person, and whether chance explains them."""

    n: int
    n_distinct: int
    """Distinct pictures among them."""
    n_certain: int
    """Those that correlate at 0.95 or more with a photo; the others are probable copies at most."""
    p: float | None
    """Conformal p-value of the most alike pair of photo and sample; None if there is none, or a certain copy."""
    beyond_chance: bool


def person_copies(
    found: CopyMatches, asked: Crowd, reference: Crowd, generated: Embedded, threads: int | None
) -> PersonCopies:
    """Whether the copies found at the threshold are more than chance.

    A certain copy is. Any other is if the person's photos have a sample more alike in pixels than the photos of
    reference people have: p <= 0.01. If this person was not trained on, that holds however many samples there are, and
    whatever they depend on. Compared are as many photos of each person as for the rank; of further photos given, the
    next as many, and p is multiplied by the number of such parts (Bonferroni).
    """
    n, distinct = int(found.is_copy.sum()), found.n_distinct
    if not n:
        return PersonCopies(0, 0, 0, None, False)
    if n_certain := int((found.matches.correlation[found.is_copy] >= CERTAIN_COPY).sum()):
        return PersonCopies(n, distinct, n_certain, None, True)
    rows = asked.people.rows[0]
    k = photos_compared(len(rows), reference.people.counts)
    photos = np.concatenate([r[:k] for r in reference.people.rows if len(r) >= k])
    samples = generated.each_picture
    others = find(reference.table.pictures[photos], samples, threads).correlation.reshape(-1, k).max(axis=1)
    own = find(asked.table.pictures[rows], samples, threads).correlation
    parts = np.array([own[at : at + k].max() for at in range(0, len(rows), k)])
    p = min(1.0, len(parts) * float(conformal_p(parts, others).min()))
    return PersonCopies(n, distinct, 0, p, p <= COPIES_P)
