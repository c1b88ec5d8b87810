"""AUROC over runs: one run as ever, laws of the pool, variances by hand and by a bootstrap of people."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.basis.errors import InputError
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import PooledRun, contributions, pooled_auroc, pooled_difference
from probablyexists.stats.roc import Side, auroc, auroc_estimate

Floats = NDArray[np.float64]
procedure_auroc = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "pooled_coverage.py"))["procedure_auroc"]


def estimate(figure: Figure) -> Estimate:
    assert isinstance(figure, Estimate), figure
    assert all(map(math.isfinite, (figure.value, figure.low, figure.high)))
    assert 0 <= figure.low <= figure.value <= figure.high <= 1
    return figure


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def error(runs: list[PooledRun]) -> float:
    """Standard error of the mean AUROC."""
    return float(np.sqrt((contributions(runs).pulls.mean(axis=0) ** 2).sum()))


def plain(run: PooledRun) -> tuple[float, float, float, dict[object, float]]:
    """AUROC, the two sides' parts of its variance, and each person's deviation, by loops over people."""
    a = auroc(run.member_scores, run.heldout_scores)
    parts, deviations = [], {}
    for scores, people, others, sign in (
        (run.member_scores, run.member_people, run.heldout_scores, 1),
        (run.heldout_scores, run.heldout_people, run.member_scores, -1),
    ):
        sums = dict.fromkeys(people, 0.0)
        for score, person in zip(scores, people, strict=True):
            sums[person] += float(np.mean([(sign * (score - o) > 0) + (score == o) / 2 for o in others])) - a
        n = len(sums)
        mine = {person: math.sqrt(n / (n - 1)) * x / len(scores) for person, x in sums.items()}
        parts.append(sum(x * x for x in mine.values()))
        deviations.update(mine)
    return a, parts[0], parts[1], deviations


def plain_variance(runs: list[PooledRun]) -> float:
    """Variance of the mean AUROC."""
    sums: dict[object, float] = {}
    for run in runs:
        for person, x in plain(run)[3].items():
            sums[person] = sums.get(person, 0.0) + x / len(runs)
    return sum(x * x for x in sums.values())


def rounds(
    n_runs: int, seed: int, shift: float = 1.0, pool: int = 60, members: int = 15, photos: int = 1
) -> list[PooledRun]:
    """Runs with members drawn anew; a person's own effect is the same in all."""
    draw = np.random.default_rng(seed)
    person = draw.normal(0, 1, pool)
    runs = []
    for _ in range(n_runs):
        order = draw.permutation(pool)
        who, who_else = np.repeat(order[:members], photos), np.repeat(order[members:], photos)
        ours = person[who] + shift + draw.normal(0, 0.7, len(who))
        runs.append(PooledRun(ours, who, person[who_else] + draw.normal(0, 0.7, len(who_else)), who_else))
    return runs


@pytest.mark.parametrize("photos", [1, 3])
def test_one_run_is_the_audits_own_auroc(photos: int) -> None:
    run = rounds(1, 0, photos=photos)[0]
    sides = [
        Side(scores, np.unique(people, return_inverse=True)[1])
        for scores, people in (
            (run.member_scores, run.member_people),
            (run.heldout_scores, run.heldout_people),
        )
    ]
    alone, pooled = estimate(auroc_estimate(*sides)), estimate(pooled_auroc([run]))
    assert (pooled.value, pooled.n, pooled.level) == (alone.value, alone.n, alone.level)
    assert (pooled.low, pooled.high) == pytest.approx((alone.low, alone.high), rel=1e-9)


@pytest.mark.parametrize("photos", [1, 2])
def test_variance_by_a_plain_loop(photos: int) -> None:
    runs = rounds(3, 9, photos=photos)
    assert error(runs) == pytest.approx(math.sqrt(plain_variance(runs)), rel=1e-9)


def test_several_runs_near_an_auroc_of_1_are_as_unsure_as_their_members() -> None:
    """20 members in all: three perfect generators do not make a perfect procedure."""
    runs = [PooledRun(np.arange(20.0) + 9, range(20), np.arange(10.0) - i, range(20, 30)) for i in range(3)]
    assert estimate(pooled_auroc(runs)).value > 0.99
    assert estimate(pooled_auroc(runs)).low < 0.9


def test_the_value_is_the_plain_mean_of_the_runs() -> None:
    small = PooledRun(np.array([3.0, 1.0]), [1, 2], np.array([2.0, 0.0]), [3, 4])
    large = PooledRun(np.arange(2.0, 12.0), range(10), np.arange(2.0), [10, 11])
    assert estimate(pooled_auroc([small, large])).value == pytest.approx((0.75 + 1.0) / 2)


def test_a_variance_worked_by_hand() -> None:
    """Members 3, 1 against held-out 2, 0, then the first member swaps with the first held-out person.

    PooledRun 1, AUROC 3/4: placements of a, b: 1, 1/2; of c, d: 1/2, 1 (shares of members above). Deviations a +1/4,
    b -1/4, c -1/4, d +1/4, each times root 2 over 2. PooledRun 2, members c, b at 3, 1, held out a, d at 2, 0: c +1/4,
    b -1/4, a -1/4, d +1/4 likewise. Sums over both: a 0, c 0, b -1/2, d +1/2; means -1/4, 1/4, so that the
    variance is 2 * (1/4)^2 / 2 = 1/16.
    """
    scores = np.array([3.0, 1.0]), np.array([2.0, 0.0])
    sides = ((["a", "b"], ["c", "d"]), (["c", "b"], ["a", "d"]))
    runs = [PooledRun(scores[0], members, scores[1], heldout) for members, heldout in sides]
    assert estimate(pooled_auroc(runs)).value == 0.75
    assert error(runs) == pytest.approx(math.sqrt(1 / 16))


def test_the_same_run_again_tells_nothing_new() -> None:
    run = rounds(1, 1)[0]
    once, thrice = estimate(pooled_auroc([run])), estimate(pooled_auroc([run] * 3))
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high), abs=1e-12)
    assert thrice.n == once.n


def test_runs_of_different_people_are_independent() -> None:
    runs = rounds(3, 2)
    apart = [
        replace(
            run, member_people=[(i, p) for p in run.member_people], heldout_people=[(i, p) for p in run.heldout_people]
        )
        for i, run in enumerate(runs)
    ]
    expected = math.sqrt(sum(plain_variance([run]) for run in runs)) / 3
    assert error(apart) == pytest.approx(expected, rel=1e-9)


def test_swapping_sides_takes_the_people_out() -> None:
    """Scores that depend on the person alone: what a run gives, the one with sides swapped takes."""
    person = np.random.default_rng(3).normal(0, 1, 30)
    here, there = np.arange(15), np.arange(15, 30)
    runs = [PooledRun(person[here], here, person[there], there), PooledRun(person[there], there, person[here], here)]
    figure = estimate(pooled_auroc(runs))
    assert figure.value == pytest.approx(0.5)
    assert figure.method == "Newcombe, people"


def test_names_order_and_numbers_of_people_change_nothing() -> None:
    runs = rounds(4, 4, photos=2)
    named = [
        PooledRun(
            run.member_scores[::-1],
            [f"person {p}" for p in run.member_people][::-1],
            run.heldout_scores[::-1],
            np.array([f"person {p}" for p in run.heldout_people])[::-1],
        )
        for run in runs[::-1]
    ]
    for figure in (pooled_auroc, procedure_auroc):
        ends = [(e.value, e.low, e.high) for e in (estimate(figure(runs)), estimate(figure(named)))]
        assert ends[0] == pytest.approx(ends[1], abs=1e-12)


def test_interval_agrees_with_a_bootstrap_of_people_over_runs() -> None:
    """A person drawn twice is there twice, with all photos, in every run and on that run's side."""
    runs = rounds(4, 5, pool=150, members=60, photos=2)
    scores = np.array([np.concatenate([run.member_scores, run.heldout_scores]) for run in runs])
    who = np.array([np.concatenate([run.member_people, run.heldout_people]) for run in runs])
    member = np.arange(scores.shape[1]) < len(runs[0].member_scores)
    draw, values = np.random.default_rng(6), []
    for _ in range(400):
        times = np.bincount(draw.integers(0, 150, 150), minlength=150)
        of_run = []
        for s, w in zip(scores, who, strict=True):
            again = np.repeat(np.arange(len(w)), times[w])
            of_run.append(auroc(s[again][member[again]], s[again][~member[again]]))
        values.append(np.mean(of_run))
    assert error(runs) == pytest.approx(float(np.std(values)), rel=0.12)


def test_without_variance_there_is_an_interval_all_the_same() -> None:
    run = PooledRun(np.ones(10), range(10), np.zeros(40), range(10, 50))
    for figure in (pooled_auroc([run] * 4), procedure_auroc([run] * 4)):
        e = estimate(figure)
        assert (e.value, e.n, e.method) == (1.0, 10, "Newcombe, people")
        assert 0.6 < e.low < 0.95


def test_procedure_is_students_interval_when_generators_differ() -> None:
    """Different people in every run, generators that leak nothing or nearly all."""
    draw = np.random.default_rng(7)
    runs = []
    for i, shift in enumerate((0.0, 3.0, 0.5, 2.5, 1.0)):
        people = [(i, j) for j in range(60)]
        runs.append(PooledRun(draw.normal(shift, 1, 20), people[:20], draw.normal(0, 1, 40), people[20:]))
    values = [auroc(run.member_scores, run.heldout_scores) for run in runs]
    a = float(np.mean(values))
    half = t.ppf(0.975, 4) * np.std(values, ddof=1) / math.sqrt(5) / (a * (1 - a))
    figure = estimate(procedure_auroc(runs))
    assert figure.n == 5
    assert [logit(figure.low), logit(figure.high)] == pytest.approx([logit(a) - half, logit(a) + half], abs=1e-9)
    given = estimate(pooled_auroc(runs))
    assert given.high - given.low < (figure.high - figure.low) / 2


@pytest.mark.parametrize("seed", range(10))
def test_procedure_is_never_surer_than_its_generators(seed: int) -> None:
    runs = rounds(5, seed)
    people, generators = estimate(pooled_auroc(runs)), estimate(procedure_auroc(runs))
    assert generators.value == people.value
    assert generators.low <= people.low
    assert generators.high >= people.high


def test_what_is_too_small_says_so() -> None:
    runs = rounds(4, 8)
    assert pooled_auroc([]) == Unresolvable("needs at least 1 run, has 0", 1, 0)
    assert procedure_auroc(runs[:3]) == Unresolvable("needs at least 4 runs, has 3", 4, 3)
    lonely = PooledRun(np.ones(3), [7, 7, 7], np.zeros(2), [8, 9])
    for figure in (pooled_auroc([*runs, lonely]), procedure_auroc([*runs, lonely])):
        assert figure == Unresolvable("needs at least 2 people on each side of every run, has 1", 2, 1)


def test_runs_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"Ann is member and held out in the same run \(1 such\)"):
        PooledRun(np.ones(2), ["Ann", "Bo"], np.zeros(2), ["Cy", "Ann"])
    with pytest.raises(InputError, match="2 of 3 held-out scores are not finite"):
        PooledRun(np.ones(2), [1, 2], np.array([0.0, np.nan, np.inf]), [3, 4, 5])
    with pytest.raises(InputError, match=r"member scores: \(2,\) for 3 people"):
        PooledRun(np.ones(2), [1, 2, 3], np.zeros(2), [4, 5])


def baselines(runs: list[PooledRun], seed: int) -> list[PooledRun]:
    """Scores that owe nothing to a generator."""
    draw = np.random.default_rng(seed)
    return [
        PooledRun(
            run.member_scores - draw.normal(1, 1, len(run.member_scores)),
            run.member_people,
            run.heldout_scores + draw.normal(0, 1, len(run.heldout_scores)),
            run.heldout_people,
        )
        for run in runs
    ]


def test_difference_by_loops_over_people() -> None:
    attack = rounds(2, seed=4)
    blind = [*baselines(attack, 5), *baselines(attack, 6)]
    moved: dict[object, float] = {}
    for runs, sign in ((attack, 1), (blind, -1)):
        for run in runs:
            for person, x in plain(run)[3].items():
                moved[person] = moved.get(person, 0.0) + sign * x / len(runs)
    found = pooled_difference(attack, blind)
    assert isinstance(found, Estimate)
    means = [float(np.mean([plain(run)[0] for run in runs])) for runs in (attack, blind)]
    assert found.value == pytest.approx(means[0] - means[1])
    ever = {person for run in attack for person in run.member_people}
    sides = [[x * x for person, x in moved.items() if (person in ever) == ours] for ours in (True, False)]
    variance = sum(map(sum, sides))
    freedom = variance**2 / sum(sum(side) ** 2 / (len(side) - 1) for side in sides)
    half = float(t.ppf(0.975, freedom)) * math.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_difference_to_itself_cannot_be_told_and_to_its_reverse_is_twice_as_far() -> None:
    (run,) = rounds(1, seed=7)
    assert isinstance(pooled_difference([run], [run, run]), Unresolvable)
    reverse = PooledRun(-run.member_scores, run.member_people, -run.heldout_scores, run.heldout_people)
    found = pooled_difference([run], [reverse])
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(2 * plain(run)[0] - 1)


def test_what_people_add_to_both_cancels_in_the_difference() -> None:
    attack = rounds(1, seed=8)
    blind = [replace(run, member_scores=run.member_scores - 1.0) for run in attack]
    apart = baselines(rounds(1, seed=9), 10)
    near, far = (pooled_difference(attack, other) for other in (blind, apart))
    assert isinstance(near, Estimate)
    assert isinstance(far, Estimate)
    assert near.high - near.low < far.high - far.low


def test_the_difference_of_a_handful_of_people_is_between_minus_one_and_one() -> None:
    second, first = (
        PooledRun(np.array([0.9, b]), ["a", "b"], np.array([0.8, 0.5, 0.4]), ["c", "d", "e"]) for b in (0.1, 0.7)
    )
    found = pooled_difference([second], [first])
    assert isinstance(found, Estimate)
    assert (found.low, round(found.value, 3), found.high) == (-1.0, -0.333, 1.0)
