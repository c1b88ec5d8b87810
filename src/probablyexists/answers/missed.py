"""Answer 6: how much could we have missed? Measured with leaks planted in this audit's own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.comparisons import VERDICT_LEVEL
from probablyexists.answers.naming import Named
from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Attack
from probablyexists.basis.seeds import rng
from probablyexists.matching.commonness import commonness, most_alike, without_commonness
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Missed
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.power import TARGET, share_limit, smallest_auroc, smallest_leak

ENOUGH = 20
"""Fewest people with a spare photo to plant; with fewer, the figure would depend on who they are."""
SHARE_P = 0.01
"""p-value from which somebody counts as found, for the limit on the share of members who leaked."""


def missed(views: Sequence[View], attacks: Sequence[Attack], named: Named, group_level: float, seed: int) -> Missed:
    """What would have been noticed, if an unseen photo of some were generated; and if all scored a little higher.

    A planted leak is a held-out person's spare photo, put among the samples. If too few held-out people have a spare
    photo, members' photos are used too; if still too few, templates use fewer photos, which makes the
    attack weaker than the audit's. The figure is the best case: real likenesses are rarely as sharp as photos.
    `group_level`: significance level of the verdict's group test.
    """
    diffuse = _diffuse(views[0], len(attacks), len(views), group_level)
    for photos in range(named.main_count, 0, -1):
        by_recogniser = [_p_values(view, attacks, photos) for view in views]
        # All recognisers must agree; one without a p-value for a person does not.
        planted, null = (
            np.array([max(found[side].get(who, 1.0) for found in by_recogniser) for who in by_recogniser[0][side]])
            for side in (0, 1)
        )
        if planted.size >= ENOUGH:
            power = smallest_leak(planted, null, len(named.p), VERDICT_LEVEL, rng(seed, "missed"))
            return Missed(
                power=power, leaked_share=_leaked_share(named, photos, planted, len(attacks)), smallest_auroc=diffuse
            )
    reason = f"needs at least {ENOUGH} people with 2 photos, has {planted.size}"
    few = Unresolvable(reason, ENOUGH, int(planted.size))
    return Missed(power=few, leaked_share=few, smallest_auroc=diffuse)


def _diffuse(view: View, n_attacks: int, n_recognisers: int, level: float) -> float | None:
    """The smallest AUROC found with 80 % power, for whichever attack and whatever the recognisers have in common.

    Each of several attacks has an equal part of the level, which is less than the test of the best has. Each of several
    recognisers misses it in an equal part of the 20 %, as if none ever missed it together with another.
    """
    k = common_count(view.training.people.counts, view.heldout.people.counts)
    n, m = (int((crowd.people.counts >= k).sum()) for crowd in (view.training, view.heldout))
    return smallest_auroc(n, m, level / n_attacks, 1 - (1 - TARGET) / n_recognisers)


def _leaked_share(named: Named, photos: int, planted: NDArray[np.float64], n_attacks: int) -> Figure:
    """Limit on the share of members that leaked as clearly as a photo does: of those compared on `photos` or more.

    They are found at least as well as the planted ones; where these had to be compared on fewer photos, better, so that
    value and limit are too high. Found is a p-value of at most `SHARE_P`, or of the largest floor that a member whom
    one attack exposes can have: both are known before any score is.
    """
    if not named.claimed:
        return Unresolvable("the split is not fair")
    floors = [n_attacks / (theirs.size + 1) for (_, k), theirs in named.heldout_scores.items() if k >= photos]
    threshold = max(SHARE_P, *floors)
    return share_limit(named.p[named.compared_on >= photos] <= threshold, planted <= threshold, threshold)


_ByName = dict[tuple[str, str], float]


@dataclass(frozen=True)
class _Strangers:
    """The held-out people compared on so many photos."""

    templates: NDArray[np.float32]
    who: NDArray[np.intp]
    raw: NDArray[np.float64]
    """(n, attacks) scores."""
    null: NDArray[np.float64]
    """The same with commonness taken out, as they are ranked."""


def _p_values(view: View, attacks: Sequence[Attack], photos: int) -> tuple[_ByName, _ByName]:
    """(role, name) -> p, for people with a planted photo and for held-out people."""
    faces, who = view.heldout.faces(photos)
    templates, raw = faces.templates, scores_of(view.scorers(attacks), faces)
    null = without_commonness(raw, most_alike(templates, templates, np.arange(len(templates)), view.matcher))
    strangers = _Strangers(templates, who, raw, null)
    planted = _planted(view, view.heldout, "heldout", attacks, photos, strangers)
    if len(planted) < ENOUGH:
        planted |= _planted(view, view.training, "training", attacks, photos, strangers)
    return planted, _by_name(view.heldout, "heldout", who, p_of(null, null))


def _planted(
    view: View, crowd: Crowd, role: str, attacks: Sequence[Attack], photos: int, strangers: _Strangers
) -> _ByName:
    """(role, name) -> p, for people with a spare photo, with these photos planted among the samples.

    All are planted at once: for each person, the other people's photos are just samples of strangers. Commonness is
    that among the held-out people, with nothing planted.
    """
    faces, who = crowd.faces(photos, skip=1)
    if not who.size:
        return {}
    own = np.searchsorted(strangers.who, who) if role == "heldout" else np.full(len(who), -1)
    alike = most_alike(faces.templates, strangers.templates, own, view.matcher)
    scores = scores_of(view.scorers(attacks, crowd.probes(who)), faces)
    scores = scores - commonness(strangers.raw, alike) + strangers.raw.mean(axis=0)
    return _by_name(crowd, role, who, p_of(scores, strangers.null))


def _by_name(crowd: Crowd, role: str, who: NDArray[np.intp], p: NDArray[np.float64]) -> _ByName:
    return {(role, crowd.people.names[i]): float(value) for i, value in zip(who, p, strict=True)}
