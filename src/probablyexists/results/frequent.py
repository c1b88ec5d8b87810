"""Faces that a generator gives too often: what `blind` returns."""

from __future__ import annotations

from typing import Literal

from probablyexists.results.findings import Frozen, Signature


class FrequentFace(Frozen):
    """A face that the generator gives too often."""

    samples: list[str]
    """Those that show it, most typical first."""
    share: float
    """Of all samples."""
    reference_share: float
    """Of the reference people, how many are as alike to its most typical sample."""
    p: float
    q: float


class FrequentFaces(Frozen):
    """Faces given more often than reference people would give them, the least explicable by chance first."""

    version: Literal[1] = 1
    faces: list[FrequentFace]
    n_samples: int
    """In which a face was found."""
    n_reference: int
    threshold: float
    """Cosine from which two pictures count as one face: 1 in 1,000 pairs of different reference people reach it."""
    level: float
    signature: Signature
