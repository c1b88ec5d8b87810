"""The baseline of answer 1: is the split fair? Members against held-out people without the generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import norm

from probablyexists.answers.comparisons import VERDICT_LEVEL
from probablyexists.answers.naming import Named
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Scorer
from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Fairness, SplitBaseline
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.leave_one_out import NearestPeople, same_gallery
from probablyexists.stats.roc import Side, auroc_estimate
from probablyexists.stats.sensitivity import group_shift, names_shift

UNFAIR = 0.60
"""AUROC of a baseline from which members and strangers are not comparable."""
BASELINE_PEOPLE = 4000
BASELINE_NEEDS = 10


def split_baseline(view: View, scorer: Scorer, named: Named, group_level: float, seed: int) -> SplitBaseline:
    """Both baselines, whether they show the split to be fair, and how unfair it would have to be to explain the result.

    `scorer`: the audit's own attack. `group_level`: significance level of the verdict's group test. The sensitivity
    figures are by that attack and this recogniser alone.
    """
    training, heldout = view.training, view.heldout
    auroc = without_samples(training, heldout, seed)
    same_attack, shift = with_strangers_photos(view)
    fair = fairness(auroc, same_attack)
    k = common_count(training.people.counts, heldout.people.counts)
    ours, theirs = (scorer(crowd.faces(k)[0]) for crowd in (training, heldout))
    return SplitBaseline(
        auroc=auroc,
        same_attack=same_attack,
        fairness=fair,
        group_shift=group_shift(ours, theirs, group_level),
        names_shift=None if fair == "not fair" else _names_shift(named, scorer),
        shift=shift,
        photo_counts=_photo_counts(view),
    )


def _photo_counts(view: View) -> Figure:
    """AUROC of how many photos there are of a person, in doublings; members' unseen photos count too.

    Whether people were trained on four photos or five is no difference between people.
    """
    ours = view.training.people.counts.copy()
    if view.unseen is not None:
        more = dict(zip(view.unseen.people.names, view.unseen.people.counts, strict=True))
        ours += np.array([more.get(name, 0) for name in view.training.people.names], dtype=ours.dtype)
    sides = (np.round(np.log2(counts)) for counts in (ours, view.heldout.people.counts))
    return auroc_estimate(*map(Side.one_each, sides))


def fairness(*baselines: Figure) -> Fairness:
    """Not fair if one baseline is beyond `UNFAIR`, fair if one excludes that and none points there; else not shown.

    "Not fair" by the 95 % interval. "Fair" by the 90 % interval, which excludes each of the two limits at 5 %: the two
    one-sided tests for equivalence (Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15(6)). With few people
    one baseline can miss what the other sees, so the values of all must be within the limits, too.
    """
    known = [figure for figure in baselines if isinstance(figure, Estimate)]
    if any(figure.low > UNFAIR or figure.high < 1 - UNFAIR for figure in known):
        return "not fair"
    within = all(1 - UNFAIR <= figure.value <= UNFAIR for figure in known)
    return "fair" if within and any(_excludes(figure) for figure in known) else "not shown"


def how_different(baseline: Estimate) -> str:
    """The difference between the sides in words, by the estimate."""
    return "a little" if abs(baseline.value - 0.5) < (UNFAIR - 0.5) / 2 else "clearly"


def _excludes(figure: Estimate) -> bool:
    """Whether the 90 % interval has neither limit in it; narrowed as a normal one, which is a little too wide."""
    narrower = float(norm.ppf(0.95) / norm.ppf(0.5 + figure.level / 2))
    low, high = (figure.value + narrower * (limit - figure.value) for limit in (figure.low, figure.high))
    return low > 1 - UNFAIR and high < UNFAIR


def with_strangers_photos(view: View) -> tuple[Figure, Figure]:
    """The same attack without the generator: one photo of each held-out person in place of the samples.

    (AUROC; mean difference in standard deviations), members over held-out people, both scored against the photos of
    everybody held out but the one in the pair (`stats.leave_one_out`): 0.5 and 0 if the split is fair. Templates from
    the common number of photos; held-out people with fewer take no part.
    """
    k = common_count(view.training.people.counts, view.heldout.people.counts)
    ours, theirs = (crowd.templates(k) for crowd in (view.training, view.heldout))
    fewest = min(len(ours[1]), len(theirs[1]))
    if fewest < BASELINE_NEEDS:
        few = Unresolvable(f"needs at least {BASELINE_NEEDS} people on each side, has {fewest}", BASELINE_NEEDS, fewest)
        return few, few
    photos = view.heldout.probes(theirs[1]).embeddings
    to_members, to_strangers = (view.matcher.nearest(side[0], photos, n) for side, n in ((ours, 2), (theirs, 3)))
    return same_gallery(
        NearestPeople.of_others(to_members.similarity, to_members.index),
        NearestPeople.without_self(to_strangers.similarity, to_strangers.index),
    )


def _names_shift(named: Named, score: Scorer) -> float | None:
    """`stats.sensitivity.names_shift` of the members that are named; None also where the first attack names nobody.

    In standard deviations of the strangers' plain scores, as the other two shifts are: those with commonness taken out,
    which decide who is named, spread less.
    """
    if not (named.q <= VERDICT_LEVEL).any():
        return None
    sides = []
    for one, theirs in zip(named.comparisons, named.heldout_scores.values(), strict=True):
        spread = max(float(score(one.theirs).std(ddof=1)), 1e-9)
        part = float(theirs.std(ddof=1)) / spread
        sides.append((part * named.exposure[one.members], part * standard_score(theirs, theirs)))
    return names_shift(sides, VERDICT_LEVEL)


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
