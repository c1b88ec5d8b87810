"""Answer 6: how much could we have missed? Measured with leaks planted in this audit's own data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import VERDICT_LEVEL, Named
from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Attack
from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd
from probablyexists.results.findings import Missed
from probablyexists.stats.estimate import Unresolvable
from probablyexists.stats.power import smallest_leak

ENOUGH = 20
"""Fewest people with a spare photo to plant; with fewer, the figure would depend on who they are."""


def missed(views: Sequence[View], attacks: Sequence[Attack], named: Named, seed: int) -> Missed:
    """The smallest number of leaking members that would have been noticed, if one unseen photo of each were generated.

    A planted leak is a held-out person's spare photo, put among the samples. If too few held-out people have a spare
    photo, members' photos are used too; if still too few, templates use fewer photos, which makes the
    attack weaker than the audit's. The figure is the best case: real likenesses are rarely as sharp as photos.
    """
    for photos in range(named.main_count, 0, -1):
        by_recogniser = [_p_values(view, attacks, photos) for view in views]
        # All recognisers must agree; one without a p-value for a person does not.
        planted, null = (
            np.array([max(found[side].get(who, 1.0) for found in by_recogniser) for who in by_recogniser[0][side]])
            for side in (0, 1)
        )
        if planted.size >= ENOUGH:
            power = smallest_leak(planted, null, len(named.p), VERDICT_LEVEL, rng(seed, "missed"))
            return Missed(power=power, leaked_share=Unresolvable("not measured"), smallest_auroc=None)
    reason = f"needs at least {ENOUGH} people with 2 photos, has {planted.size}"
    few = Unresolvable(reason, ENOUGH, int(planted.size))
    return Missed(power=few, leaked_share=few, smallest_auroc=None)


_ByName = dict[tuple[str, str], float]


def _p_values(view: View, attacks: Sequence[Attack], photos: int) -> tuple[_ByName, _ByName]:
    """(role, name) -> p, for people with a planted photo and for held-out people."""
    faces, who = view.heldout.faces(photos)
    null = scores_of(view.scorers(attacks), faces)
    planted = _planted(view, view.heldout, "heldout", attacks, photos, null)
    if len(planted) < ENOUGH:
        planted |= _planted(view, view.training, "training", attacks, photos, null)
    return planted, _by_name(view.heldout, "heldout", who, p_of(null, null))


def _planted(
    view: View, crowd: Crowd, role: str, attacks: Sequence[Attack], photos: int, null: NDArray[np.float64]
) -> _ByName:
    """(role, name) -> p, for people with a spare photo, with these photos planted among the samples.

    All are planted at once: for each person, the other people's photos are just samples of strangers.
    """
    faces, who = crowd.faces(photos, skip=1)
    if not who.size:
        return {}
    scorers = view.scorers(attacks, crowd.probes(who))
    return _by_name(crowd, role, who, p_of(scores_of(scorers, faces), null))


def _by_name(crowd: Crowd, role: str, who: NDArray[np.intp], p: NDArray[np.float64]) -> _ByName:
    return {(role, crowd.people.names[i]): float(value) for i, value in zip(who, p, strict=True)}
