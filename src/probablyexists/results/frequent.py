"""Faces that a generator gives too often: what `blind` returns."""

from __future__ import annotations

from typing import Literal

from probablyexists.results.findings import Frozen, RoleData, Signature
from probablyexists.stats.estimate import Figure


class FrequentFace(Frozen):
    """A face that the generator gives too often."""

    samples: list[str]
    """Samples that show it, most typical first: paths, or numbers (`sample-000001`) where paths may carry names."""
    n_distinct: int
    """Distinct pictures among them: near-identical ones are one. A single one is a picture that is given repeatedly."""
    share: float
    """Share of all samples that show it, 0 to 1."""
    reference_share: float
    """Share of reference people who are as alike to its most typical sample, 0 to 1."""
    p: float
    """One-sided p-value of Fisher's exact test for the first of its samples, 0 to 1."""
    q: float
    """Benjamini-Hochberg q-value over all samples, 0 to 1."""


class FrequentFaces(Frozen):
    """Faces given more often than by chance, compared with reference people; the smallest p-value first."""

    version: Literal[3] = 3
    """Version of this format."""
    faces: list[FrequentFace]
    """The faces, the smallest p-value first."""
    n_samples: int
    """Samples that were compared."""
    n_distinct: int
    """Distinct pictures among them: near-identical ones are one."""
    with_face: Figure
    """Share of the samples in which the detector sees a face, 0 to 1."""
    unseen_rate: float
    """What appears less often than this, per sample, can be missing from so many distinct samples, with probability 5 %
    or more: about 3 / n_distinct."""
    n_reference: int
    """Reference people, one photo each."""
    threshold: float
    """Cosine from which two pictures count as one face: 1 in 1,000 pairs of different reference people reach it."""
    cautions: list[str]
    """What limits the finding."""
    samples_numbered: bool
    """Whether samples are called by their place in the sorted list of their paths, as the paths may carry names."""
    roles: list[RoleData]
    """What was given and what became of it."""
    level: float
    """Largest q-value of a face in the list."""
    signature: Signature
    """Versions, settings, data and date."""

    def __repr__(self) -> str:
        return (
            f"FrequentFaces({len(self.faces):,} faces too often in {self.n_samples:,} samples, "
            f"{self.n_reference:,} reference people)"
        )

    __str__ = __repr__
