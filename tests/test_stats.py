"""The statistics: values checked by hand, independent slow rewrites, laws, and the ends of what can be given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, chi2, mannwhitneyu, rankdata, t
from sklearn.metrics import roc_auc_score, roc_curve

from probablyexists.stats import conformal, contrast, power, rates, roc
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p, smallest_nameable
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc, auroc_estimate, rank_sum_p, tpr_at_fpr, tpr_estimate

Floats = NDArray[np.float64]

scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12).map(np.array)
"""Few different values: many ties."""


def estimate(figure: Figure) -> Estimate:
    assert isinstance(figure, Estimate), figure
    assert all(map(math.isfinite, (figure.value, figure.low, figure.high)))
    assert figure.low <= figure.value <= figure.high
    assert figure.level == 0.95
    return figure


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clustered(n: int, shift: float, seed: int) -> Side:
    draw = rng(seed)
    who = np.repeat(np.arange(n), draw.integers(1, 6, n))
    return Side(draw.normal(shift, 1, n)[who] + draw.normal(0, 0.5, len(who)), who)


# --- AUROC -----------------------------------------------------------------------------------------------------


@given(scores, scores)
def test_auroc_is_the_share_of_pairs_in_order(positives: Floats, negatives: Floats) -> None:
    pairs = [(p > n) + (p == n) / 2 for p, n in itertools.product(positives, negatives)]
    assert auroc(positives, negatives) == pytest.approx(np.mean(pairs), abs=1e-12)
    labels = np.repeat([1, 0], [positives.size, negatives.size])
    assert auroc(positives, negatives) == pytest.approx(
        roc_auc_score(labels, np.concatenate([positives, negatives])), abs=1e-12
    )
    assert auroc(positives, negatives) + auroc(negatives, positives) == pytest.approx(1)


def score_statistic(figure: Figure, limit: float, m: float, n: float, variance: float, freedom: float) -> float:
    """Squared distance of a limit from the AUROC, over Student's quantile and the variance at the limit."""
    e = estimate(figure)

    def model(a: float) -> float:
        q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
        each = (m + n) / 2  # Newcombe's N* stands in for both numbers of people
        return (a * (1 - a) + (each - 1) * (q1 - a * a) + (each - 1) * (q2 - a * a)) / (m * n)

    added = 1.959964**2
    effect = (freedom * variance / model(e.value) + added) / (freedom + added) if variance else 1.0
    quantile = float(t.ppf(0.975, freedom + added))
    return (limit - e.value) ** 2 / (quantile**2 * effect * model(limit))


def test_auroc_limits_are_a_score_interval_around_delongs_variance() -> None:
    draw = rng()
    x, y = draw.normal(0.1, 1, 40), draw.normal(0, 1, 60)
    wins = (x[:, None] > y) + (x[:, None] == y) / 2
    variance = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 60
    figure = estimate(auroc_estimate(Side.one_each(x), Side.one_each(y)))
    freedom = (1 / 40 + 1 / 60) ** 2 / (1 / 40**2 / 39 + 1 / 60**2 / 59)  # Welch's for equal variances
    freedom *= min(1.0, 2 / (roc._kurtosis(figure.value) - 1))
    for limit in (figure.low, figure.high):
        assert score_statistic(figure, limit, 40, 60, variance, freedom) == pytest.approx(1, rel=1e-4)
    assert figure.n == 40


def test_auroc_variance_of_clusters_by_a_plain_loop() -> None:
    ours, theirs = clustered(30, 0.7, 1), clustered(50, 0.0, 2)
    a = auroc(ours.scores, theirs.scores)
    for here, other, sign, fast in (
        (ours, theirs, 1, roc.influences(ours, theirs, a)[0]),
        (theirs, ours, -1, roc.influences(ours, theirs, a)[1]),
    ):
        totals, photos = [0.0] * here.n_people, [0] * here.n_people
        for score, person in zip(here.scores, here.people, strict=True):
            totals[person] += float(np.mean([(score > o) + (score == o) / 2 for o in other.scores]))
            totals[person] -= a if sign == 1 else 1 - a
            photos[person] += 1
        slow = [x**2 / (1 - c / sum(photos)) / sum(photos) ** 2 for x, c in zip(totals, photos, strict=True)]
        assert fast**2 == pytest.approx(slow)


def test_freedom_with_unequal_photo_counts_is_that_of_the_matrix() -> None:
    """Bell and McCaffrey's, for people of equal variance, from the matrix of residuals itself."""
    photos = np.array([1, 1, 2, 5, 9])
    w = photos / photos.sum()
    residuals = np.eye(5) - np.ones((5, 1)) * w  # means -> deviations from the weighted mean
    form = residuals.T @ np.diag(w**2 / (1 - w)) @ residuals
    direct = np.trace(form) ** 2 / np.trace(form @ form)
    assert roc._freedom(photos) == pytest.approx(direct)
    # Half of the shortfall is made up for here, all of it where the shares are equal.
    plain = residuals.T @ np.diag(w**2) @ residuals
    assert np.trace(plain) < 0.65 * (w**2).sum() < 0.8 * (w**2).sum() < np.trace(form)
    assert roc._freedom(np.full(7, 3)) == pytest.approx(6)


def test_kurtosis_of_placements_is_that_of_powers_of_a_uniform_variable() -> None:
    assert roc._kurtosis(0.5) == pytest.approx(1.8)  # uniform
    u = (np.arange(200_000) + 0.5) / 200_000
    for value in (0.75, 0.9):
        x = u ** (value / (1 - value))
        x -= x.mean()
        assert roc._kurtosis(value) == pytest.approx((x**4).mean() / (x**2).mean() ** 2, rel=1e-3)
        assert roc._kurtosis(1 - value) == pytest.approx(roc._kurtosis(value))


def test_few_members_near_an_auroc_of_1_are_not_sure_of_it() -> None:
    """If 6 % of members score like strangers (AUROC 0.97), 30 members have none of them in 16 % of audits."""
    figure = estimate(auroc_estimate(Side.one_each(np.full(30, 5.0)), Side.one_each(np.arange(1000.0) / 1000)))
    assert figure.low < 0.97
    nearly = np.full(30, 5.0)
    nearly[0] = 0.9
    other = estimate(auroc_estimate(Side.one_each(nearly), Side.one_each(np.arange(1000.0) / 1000)))
    assert other.low == pytest.approx(figure.low, abs=0.02)  # no jump where the variance becomes 0
    assert other.low < 0.95


def test_one_person_with_most_photos_counts_as_few_people() -> None:
    draw = rng(8)
    theirs = clustered(200, 0.0, 2)
    figures = []
    for held in (30, 300):
        who = np.concatenate([np.arange(30), np.zeros(held, np.intp)])
        ours = Side(draw.normal(1, 0.8, 30)[who] + draw.normal(0, 0.6, who.size), who)
        figures.append(auroc_estimate(ours, theirs))
    half = estimate(figures[0])  # counts as 3.6 people
    assert half.high - half.low > 0.35
    reason = "needs at least 2 people; 30 with such unequal numbers of photos count as 1.2"
    assert figures[1] == Unresolvable(reason, 2, 1)
    assert tpr_estimate(ours, theirs, 0.01, rng()) == figures[1]


def test_effective_people() -> None:
    assert Side.one_each(np.zeros(7)).effective_people == 7
    assert Side(np.zeros(6), np.repeat([0, 1, 2], 2)).effective_people == 3
    assert Side(np.zeros(4), np.array([0, 0, 0, 1])).effective_people == pytest.approx(16 / 10)
    assert Side(np.empty(0), np.empty(0, np.intp)).effective_people == 0


def test_auroc_interval_agrees_with_a_bootstrap_of_people() -> None:
    ours, theirs = clustered(80, 0.7, 1), clustered(120, 0.0, 2)
    figure = estimate(auroc_estimate(ours, theirs))
    draw, values = rng(5), []
    for _ in range(400):
        parts = []
        for here in (ours, theirs):
            chosen = draw.integers(0, here.n_people, here.n_people)
            parts.append(np.concatenate([here.scores[here.people == person] for person in chosen]))
        values.append(auroc(parts[0], parts[1]))
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * np.std(values), rel=0.12)


def test_photos_of_a_person_are_not_independent() -> None:
    """The same photo ten times over tells nothing new."""
    ours, theirs = Side.one_each(rng(1).normal(1, 1, 30)), Side.one_each(rng(2).normal(0, 1, 40))
    tenfold = [Side(np.repeat(s.scores, 10), np.repeat(s.people, 10)) for s in (ours, theirs)]
    once, ten = estimate(auroc_estimate(ours, theirs)), estimate(auroc_estimate(*tenfold))
    assert (once.value, once.low, once.high) == pytest.approx((ten.value, ten.low, ten.high))


@pytest.mark.parametrize(("ours", "theirs", "value"), [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.5)])
@pytest.mark.parametrize(("m", "n"), [(2, 2), (20, 1000), (1000, 20)])
def test_auroc_without_variance_has_an_interval_all_the_same(
    ours: float, theirs: float, value: float, m: int, n: int
) -> None:
    figure = estimate(auroc_estimate(Side.one_each(np.full(m, ours)), Side.one_each(np.full(n, theirs))))
    assert figure.value == value
    mirrored = estimate(auroc_estimate(Side.one_each(np.full(m, theirs)), Side.one_each(np.full(n, ours))))
    assert figure.low == pytest.approx(1 - mirrored.high, abs=1e-9)
    # As unsure as its smaller side, however large the other.
    assert figure.high - figure.low > (0.04 if min(m, n) == 20 else 0.5)
    if value == 1:
        assert figure.high == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("m", "n"), [(20, 30), (30, 1000)])
def test_without_variance_the_limit_is_where_the_score_statistic_is_students(m: int, n: int) -> None:
    figure = auroc_estimate(Side.one_each(np.ones(m)), Side.one_each(np.zeros(n)))
    assert score_statistic(figure, estimate(figure).low, m, n, 0.0, 0.0) == pytest.approx(1, rel=1e-5)
    assert estimate(figure).high == 1.0


# --- TPR at an FPR ---------------------------------------------------------------------------------------------


@given(scores, scores, st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9]))
def test_tpr_is_the_share_with_a_conformal_p_at_the_fpr(positives: Floats, negatives: Floats, fpr: float) -> None:
    assert tpr_at_fpr(positives, negatives, fpr) == (conformal_p(positives, negatives) <= fpr + 1e-9).mean()


def test_tpr_lies_on_the_roc_curve_just_inside_the_fpr() -> None:
    draw = rng()
    x, y = draw.normal(1, 1, 300), draw.normal(0, 1, 999)
    rates_, hits, _ = roc_curve(np.repeat([1, 0], [300, 999]), np.concatenate([x, y]), drop_intermediate=False)
    # Above the 10th highest of 999 stand 9 of them: an empirical FPR of 9 / 999, an expected one of 10 / 1000.
    assert tpr_at_fpr(x, y, 0.01) == hits[rates_ <= 9 / 999 + 1e-12].max()


def test_tpr_when_no_threshold_holds_the_fpr() -> None:
    assert tpr_at_fpr(np.array([9.0]), np.zeros(98), 0.01) == 0.0
    assert tpr_at_fpr(np.array([9.0]), np.zeros(99), 0.01) == 1.0


@pytest.mark.parametrize("seed", [0, 1])
def test_vectorised_bayesian_bootstrap_equals_a_plain_one(seed: int) -> None:
    draw = rng(seed)
    ours, theirs = clustered(15, 1.0, seed), clustered(25, 0.0, seed + 10)
    ours.scores[:] = ours.scores.round(1)  # ties
    theirs.scores[:] = theirs.scores.round(1)
    weights = roc._Weights.draw(50, ours, theirs, draw)
    fast = roc._tpr_draws(ours, theirs, 0.1, weights)
    slow = [plain_tpr(ours, theirs, 0.1, weights, i) for i in range(50)]
    assert fast == pytest.approx(slow, abs=1e-12)


def plain_tpr(ours: Side, theirs: Side, fpr: float, weights: roc._Weights, i: int) -> float:
    """One draw, photo by photo."""
    w_ours, w_theirs = weights.positives[i], weights.negatives[i]
    extra = float(weights.above_negatives[i])
    asked = fpr * (extra + sum(w_theirs[p] for p in theirs.people))

    def weight_above(score: float) -> float:
        return sum(float(w_ours[p]) for s, p in zip(ours.scores, ours.people, strict=True) if s > score)

    order = sorted(range(theirs.scores.size), key=lambda j: -theirs.scores[j])
    passed, step, upper, reached = 0.0, extra, 0.0, 0.0
    for j in [*order, None]:
        # The gap above negative j: from the one before it down to j itself.
        lower = sum(map(float, w_ours[ours.people])) if j is None else weight_above(theirs.scores[j])
        if passed + step > asked:
            reached = upper + (asked - passed) / step * (lower - upper)
            break
        passed, upper = passed + step, lower
        step = float(w_theirs[theirs.people[j]]) if j is not None else 0.0
    top, bottom = float(weights.above_positives[i]), float(weights.below_positives[i])
    return (top + reached) / (top + bottom + sum(map(float, w_ours[ours.people])))


def test_tpr_interval_is_jeffreys_when_the_threshold_is_certain() -> None:
    """Negatives far below, all positives above or below them all: only the binomial part is left."""
    x = np.repeat([10.0, -10.0], [30, 70])
    figure = estimate(tpr_estimate(Side.one_each(x), Side.one_each(np.linspace(0, 1, 2000)), 0.01, rng()))
    assert [figure.low, figure.high] == pytest.approx(beta.ppf([0.025, 0.975], 30.5, 70.5), abs=0.01)


def test_weight_above_the_kth_negative_has_its_exact_law() -> None:
    """With all positives between the k-th and the next, a draw decides on which side of them the threshold is."""
    theirs = Side.one_each(np.arange(200.0))
    for k in (1, 2, 4):
        ours = Side.one_each(np.full(300, 200 - k - 0.5))
        draws = roc._tpr_draws(ours, theirs, 0.01, roc._Weights.draw(4000, ours, theirs, rng(k)))
        expected = beta.cdf(0.01, k + 1, 200 - k)
        assert (draws > 0.99).mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / 4000) + 0.01)


def test_shares_of_photos_have_dirichlets_variance_in_the_tpr() -> None:
    """A person with 3 of 12 photos: weight 1/4 on average, variance w (1 - w) / (effective people + 1)."""
    side = Side(np.zeros(12), np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]))
    weights = roc._photo_weights(20_000, side, rng()) * side.photos
    shares = weights / weights.sum(axis=1, keepdims=True)
    assert shares[:, 0].mean() == pytest.approx(1 / 4, abs=0.005)
    assert shares[:, 0].var() == pytest.approx(3 / 16 / (side.effective_people + 1), rel=0.05)
    equal = roc._photo_weights(20_000, Side.one_each(np.zeros(9)), rng())
    assert equal.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n", [100, 150])
def test_tpr_without_any_difference(n: int) -> None:
    """No samples left: everybody scores -1."""
    figure = estimate(tpr_estimate(Side.one_each(np.full(40, -1.0)), Side.one_each(np.full(n, -1.0)), 0.01, rng()))
    assert (figure.value, figure.low < 0.001, 0 < figure.high < 0.1) == (0.0, True, True)


def test_tpr_at_its_ends() -> None:
    low = Side.one_each(np.linspace(0, 1, 200))
    all_above = estimate(tpr_estimate(Side.one_each(np.full(50, 2.0)), low, 0.01, rng()))
    none_above = estimate(tpr_estimate(Side.one_each(np.full(50, -2.0)), low, 0.01, rng()))
    assert (all_above.value, none_above.value) == (1.0, 0.0)
    assert none_above.high == pytest.approx(beta.ppf(0.975, 0.5, 50.5), abs=0.01)
    assert all_above.low < 0.95


@pytest.mark.parametrize(("fpr", "n", "needs"), [(0.01, 99, 100), (0.001, 999, 1000)])
def test_tpr_needs_enough_people(fpr: float, n: int, needs: int) -> None:
    ours = Side.one_each(np.zeros(5))
    figure = tpr_estimate(ours, Side.one_each(np.zeros(n)), fpr, rng())
    assert figure == Unresolvable(f"needs at least {needs} people, has {n}", needs, n)
    estimate(tpr_estimate(ours, Side.one_each(np.zeros(needs)), fpr, rng()))
    # Unequal photo counts make fewer of them.
    who = np.concatenate([np.arange(needs), np.zeros(9, np.intp)])
    figure = tpr_estimate(ours, Side(np.zeros(needs + 9), who), fpr, rng())
    assert isinstance(figure, Unresolvable)
    assert (figure.needs, figure.has) == (needs, math.floor((needs + 9) ** 2 / (needs + 99)))
    # Ten photos a person are no more people.
    many = Side(np.zeros(10 * n), np.repeat(np.arange(n), 10))
    assert isinstance(tpr_estimate(ours, many, fpr, rng()), Unresolvable)


def test_one_person_on_a_side_is_too_few() -> None:
    one, many = Side.one_each(np.zeros(1)), Side.one_each(np.arange(200.0))
    nobody = Side(np.empty(0), np.empty(0, np.intp))
    for few in (one, nobody):
        assert isinstance(auroc_estimate(few, many), Unresolvable)
        assert isinstance(auroc_estimate(many, few), Unresolvable)
        assert isinstance(tpr_estimate(few, many, 0.01, rng()), Unresolvable)


@given(scores, scores, st.sampled_from([math.exp, lambda x: 3 * x - 7, math.atan]))
def test_a_rising_transform_changes_nothing(
    positives: Floats, negatives: Floats, transform: Callable[[float], float]
) -> None:
    moved = [np.array([transform(v) for v in side]) for side in (positives, negatives)]
    assert auroc(*moved) == auroc(positives, negatives)
    assert tpr_at_fpr(*moved, 0.2) == tpr_at_fpr(positives, negatives, 0.2)
    assert conformal_p(*moved).tolist() == conformal_p(positives, negatives).tolist()


def test_the_order_of_the_photos_changes_nothing() -> None:
    ours, theirs = clustered(40, 1.0, 3), clustered(150, 0.0, 4)
    shuffled = []
    for here in (ours, theirs):
        order = rng(9).permutation(here.scores.size)
        shuffled.append(Side(here.scores[order], here.people[order]))
    a, b = estimate(auroc_estimate(ours, theirs)), estimate(auroc_estimate(*shuffled))
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))
    a, b = (estimate(tpr_estimate(*sides, 0.01, rng())) for sides in ((ours, theirs), shuffled))
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


def test_a_seed_moves_the_ends_of_an_interval_and_only_a_little() -> None:
    ours, theirs = clustered(100, 1.0, 3), clustered(300, 0.0, 4)
    figures = [estimate(tpr_estimate(ours, theirs, 0.01, rng(seed))) for seed in range(4)]
    assert len({f.value for f in figures}) == 1
    assert estimate(tpr_estimate(ours, theirs, 0.01, rng(0))) == figures[0]
    width = figures[0].high - figures[0].low
    assert np.ptp([f.low for f in figures]) < 0.1 * width
    assert np.ptp([f.high for f in figures]) < 0.1 * width


def test_rank_sum_p() -> None:
    x, y = np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0])
    assert rank_sum_p(x, y) == pytest.approx(1 / 20)  # one of the C(6, 3) orders
    assert rank_sum_p(y, x) == pytest.approx(1)
    assert rank_sum_p(np.full(30, -1.0), np.full(40, -1.0)) == pytest.approx(1)  # no samples: nothing to tell
    assert rank_sum_p(np.ones(1), np.zeros(1)) == pytest.approx(1 / 2)
    draw = rng()
    x, y = draw.normal(0.3, 1, 50), draw.normal(0, 1, 70)
    assert rank_sum_p(x, y) == mannwhitneyu(x, y, alternative="greater").pvalue


# --- conformal p-values, Benjamini-Hochberg ---------------------------------------------------------------------


@given(scores, scores)
def test_conformal_p_counts(ours: Floats, theirs: Floats) -> None:
    slow = [(1 + sum(t >= s for t in theirs)) / (theirs.size + 1) for s in ours]
    assert conformal_p(ours, theirs).tolist() == slow


def test_conformal_p_is_valid() -> None:
    """A member like any stranger: P(p <= u) <= u, with equality on the grid when there are no ties."""
    draw = rng()
    everybody = draw.normal(size=(20_000, 20))
    p = np.array([conformal_p(row[:1], row[1:])[0] for row in everybody])
    for k in (1, 2, 10):
        assert (p <= k / 20 + 1e-9).mean() == pytest.approx(k / 20, abs=4 * math.sqrt(k / 20 / 20_000))
    p = np.array([conformal_p(row[:1], row[1:])[0] for row in everybody.round()])
    for k in (1, 2, 10):
        assert (p <= k / 20 + 1e-9).mean() <= k / 20


def test_conformal_p_all_tied_names_nobody() -> None:
    assert conformal_p(np.full(3, -1.0), np.full(1000, -1.0)).tolist() == [1.0] * 3
    assert conformal_p(np.ones(2), np.empty(0)).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=40).map(np.array))
def test_q_values_by_a_plain_loop(p: Floats) -> None:
    plain = [min(1.0, *(x * len(p) / (p <= x).sum() for x in p if x >= own)) for own in p]
    assert benjamini_hochberg(p) == pytest.approx(plain, abs=1e-11)


@given(st.lists(st.integers(1, 20).map(lambda k: k / 20), min_size=1, max_size=30).map(np.array))
def test_q_values_are_the_smallest_level_of_the_step_up_rule(p: Floats) -> None:
    q = benjamini_hochberg(p)
    for level in (0.05, 0.1, 0.3):
        exact = [Fraction(round(20 * x), 20) for x in p]
        ordered = sorted(exact)
        limit = Fraction(str(level))
        passing = [x for i, x in enumerate(ordered, 1) if x <= limit * i / len(p)]
        assert (q <= level).tolist() == [bool(passing) and x <= passing[-1] for x in exact]


def test_q_values_without_members() -> None:
    assert benjamini_hochberg(np.empty(0)).size == 0


@pytest.mark.parametrize("n_heldout", [19, 99, 399, 999, 1000])
@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
def test_smallest_nameable_is_where_naming_begins(n_heldout: int, level: float) -> None:
    for n_members in (1, 2, 7, 19, 150, 300, 399):
        k = smallest_nameable(n_members, n_heldout, level)
        for at_floor in range(1, n_members + 1):
            p = np.ones(n_members)
            p[:at_floor] = 1 / (n_heldout + 1)
            assert (benjamini_hochberg(p) <= level).any() == (at_floor >= k), (n_members, at_floor, k)


def test_false_discoveries_are_controlled() -> None:
    """Bates et al. 2023, theorem 2, by simulation: 40 members, 8 of them exposed, 400 held out."""
    draw = rng(1)
    proportions = []
    for _ in range(2000):
        members = draw.normal(size=40)
        members[:8] += 4
        named = benjamini_hochberg(conformal_p(members, draw.normal(size=400))) <= 0.1
        proportions.append(named[8:].sum() / max(1, named.sum()))
    assert np.mean(proportions) < 0.1 * 0.8 + 4 * np.std(proportions) / math.sqrt(2000)


# --- power ----------------------------------------------------------------------------------------------------


def smallest_leak(planted: Floats, heldout: Floats, n: int, level: float, draw: np.random.Generator) -> power.Power:
    """From scores, as an audit with one attack and one recogniser."""
    part = power.Planted(conformal_p(planted, heldout), conformal_p(heldout, heldout), n)
    return power.smallest_leak([part], level, draw)


def plain_power(
    planted: Floats, heldout: Floats, n_members: int, level: float, n: int, seeds: list[int]
) -> list[float]:
    """Every simulated audit as the real one: scores, p-values, q-values."""
    named = []
    for seed in seeds:
        draw = np.random.default_rng(seed)
        members = np.concatenate([draw.choice(planted, n), draw.choice(heldout, n_members - n)])
        named.append(float((benjamini_hochberg(conformal_p(members, heldout))[:n] <= level).mean()))
    return named


@pytest.mark.parametrize("shift", [2.0, 3.0, 6.0])
def test_power_equals_plain_audits_and_is_the_smallest(shift: float) -> None:
    draw = rng(3)
    heldout, planted = draw.normal(size=200).round(2), draw.normal(shift, 1, 30).round(2)
    found = smallest_leak(planted, heldout, 40, 0.1, rng(7))
    seeds = rng(7).integers(2**63, size=power.N_DRAWS).tolist()
    assert found.smallest is not None
    at = plain_power(planted, heldout, 40, 0.1, found.smallest, seeds)
    assert found.power == np.mean([x > 0 for x in at]) >= power.TARGET
    assert found.named == pytest.approx(np.mean(at))
    assert found.share == found.smallest / 40
    if found.smallest > 1:
        below = plain_power(planted, heldout, 40, 0.1, found.smallest - 1, seeds)
        assert np.mean([x > 0 for x in below]) < power.TARGET


def test_power_when_nothing_can_be_noticed() -> None:
    found = smallest_leak(np.full(20, -1.0), np.full(50, -1.0), 30, 0.05, rng())
    assert (found.smallest, found.share, found.power, found.named) == (None, None, 0.0, 0.0)
    # 20 held-out people hold 300 members at a floor that even everybody together does not reach.
    found = smallest_leak(np.full(20, 5.0), np.linspace(0, 1, 18), 300, 0.05, rng())
    assert found.smallest is None


def test_power_of_a_single_member_and_of_certain_leaks() -> None:
    heldout = np.linspace(0, 1, 400)
    assert smallest_leak(np.full(20, 5.0), heldout, 1, 0.05, rng()).smallest == 1
    found = smallest_leak(np.full(20, 5.0), heldout, 100, 0.05, rng())
    # The floor needs 100 / (0.05 * 401) = 5 people; strangers at the floor may help to reach it.
    assert found.smallest in (4, 5)
    assert smallest_nameable(100, 400, 0.05) == 5


# --- rates ----------------------------------------------------------------------------------------------------


def test_wilson_by_hand_and_by_its_equation() -> None:
    assert rates.wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert rates.wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    low, high = rates.wilson(0.2, 57)
    for limit in (low, high):
        assert abs(0.2 - limit) / math.sqrt(limit * (1 - limit) / 57) == pytest.approx(1.959964, rel=1e-5)


def test_share_of_people_with_one_comparison_each_is_wilsons() -> None:
    x = np.repeat([1.0, 0.0], [30, 170])
    figure = estimate(rates.share_of_people(x))
    assert (figure.value, figure.n) == (0.15, 200)
    assert [figure.low, figure.high] == pytest.approx(rates.wilson(0.15, 199, freedom=199), abs=1e-9)


def test_share_of_people_who_are_all_alike_inside() -> None:
    """Every person fails in half of the comparisons: much is known. None or all or nothing: Wilson."""
    sure = estimate(rates.share_of_people(np.full(100, 0.5)))
    unsure = estimate(rates.share_of_people(np.repeat([0.0, 1.0], 50)))
    assert sure.high - sure.low < 0.5 * (unsure.high - unsure.low)


@pytest.mark.parametrize("n", [2, 10, 300])
def test_share_of_people_at_its_ends(n: int) -> None:
    none, every = estimate(rates.share_of_people(np.zeros(n))), estimate(rates.share_of_people(np.ones(n)))
    assert (none.value, none.low, every.value, every.high) == (0, 0, 1, 1)
    assert none.high == pytest.approx(1 - every.low)
    assert none.high > 3 / (n + 3)  # no narrower than the rule of three


def test_one_failure_in_a_tenth_of_ones_photos_is_no_proof_of_ten_times_as_many_people() -> None:
    x = np.zeros(500)
    nothing = estimate(rates.share_of_people(x))
    x[0] = 0.1
    assert estimate(rates.share_of_people(x)).high > 0.9 * nothing.high


def test_shares_need_two_people() -> None:
    for n in (0, 1):
        assert isinstance(rates.share_of_people(np.zeros(n)), Unresolvable)
    assert isinstance(rates.false_match_rate(np.zeros((2, 2))), Unresolvable)


def test_gamma_interval_is_the_exact_poisson_one_for_equal_weights() -> None:
    for count in (1, 3, 50):
        low, high = rates.gamma_interval(count, count, 1)
        assert (low, high) == pytest.approx((chi2.ppf(0.025, 2 * count) / 2, chi2.ppf(0.975, 2 * count + 2) / 2))
    low, high = rates.gamma_interval(0, 0, 1)
    assert (low, high) == pytest.approx((0, -math.log(0.025)))
    scaled = rates.gamma_interval(0.3, 0.03, 0.1)
    assert scaled == pytest.approx(tuple(0.1 * x for x in rates.gamma_interval(3, 3, 1)))


def test_an_estimated_variance_widens_the_gamma_interval_and_a_known_one_does_not() -> None:
    known, sure, unsure = (rates.gamma_interval(10, 40, 4, freedom) for freedom in (math.inf, 1e9, 3))
    assert known == rates.gamma_interval(10, 40, 4)
    assert sure == pytest.approx(known, rel=1e-6)
    assert unsure[0] < 0.5 * known[0]
    assert unsure[1] > 1.5 * known[1]
    # The limits are the gamma quantiles at the normal tail of Student's: 3.18 standard errors at 3 degrees of freedom.
    tail = math.erfc(t.ppf(0.975, 3) / math.sqrt(2)) / 2
    assert unsure[0] == pytest.approx(40 / 20 * chi2.ppf(tail, 2 * 100 / 40))


def test_single_events_have_a_known_variance_and_one_clump_almost_none() -> None:
    ones = np.repeat([1.0, 0.0], [10, 90])
    assert rates.clump_freedom(10.0, ones, ones, 1.0) == math.inf
    one_clump = np.array([50.0, *np.zeros(49)])  # mean 1: 49 above it
    assert rates.clump_freedom(2500.0, one_clump, one_clump, 1.0) == pytest.approx((2500 / (49**2 - 50)) ** 2)
    assert rates.clump_freedom(1.0, one_clump, one_clump, 1.0) == 1


def test_fmr_variance_is_the_u_statistics() -> None:
    """Against the covariances of pairs, summed pair by pair."""
    n = 12
    draw = rng(3)
    matrix = (draw.random((n, n)) < 0.3).astype(float)
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    matrix[0, 1:] = matrix[1:, 0] = draw.random(n - 1) < 0.9  # a wolf
    pairs = list(itertools.combinations(range(n), 2))
    p = np.mean([matrix[i, j] for i, j in pairs])
    products = [
        (matrix[i, j] - p) * (matrix[i, k] - p)
        for i in range(n)
        for j in range(n)
        for k in range(n)
        if len({i, j, k}) == 3
    ]
    by_person = matrix.sum(axis=1) / (n - 1)
    zeta1 = np.mean(products) + ((by_person - p) ** 2).sum() / (n * (n - 2))  # for the mean that was estimated
    zeta2 = np.mean([(matrix[i, j] - p) ** 2 for i, j in pairs])
    variance = 4 * (n - 2) / (n * (n - 1)) * zeta1 + 2 / (n * (n - 1)) * zeta2
    without = [np.mean([matrix[i, j] for i, j in pairs if k not in (i, j)]) for k in range(n)]
    jackknife = (n - 1) / n * ((np.array(without) - p) ** 2).sum()
    assert jackknife > variance
    variance = float(jackknife)
    largest = 2 * matrix.sum(axis=1).max() / (n - 1) / n
    sums = [sum(matrix[i, j] for j in range(n) if j != i) for i in range(n)]
    sums.append(max(sums))  # one more person like the worst
    clumps = [4 * max(0.0, (x - np.mean(sums)) ** 2 - x) for x in sums if x > np.mean(sums)]
    freedom = variance**2 / sum((c / (n * (n - 1)) ** 2) ** 2 for c in clumps)
    figure = estimate(rates.false_match_rate(matrix))
    low, high = rates.gamma_interval(p, variance, largest, freedom)
    assert (figure.value, figure.low, figure.high) == pytest.approx((p, low, min(1, high)), rel=1e-6)


def test_fmr_reads_no_diagonal_and_no_order() -> None:
    draw = rng(1)
    matrix = (draw.random((30, 30)) < 0.1).astype(float)
    matrix = (matrix + matrix.T) / 2
    order = draw.permutation(30)
    other = matrix[np.ix_(order, order)] + 5 * np.eye(30)
    a, b = estimate(rates.false_match_rate(matrix)), estimate(rates.false_match_rate(other))
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


@pytest.mark.parametrize(("value", "n"), [(0.0, 3), (0.0, 300), (1.0, 3), (1.0, 50)])
def test_fmr_at_its_ends_knows_no_more_than_its_people(value: float, n: int) -> None:
    figure = estimate(rates.false_match_rate(np.full((n, n), value)))
    assert figure.value == value
    assert figure.high - figure.low == pytest.approx(1 - 1 / (1 + 3.8415 / n), abs=1e-4)


def test_people_who_all_match_alike_are_no_wolves() -> None:
    """A tenth of all pairs, at random: 30 matches each are no clump."""
    matrix = np.triu(rng(2).random((300, 300)) < 0.1, 1).astype(float)
    figure = estimate(rates.false_match_rate(matrix + matrix.T))
    one_more = 2 * matrix.sum(axis=1).max() * 2 / 299 / 300
    assert figure.high - figure.low < 3 * 1.96 * math.sqrt(0.1 / 44_850) + one_more


def test_one_wolf_makes_the_fmr_less_certain() -> None:
    n = 100
    spread, wolf = np.zeros((n, n)), np.zeros((n, n))
    for i in range(0, 100, 2):
        spread[i, i + 1] = spread[i + 1, i] = 1
    wolf[0, 1:51] = wolf[1:51, 0] = 1
    a, b = estimate(rates.false_match_rate(spread)), estimate(rates.false_match_rate(wolf))
    assert a.value == b.value
    assert b.high > 3 * a.high
    # Single pairs: the exact Poisson interval of 50 matches, but for the variance of a share instead of a count.
    low, high = (2 * x / n / (n - 1) for x in (37.1, 65.9))
    assert (a.low, a.high) == pytest.approx((low, high), rel=0.03)


# --- contrasts ------------------------------------------------------------------------------------------------


def test_excess_by_hand() -> None:
    """3 of 10 members get one of 20 samples each, 1 of 20 held-out people gets one: 3/20 - 10/20 * 1/20 ..."""
    members, heldout = np.zeros(10), np.zeros(20)
    members[:3], heldout[0] = 1, 1
    figure = estimate(contrast.excess(members, heldout, 20, 10))
    assert figure.value == pytest.approx(10 / 20 * (3 / 10 - 1 / 20))
    low_m, high_m = rates.gamma_interval(0.3, members.var(ddof=1) / 10, 1 / 10)
    low_h, high_h = rates.gamma_interval(0.05, heldout.var(ddof=1) / 20, 1 / 20)
    low = 0.5 * (0.25 - math.sqrt((0.3 - low_m) ** 2 + (high_h - 0.05) ** 2))
    high = 0.5 * (0.25 + math.sqrt((high_m - 0.3) ** 2 + (0.05 - low_h) ** 2))
    assert (figure.low, figure.high) == pytest.approx((low, high))
    assert figure.n == 30


def test_many_samples_for_everybody_are_no_clumps() -> None:
    members = rng(3).poisson(20, 200).astype(float)
    figure = estimate(contrast.excess(members, np.zeros(500), 8000, 200))
    one_more = members.max() / 8000
    assert figure.high - figure.value < 1.15 * 1.96 * math.sqrt(members.sum()) / 8000 + one_more


def test_a_clump_of_samples_at_one_person_is_one_event() -> None:
    """8 nobodies make 1,000 samples, one is like a member: 125 samples for that member show nothing."""
    members, heldout = np.zeros(200), np.zeros(500)
    members[0] = 125
    figure = estimate(contrast.excess(members, heldout, 1000, 200))
    assert figure.value == 0.125
    assert figure.low < 0.001
    assert figure.high == 1.0
    apart = np.zeros(200)
    apart[:125] = 1
    assert estimate(contrast.excess(apart, heldout, 1000, 200)).low > 0.1


def test_excess_turned_round_is_its_negative() -> None:
    draw = rng(2)
    a, b = draw.pareto(1.5, 50), draw.pareto(1.5, 80)
    one, other = estimate(contrast.excess(a, b, 1000, 50)), estimate(contrast.excess(b, a, 1000, 50))
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_excess_without_any_resemblance_is_not_certain() -> None:
    figure = estimate(contrast.excess(np.zeros(200), np.zeros(500), 1000, 200))
    assert figure.value == 0
    assert figure.high == pytest.approx(3.689 / 1000, rel=1e-3)
    assert figure.low == pytest.approx(-200 / 500 * 3.689 / 1000, rel=1e-3)


def test_one_sample_each_is_not_certain_either() -> None:
    figure = estimate(contrast.excess(np.ones(20), np.zeros(20), 20, 20))
    assert (figure.value, figure.high) == (1.0, 1.0)
    assert figure.low < 0.7


def test_excess_of_one_person_who_got_everything_stays_a_share() -> None:
    members = np.zeros(100)
    members[0] = 500
    figure = estimate(contrast.excess(members, np.zeros(100), 500, 100))
    assert (figure.value, figure.high) == (1.0, 1.0)
    assert figure.low < 0.1  # one person's luck


@pytest.mark.parametrize(("m", "n", "samples"), [(1, 5, 10), (5, 1, 10), (5, 5, 0)])
def test_excess_needs_people_and_samples(m: int, n: int, samples: int) -> None:
    assert isinstance(contrast.excess(np.zeros(m), np.zeros(n), samples, min(m, n)), Unresolvable)


def test_slope_is_least_squares_with_hc3_and_bell_mccaffrey() -> None:
    draw = rng(4)
    x = np.log2(draw.integers(1, 20, 40))
    y = 0.5 * x + draw.normal(0, 1 + x)
    n = x.size
    design = np.column_stack([np.ones(n), x])
    inverse = np.linalg.inv(design.T @ design)
    residual_maker = np.eye(n) - design @ inverse @ design.T
    errors = residual_maker @ y
    jackknifed = errors / np.diagonal(residual_maker)
    covariance = inverse @ design.T @ np.diag(jackknifed**2) @ design @ inverse
    weights = ((inverse @ design.T)[1] / np.diagonal(residual_maker)) ** 2
    form = residual_maker @ np.diag(weights) @ residual_maker
    freedom = np.trace(form) ** 2 / np.trace(form @ form)
    figure = estimate(contrast.slope(x, y))
    assert figure.value == pytest.approx(np.polyfit(x, y, 1)[0])
    assert figure.high - figure.value == pytest.approx(t.ppf(0.975, freedom) * math.sqrt(covariance[1, 1]))
    assert freedom < n - 2


def test_slope_laws() -> None:
    draw = rng(5)
    x, y = np.log2(draw.integers(1, 9, 30)), draw.normal(size=30)
    figure, order = estimate(contrast.slope(x, y)), draw.permutation(30)
    for other, scale in ((contrast.slope(x[order], y[order]), 1.0), (contrast.slope(x + 3, 2 * y - 5), 2.0)):
        e = estimate(other)
        assert (e.value, e.low, e.high) == pytest.approx(
            tuple(scale * v for v in (figure.value, figure.low, figure.high))
        )


def test_slope_that_hangs_on_one_person_is_very_uncertain() -> None:
    x = np.zeros(30)
    x[0], x[1] = 5, 1
    y = rng(6).normal(size=30)
    figure = estimate(contrast.slope(x, y))
    assert figure.high - figure.low > 1


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.arange(9.0), np.arange(9.0)),
        (np.repeat([0.0, 1.0], 20), np.arange(40.0)),
        (np.arange(40.0), np.zeros(40)),
    ],
    ids=["too few", "two counts only", "nothing to explain"],
)
def test_slope_that_cannot_be_given(x: Floats, y: Floats) -> None:
    assert isinstance(contrast.slope(x, y), Unresolvable)


def test_mean_by_hand() -> None:
    figure = estimate(contrast.mean(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])))  # symmetric: plain Student below
    half = 2.776445 * math.sqrt(2.5 / 5)
    assert (figure.value, figure.low) == pytest.approx((0.0, -half), rel=1e-6)
    # Above, with the skewness of a mean of 5 values from Gumbel's law: 1.1395 / sqrt(5).
    skewness, x = 1.1395 / math.sqrt(5), -figure.high / math.sqrt(2.5 / 5)
    assert x + skewness * x**2 / 3 + skewness**2 * x**3 / 27 + skewness / 6 == pytest.approx(-2.776445, rel=1e-6)


def test_ten_people_without_an_exposed_one_do_not_exclude_one() -> None:
    x = np.linspace(-1.0, 1.0, 10)
    assert estimate(contrast.mean(x)).high > 0.55  # Student's: 0.48
    assert estimate(contrast.mean(np.tile(x, 100))).high == pytest.approx(0.04, abs=0.001)  # vanishes with many


def test_mean_leans_where_the_tail_is() -> None:
    x = np.concatenate([rng(1).normal(size=30), [6.0, 7.0]])
    figure, mirrored = estimate(contrast.mean(x)), estimate(contrast.mean(-x))
    assert figure.high - figure.value > figure.value - figure.low
    assert figure.high == pytest.approx(-mirrored.low)
    assert mirrored.high > -figure.low  # a left tail seen in 32 people is no promise of a short right one


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30, unique=True).map(np.array))
@settings(max_examples=200)
def test_mean_lies_in_its_interval(x: Floats) -> None:
    if np.ptp(x) > 1e-6:
        estimate(contrast.mean(x))


def test_halls_transformation_is_inverted() -> None:
    for skewness, q in itertools.product((-0.8, 0.1, 0.5), (-2.0, 0.3, 2.0)):
        x = contrast._unskewed(q, skewness)
        assert x + skewness * x**2 / 3 + skewness**2 * x**3 / 27 + skewness / 6 == pytest.approx(q)


@pytest.mark.parametrize("x", [np.empty(0), np.ones(1), np.full(30, -1.0)])
def test_mean_that_cannot_be_given(x: Floats) -> None:
    assert isinstance(contrast.mean(x), Unresolvable)


def test_no_inputs_are_changed() -> None:
    draw = rng()
    x, y = draw.normal(size=200), draw.normal(size=300)
    before = x.copy(), y.copy()
    auroc_estimate(Side.one_each(x), Side.one_each(y))
    tpr_estimate(Side.one_each(x), Side.one_each(y), 0.01, rng())
    conformal.conformal_p(x, y)
    benjamini_hochberg(np.abs(x) / 10)
    smallest_leak(x, y, 10, 0.05, rng())
    contrast.excess(np.abs(x), np.abs(y), 100, 200)
    contrast.mean(x)
    assert (x.tolist(), y.tolist()) == (before[0].tolist(), before[1].tolist())
    assert rankdata(x).size == 200
