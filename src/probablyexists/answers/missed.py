"""Answer 6: how much could we have missed? Leaks planted into this audit's own numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named
from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Attack
from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd
from probablyexists.results.findings import Missed
from probablyexists.stats.estimate import Unresolvable
from probablyexists.stats.power import smallest_leak

ENOUGH = 20
"""People whose spare photos can be planted; fewer would make the figure depend on who they are."""


def missed(views: Sequence[View], attacks: Sequence[Attack], named: Named, seed: int) -> Missed:
    """The smallest number of members that would have been noticed, had one unseen photo of each been generated.

    A planted leak is a held-out person's spare photo, put among the samples; if too few held-out people have a
    spare one, members' photos serve too; if still too few, templates of one photo fewer do, which is weaker than the
    audit was. Real likenesses are rarely as sharp as photos, so that a real leak of
    this size may still be missed: the figure is the best case.
    """
    for photos in range(named.main_count, 0, -1):
        by_recogniser = [_p_values(view, attacks, photos) for view in views]
        planted, null = (
            np.array([_largest([found[side].get(who) for found in by_recogniser]) for who in by_recogniser[0][side]])
            for side in (0, 1)
        )
        if planted.size >= ENOUGH:
            return Missed(power=smallest_leak(planted, null, len(named.p), named.level, rng(seed, "missed")))
    reason = f"needs at least {ENOUGH} people with 2 photos, has {planted.size}"
    return Missed(power=Unresolvable(reason, ENOUGH, int(planted.size)))


_ByName = dict[tuple[str, str], float]


def _p_values(view: View, attacks: Sequence[Attack], photos: int) -> tuple[_ByName, _ByName]:
    """(role, name) -> p, of people with a photo planted and of held-out people."""
    faces, who = view.heldout.faces(photos)
    null = scores_of(view.scorers(attacks), faces)
    planted = _planted(view, view.heldout, "heldout", attacks, photos, null)
    if len(planted) < ENOUGH:
        planted |= _planted(view, view.training, "training", attacks, photos, null)
    return planted, _by_name(view.heldout, "heldout", who, p_of(null, null))


def _planted(
    view: View, crowd: Crowd, role: str, attacks: Sequence[Attack], photos: int, null: NDArray[np.float64]
) -> _ByName:
    """Of people with a spare photo each when these photos are among the samples.

    All are put there at once: for any one person the others' are a few more samples of strangers.
    """
    faces, who = crowd.faces(photos, skip=1)
    if not who.size:
        return {}
    scorers = view.scorers(attacks, crowd.probes(who))
    return _by_name(crowd, role, who, p_of(scores_of(scorers, faces), null))


def _by_name(crowd: Crowd, role: str, who: NDArray[np.intp], p: NDArray[np.float64]) -> _ByName:
    return {(role, crowd.people.names[i]): float(value) for i, value in zip(who, p, strict=True)}


def _largest(p: Sequence[float | None]) -> float:
    """All recognisers must agree; one that was not asked about this person does not."""
    return max(1.0 if value is None else value for value in p)
