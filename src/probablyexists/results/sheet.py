"""The evidence sheet about one person: what `ask` returns."""

from __future__ import annotations

from typing import Literal

from probablyexists.results.findings import Frozen, Signature
from probablyexists.stats.estimate import Figure

Evidence = Literal["copy", "evidence", "no evidence"]


class NearSample(Frozen):
    """A generated sample and how alike it is."""

    sample: str
    similarity: float
    """Cosine with the person's template."""
    p: float
    """Share of reference people, this person among them, whose own nearest sample is at least as alike to them."""


class CopiedPhoto(Frozen):
    """A generated sample that reproduces one of the photos asked about."""

    sample: str
    photo: str
    correlation: float


class Sheet(Frozen):
    """One person against one generator."""

    version: Literal[1] = 1
    evidence: Evidence
    sentence: str
    cautions: list[str]
    photos_given: int
    photos_used: int
    compared_on: int
    """Photos in the template, of this person and of each reference person."""
    n_samples: int
    """In which a face was found."""
    n_reference: int
    """Reference people compared on as many photos."""
    similarity: float
    """Cosine with the nearest sample that is no copy."""
    exposure: float
    """The same in standard deviations above the reference people."""
    p: float
    p_floor: float
    level: float
    owner_split: bool
    power: Figure
    """Share of reference people who would have had p <= level, had another photo of theirs been generated."""
    nearest: list[NearSample]
    copies: list[CopiedPhoto]
    n_copies: int
    signature: Signature
