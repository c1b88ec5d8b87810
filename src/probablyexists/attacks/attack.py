"""What an attack is: prepared once with what the attacker holds, then asked about people. It never grades itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.crowd import Faces, Photos, Reference
from probablyexists.matching.matcher import Matcher

__all__ = ["Attack", "Faces", "Matcher", "Photos", "Reference", "Scorer"]


Scorer = Callable[[Faces], NDArray[np.float64]]
"""(n,) scores; higher = more likely a member. Nobody's depends on who else is asked about."""


@runtime_checkable
class Attack(Protocol):
    """A membership attack that sees generated samples, and perhaps photos of reference people."""

    @property
    def id(self) -> str:
        """Name and version, for the signature."""

    @property
    def needs_reference(self) -> bool:
        """Whether it cannot do without reference people."""

    def prepare(self, samples: Photos, reference: Reference | None, matcher: Matcher, /) -> Scorer:
        """Learn what is to be learned from what the attacker holds. InputError where that is too little.

        `matcher`: for nearest neighbours, see `matching.matcher`.
        """
