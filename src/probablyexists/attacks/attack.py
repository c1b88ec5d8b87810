"""The interface of an attack: prepare once with what the attacker holds, then score people. It never grades itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.own_code import called, problems_of
from probablyexists.matching.crowd import Faces, Photos, Reference
from probablyexists.matching.matcher import Matcher

__all__ = ["Attack", "Faces", "Matcher", "Photos", "Reference", "Scorer"]


Scorer = Callable[[Faces], NDArray[np.float64]]
"""Faces -> (n,) scores; higher = more likely a member. A person's score does not depend on the other faces."""


@runtime_checkable
class Attack(Protocol):
    """A membership attack that sees generated samples, and perhaps photos of reference people."""

    @property
    def id(self) -> str:
        """Name and version, for the signature."""

    @property
    def needs_reference(self) -> bool:
        """Whether the attack needs reference people."""

    def prepare(self, samples: Photos, reference: Reference | None, matcher: Matcher, /) -> Scorer:
        """Fit the attack to what the attacker holds. InputError if that is too little.

        `matcher`: searches nearest neighbours, see `matching.matcher`.
        """


def attack_problems(attack: object) -> list[str]:
    """What the object lacks to be an `Attack`."""
    return problems_of(attack, id=str, needs_reference=bool, prepare=None)


def guarded(attack: Attack, samples: Photos, reference: Reference | None, matcher: Matcher) -> Scorer:
    """The prepared attack.

    InputError if it fails, if its scores are not one finite number for each person, or if a person's score, tried on a
    few in each call of an attack that is not ours, changes with who else is scored: members and held-out people are
    scored in separate calls, and such a score may tell the calls apart.
    """
    failed = f"attack {attack.id}: failed"
    scorer = called(failed, attack.prepare, samples, reference, matcher)
    ours = type(attack).__module__.startswith("probablyexists.")

    def score(faces: Faces) -> NDArray[np.float64]:
        found = np.asarray(called(failed, scorer, faces), dtype=np.float64)
        if found.shape != (len(faces),) or not np.isfinite(found).all():
            raise InputError(
                f"attack {attack.id}: gave scores of shape {found.shape} for {len(faces)} people, "
                f"{int((~np.isfinite(found)).sum())} of them not finite"
            )
        for i in () if ours or len(faces) < 2 else (0, len(faces) // 2, len(faces) - 1):
            alone = np.asarray(called(failed, scorer, faces.take(np.array([i]))), dtype=np.float64)
            if not np.allclose(alone, found[i], rtol=1e-4, atol=1e-5):
                raise InputError(f"attack {attack.id}: a person's score changes with the other people scored")
        return found

    return score
