"""Answer 1: can an attacker tell? Seen photos, unseen photos of members, photos of non-members, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from probablyexists.attacks.attack import Scorer
from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Membership, SplitBaseline
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc_estimate, rank_sum_p, tpr_estimate
from probablyexists.stats.several import best_of

BASELINE_PEOPLE = 4000
BASELINE_NEEDS = 10


def membership(
    training: Crowd, unseen: Crowd | None, heldout: Crowd, scorers: Sequence[Scorer], seed: int
) -> list[Membership]:
    """AUROC and TPR at FPR 1 % and 0.1 % by photo and by person, for seen and (if given) unseen photos.

    Figures are from the first attack. p-values are for the best of all attacks, corrected for picking it
    (`stats.several.best_of`).
    """
    of_each = [populations(training, unseen, heldout, score) for score in scorers]
    return [_figures(several, seed) for several in zip(*of_each, strict=True)]


def agreed_membership(by_recogniser: Sequence[list[Membership]]) -> list[Membership]:
    """The first recogniser's figures, with the largest p-value of all."""
    found = []
    for several in zip(*by_recogniser, strict=True):
        p = [answer.p for answer in several if answer.p is not None]
        found.append(several[0].model_copy(update={"p": max(p, default=None)}))
    return found


@dataclass(frozen=True)
class Population:
    """The scores of members' photos, or of members, beside those of held-out people."""

    name: str
    """seen photos or unseen photos"""
    level: str
    """photo or person"""
    positives: Side
    negatives: Side
    members: tuple[str, ...]
    """Names, by `positives.people`."""
    strangers: tuple[str, ...]
    """Names, by `negatives.people`."""


def populations(training: Crowd, unseen: Crowd | None, heldout: Crowd, score: Scorer) -> list[Population]:
    """Seen and (if given) unseen photos, by photo and by person; everybody on the same number of photos."""
    by_photo = _photos(heldout, score)
    found = []
    for name, crowd in (("seen photos", training), ("unseen photos", unseen)):
        if crowd is None:
            continue
        k = common_count(crowd.people.counts, heldout.people.counts)
        ours, members = _people(crowd, k, score)
        theirs, strangers = _people(heldout, k, score)
        names = crowd.people.names, heldout.people.names
        found.append(Population(name, "photo", _photos(crowd, score), by_photo, *names))
        found.append(Population(name, "person", ours, theirs, members, strangers))
    return found


def _figures(by_attack: Sequence[Population], seed: int) -> Membership:
    population = by_attack[0]
    positives, negatives = population.positives, population.negatives
    draws = [rng(seed, "membership", population.name, population.level, what) for what in ("1", "0.1")]
    return Membership.model_validate(
        {
            "population": population.name,
            "level": population.level,
            "auroc": auroc_estimate(positives, negatives),
            "tpr_at_fpr_1_percent": tpr_estimate(positives, negatives, 0.01, draws[0]),
            "tpr_at_fpr_0_1_percent": tpr_estimate(positives, negatives, 0.001, draws[1]),
            "p": _p(by_attack, seed) if population.level == "person" else None,
        }
    )


def _p(by_attack: Sequence[Population], seed: int) -> float:
    first = by_attack[0]
    if len(by_attack) == 1:
        return rank_sum_p(first.positives.scores, first.negatives.scores)
    ours = np.column_stack([population.positives.scores for population in by_attack])
    theirs = np.column_stack([population.negatives.scores for population in by_attack])
    return best_of(ours, theirs, rng(seed, "membership", first.name, "several")).p


def _photos(crowd: Crowd, score: Scorer) -> Side:
    photos, whose = crowd.photos()
    return Side(score(photos), whose)


def _people(crowd: Crowd, photos: int, score: Scorer) -> tuple[Side, tuple[str, ...]]:
    faces, who = crowd.faces(photos)
    return Side.one_each(score(faces)), tuple(crowd.people.names[i] for i in who)


def split_baseline(training: Crowd, heldout: Crowd, seed: int) -> SplitBaseline:
    """The baseline: can members be distinguished from held-out people without the generator?

    Logistic regression on templates, trained on one half of the people and tested on the other, both ways; the mean
    of the two AUROCs. (With more folds the training sets overlap, and no interval holds for the dependent scores.)
    Above 0.5, the split was not random, or the two folders were made differently.
    """
    from sklearn.linear_model import LogisticRegression

    k = common_count(training.people.counts, heldout.people.counts)
    draw = rng(seed, "blind")
    sides = [crowd.templates(k)[0] for crowd in (training, heldout)]
    sides = [side[draw.permutation(len(side))[:BASELINE_PEOPLE]] for side in sides]
    fewest = min(map(len, sides))
    if fewest < BASELINE_NEEDS:
        reason = f"needs at least {BASELINE_NEEDS} people on each side, has {fewest}"
        return SplitBaseline(auroc=Unresolvable(reason, BASELINE_NEEDS, fewest))
    x = np.concatenate(sides).astype(np.float64)
    y = np.repeat([1, 0], [len(side) for side in sides])
    half = np.concatenate([np.arange(len(side)) % 2 for side in sides])
    found = []
    for judged in (0, 1):
        learn = half != judged
        z = (x - x[learn].mean(axis=0)) / (x[learn].std(axis=0) + 1e-12)
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000).fit(z[learn], y[learn])
        members, strangers = (Side.one_each(model.decision_function(z[~learn & (y == s)])) for s in (1, 0))
        found.append(auroc_estimate(members, strangers))
    mean = mean_of_halves(*found)
    return SplitBaseline(auroc=replace(mean, n=fewest) if isinstance(mean, Estimate) else mean)


def mean_of_halves(one: Figure, other: Figure) -> Figure:
    """The mean of two AUROCs of different people, and of their limits; Unresolvable if one is. `n`: the smaller."""
    if isinstance(one, Unresolvable) or isinstance(other, Unresolvable):
        return one if isinstance(one, Unresolvable) else other
    value, low, high = ((getattr(one, name) + getattr(other, name)) / 2 for name in ("value", "low", "high"))
    return Estimate(value, low, high, one.level, "mean of two halves, DeLong", min(one.n, other.n))
