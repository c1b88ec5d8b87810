"""What a cosine means in one audit, so that a reader need not know."""

from __future__ import annotations

from probablyexists.results.findings import Frozen


class LikenessScale(Frozen):
    """Cosines of a template of `photos` photos with one photo, on the held-out people. -1 to 1; null if not known.

    Cosines between faces are high for strangers too: 0.93 is not "93 % alike".
    """

    photos: int
    """Photos in the template."""
    strangers: float | None
    """Median for two different people."""
    same_person: float | None
    """Median for a further photo of the same person."""
    same_person_low: float | None
    """1 in 10 further photos of the same person are less alike than this."""
