"""The baseline of answer 1: is the split fair? Members against held-out people without the generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Fairness, SplitBaseline
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc_estimate

UNFAIR = 0.60
"""AUROC of a baseline from which members and strangers are not comparable."""
BASELINE_PEOPLE = 4000
BASELINE_NEEDS = 10


def split_baseline(training: Crowd, heldout: Crowd, seed: int) -> SplitBaseline:
    """Both baselines, and whether they show the split to be fair."""
    auroc = without_samples(training, heldout, seed)
    missing = Unresolvable("not measured")
    return SplitBaseline(
        auroc=auroc,
        same_attack=missing,
        fairness=fairness(auroc),
        group_shift=None,
        names_shift=None,
        shift=missing,
        photo_counts=missing,
    )


def fairness(*baselines: Figure) -> Fairness:
    """Not fair if one baseline is beyond `UNFAIR`, fair if one excludes it; else there are too few people to tell."""
    known = [figure for figure in baselines if isinstance(figure, Estimate)]
    if any(figure.low > UNFAIR or figure.high < 1 - UNFAIR for figure in known):
        return "not fair"
    return "fair" if any(figure.low > 1 - UNFAIR and figure.high < UNFAIR for figure in known) else "not shown"


def without_samples(training: Crowd, heldout: Crowd, seed: int) -> Figure:
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
        return Unresolvable(reason, BASELINE_NEEDS, fewest)
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
    return replace(mean, n=fewest) if isinstance(mean, Estimate) else mean


def mean_of_halves(one: Figure, other: Figure) -> Figure:
    """The mean of two AUROCs of different people, and of their limits; Unresolvable if one is. `n`: the smaller."""
    if isinstance(one, Unresolvable) or isinstance(other, Unresolvable):
        return one if isinstance(one, Unresolvable) else other
    value, low, high = ((getattr(one, name) + getattr(other, name)) / 2 for name in ("value", "low", "high"))
    return Estimate(value, low, high, one.level, "mean of two halves, DeLong", min(one.n, other.n))
