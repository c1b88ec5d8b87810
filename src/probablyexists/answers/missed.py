"""Answer 6: how much could we have missed? Measured with leaks planted in this audit's own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.comparisons import VERDICT_LEVEL
from probablyexists.answers.naming import Named
from probablyexists.answers.view import View, p_of, scores_if_planted, scores_of
from probablyexists.attacks.attack import Attack, Scorer
from probablyexists.basis.seeds import rng
from probablyexists.matching.commonness import Alike, commonness, most_alike, without_commonness
from probablyexists.matching.crowd import Crowd, Photos, common_count
from probablyexists.results.findings import Missed
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.power import TARGET, Planted, share_limit, smallest_auroc, smallest_leak

ENOUGH = 20
"""Fewest people with a spare photo to plant; with fewer, the figure would depend on who they are."""
SHARE_P = 0.01
"""p-value from which somebody counts as found, for the limit on the share of members who leaked."""

_ByName = dict[tuple[str, str], float]


def missed(views: Sequence[View], attacks: Sequence[Attack], named: Named, group_level: float, seed: int) -> Missed:
    """What would have been noticed, if an unseen photo of some were generated; and if all scored a little higher.

    A planted leak is a held-out person's spare photo, put among the samples. If too few held-out people have a spare
    photo, members' photos are used too; if still too few, templates use fewer photos, which makes the
    attack weaker than the audit's. The figure is the best case: real likenesses are rarely as sharp as photos.
    `group_level`: significance level of the verdict's group test.
    """
    diffuse = _diffuse(views[0], len(attacks), len(views), group_level)
    kinds = _kinds(named)
    for photos in range(named.main_count, 0, -1):
        parts = [
            _agreed(by_recogniser, kind.members.size)
            for kind, *by_recogniser in zip(
                kinds, *(_p_values(view, attacks, photos, kinds) for view in views), strict=True
            )
        ]
        n = sum(part.planted.size for part in parts)
        if n >= ENOUGH:
            power = smallest_leak([_enough(part) for part in parts], VERDICT_LEVEL, rng(seed, "missed"))
            share = _leaked_share(named, photos, kinds, parts, len(attacks))
            return Missed(power=power, leaked_share=share, smallest_auroc=diffuse)
    few = Unresolvable(f"needs at least {ENOUGH} people with 2 photos, has {n}", ENOUGH, n)
    return Missed(power=few, leaked_share=few, smallest_auroc=diffuse)


@dataclass(frozen=True)
class _Kind:
    """The people who are compared with one another: all, or those of a group."""

    members: NDArray[np.intp]
    strangers: NDArray[np.intp]


def _kinds(named: Named) -> list[_Kind]:
    """One for each group that is compared by itself."""
    members: dict[str | None, list[NDArray[np.intp]]] = {}
    strangers = {}
    for one in named.comparisons:
        members.setdefault(one.stratum[0], []).append(one.members)
        strangers[one.stratum[0]] = one.strangers
    return [_Kind(np.concatenate(members[group]), strangers[group]) for group in members]


def _agreed(by_recogniser: Sequence[tuple[_ByName, _ByName]], n_members: int) -> Planted:
    """The largest p-value of all recognisers, who must agree; one without a p-value for a person does not."""
    planted, null = (
        np.array([max(found[side].get(who, 1.0) for found in by_recogniser) for who in by_recogniser[0][side]])
        for side in (0, 1)
    )
    return Planted(planted, null, n_members)


def _enough(part: Planted) -> Planted:
    """Leaks of a group in which too few can be planted count as never noticed."""
    return part if part.planted.size >= ENOUGH else replace(part, planted=np.ones(1))


def _diffuse(view: View, n_attacks: int, n_recognisers: int, level: float) -> float | None:
    """The smallest AUROC found with 80 % power, for whichever attack and whatever the recognisers have in common.

    Each of several attacks has an equal part of the level, which is less than the test of the best has. Each of several
    recognisers misses it in an equal part of the 20 %, as if none ever missed it together with another.
    """
    k = common_count(view.training.people.counts, view.heldout.people.counts)
    n, m = (int((crowd.people.counts >= k).sum()) for crowd in (view.training, view.heldout))
    return smallest_auroc(n, m, level / n_attacks, 1 - (1 - TARGET) / n_recognisers)


def _leaked_share(
    named: Named, photos: int, kinds: Sequence[_Kind], parts: Sequence[Planted], n_attacks: int
) -> Figure:
    """Limit on the share of members that leaked as clearly as a photo does.

    Those compared on `photos` or more are found at least as well as the planted ones, if those who leaked are as easy
    to find as others of their group. Found is a p-value of at most `SHARE_P`, or of the largest floor that a member
    whom one attack exposes can have: both are known before any score is. With groups a limit for each, so that all hold
    together, weighed by their members. Those compared on fewer photos, and a group in which too few can be planted, may
    have leaked whole.
    """
    if not named.claimed:
        return Unresolvable("the split is not fair")
    floors = [n_attacks / (theirs.size + 1) for (_, k), theirs in named.heldout_scores.items() if k >= photos]
    threshold = max(SHARE_P, *floors)
    fewer = int((named.compared_on < photos).sum())
    nobody = partial(Estimate, 0.0, 0.0, 1.0, LEVEL, "nobody could be planted")
    limits, sizes = [nobody(fewer)], [fewer]
    for kind, part in zip(kinds, parts, strict=True):
        here = kind.members[named.compared_on[kind.members] >= photos]
        sizes.append(here.size)
        if part.planted.size < ENOUGH and len(parts) > 1:
            limits.append(nobody(here.size))
            continue
        limit = share_limit(named.p[here] <= threshold, part.planted <= threshold, threshold, (1 - LEVEL) / len(parts))
        if isinstance(limit, Unresolvable):
            return limit
        limits.append(limit)
    weights = np.array(sizes) / sum(sizes)
    value, high = (float(weights @ [getattr(limit, name) for limit in limits]) for name in ("value", "high"))
    return replace(limits[-1], value=value, high=high, n=sum(sizes))


@dataclass(frozen=True)
class _Scored:
    """People of one role compared on so many photos, and their scores."""

    templates: NDArray[np.float32]
    who: NDArray[np.intp]
    raw: NDArray[np.float64]
    """(n, attacks) scores before commonness is taken out."""

    def some(self, people: NDArray[np.intp]) -> _Scored:
        here = np.isin(self.who, people)
        return _Scored(self.templates[here], self.who[here], self.raw[here])


def _p_values(
    view: View, attacks: Sequence[Attack], photos: int, kinds: Sequence[_Kind]
) -> list[tuple[_ByName, _ByName]]:
    """For each kind (role, name) -> p, for people with a planted photo and for held-out people."""
    faces, who = view.heldout.faces(photos)
    strangers = _Scored(faces.templates, who, scores_of(view.scorers(attacks), faces))
    planted = _planted(view, view.heldout, attacks, photos)
    ours = _planted(view, view.training, attacks, photos) if len(planted.who) < ENOUGH else None
    found = []
    for kind in kinds:
        here = strangers.some(kind.strangers)
        everybody = np.arange(len(here.who))
        alike = most_alike(here.templates, here.templates, everybody, view.matcher)
        null = without_commonness(here.raw, alike)
        theirs = planted.some(kind.strangers)
        p = _p(view, theirs, np.searchsorted(here.who, theirs.who), here, alike, null)
        named = _by_name(view.heldout, "heldout", theirs.who, p)
        if ours is not None:
            members = ours.some(kind.members)
            p = _p(view, members, np.full(len(members.who), -1), here, alike, null)
            named |= _by_name(view.training, "training", members.who, p)
        found.append((named, _by_name(view.heldout, "heldout", here.who, p_of(null, null))))
    return found


def _p(
    view: View,
    planted: _Scored,
    own: NDArray[np.intp],
    strangers: _Scored,
    theirs: Alike,
    null: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,) p-values. `own`: row of each among the strangers, or -1. Commonness is that with nothing planted."""
    if not len(planted.who):
        return np.empty(0)
    alike = most_alike(planted.templates, strangers.templates, own, view.matcher)
    return p_of(planted.raw - commonness(alike, strangers.raw, theirs), null)


def _planted(view: View, crowd: Crowd, attacks: Sequence[Attack], photos: int) -> _Scored:
    """People with a spare photo, with these photos planted among the samples."""
    faces, who = crowd.faces(photos, skip=1)
    if not who.size:
        return _Scored(faces.templates, who, np.empty((0, len(attacks))))

    def prepared(planted: Photos) -> list[Scorer]:
        return view.scorers(attacks, planted)

    raw = scores_if_planted(prepared, faces, crowd.probes(who), len(view.samples))
    return _Scored(faces.templates, who, raw)


def _by_name(crowd: Crowd, role: str, who: NDArray[np.intp], p: NDArray[np.float64]) -> _ByName:
    return {(role, crowd.people.names[i]): float(value) for i, value in zip(who, p, strict=True)}
