"""Doses dealt out at random: every deal listed by hand, laws, coverage, and where HC3 has nothing to say."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.stats import contrast
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.randomised import ROUNDING, DoseRun, deal_again, randomised_slope

Floats = NDArray[np.float64]
People = list[tuple[int, int]]
"""dose and response of each"""


def randomised_p(runs: Sequence[DoseRun], rng: np.random.Generator, draws: int) -> float:
    """Two-sided p-value of "dose has no effect on anybody": the test that `randomised_slope` inverts, at b = 0.

    From a generator in the same state it is at most 0.05 where that interval leaves out 0. 1 where nothing can be
    said (no different doses, no different responses).
    """
    deals = deal_again([run for run in runs if np.unique(run.dose).size > 1], rng, draws)
    extreme = np.abs(deals.dealt_y) >= abs(deals.xy) - ROUNDING * math.sqrt(deals.xx * deals.yy)
    return (1 + int(extreme.sum())) / (1 + draws)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def estimate(figure: Figure) -> Estimate:
    assert isinstance(figure, Estimate), figure
    assert all(map(math.isfinite, (figure.value, figure.low, figure.high)))
    assert figure.low <= figure.value <= figure.high
    return figure


def ends(figure: Figure) -> tuple[float, float, float]:
    e = estimate(figure)
    return e.value, e.low, e.high


def plain_p(runs: Sequence[People], b: Fraction) -> Fraction:
    """Share of all deals at which the least-squares slope of response - b * dose is as far from zero, in fractions."""

    def product(doses: Sequence[int], people: People) -> Fraction:
        """The slope but for its denominator, the same in every deal."""
        mean = Fraction(sum(doses), len(doses))
        return sum(((d - mean) * (y - b * x) for d, (x, y) in zip(doses, people, strict=True)), Fraction(0))

    dealt = [dict.fromkeys(itertools.permutations([x for x, _ in people])) for people in runs]
    each = [[product(doses, people) for doses in deals] for deals, people in zip(dealt, runs, strict=True)]
    actual = abs(sum(products[0] for products in each))
    deals = [abs(sum(deal)) for deal in itertools.product(*each)]
    return Fraction(sum(deal >= actual for deal in deals), len(deals))


def as_runs(runs: Sequence[People]) -> list[DoseRun]:
    return [DoseRun(*np.array(people, float).T) for people in runs]


def balanced(seed: int, effect: float = 0.3, n: int = 30) -> DoseRun:
    draw = rng(seed)
    dose = draw.permutation(np.log2(np.resize([1.0, 2.0, 4.0, 8.0, 16.0], n)))
    return DoseRun(dose, effect * dose + draw.normal(size=n))


def test_worked_by_hand() -> None:
    """One of 30 people has a dose, 1, and the response 10; the others have the responses 0, 1, ... 28, mean 14.

    The slope is 10 - 14. Less b * dose, that person has 10 - b. Any of the 30 equally likely deals compares one
    person with the mean of the others; the difference is 30/29 of the distance from the mean of all. So b is kept
    where at least one of the other 29 is at least as far from the mean of all as 10 - b: a share of 2 in 30 is above
    5 %, of 1 in 30 is not. The farthest others are 0 and 28. With m = (406 + 10 - b) / 30 the mean of all, 28 is as
    far above as 10 - b is below where 28 - m = m - (10 - b), 38 - b = (416 - b) / 15, b = 154 / 14 = 11; and 0 as
    far below as 10 - b is above where 10 - b = 2m, 30 (10 - b) = 832 - 2b, b = -19.
    """
    run = DoseRun(np.r_[1.0, np.zeros(29)], np.r_[10.0, np.arange(29)])
    assert ends(randomised_slope([run], rng())) == pytest.approx((-4, -19, 11))
    assert plain_share(run, 11.0 - 1e-9) == plain_share(run, -19.0 + 1e-9) == 2 / 30
    assert plain_share(run, 11.0 + 1e-9) == plain_share(run, -19.0 - 1e-9) == 1 / 30


def plain_share(run: DoseRun, b: float) -> float:
    """Share of people at least as far from the mean as the first, in response - b * dose."""
    far = np.abs((rest := run.response - b * run.dose) - rest.mean())
    return float((far >= far[0]).mean())


SMALL: list[list[People]] = [
    [[(0, 1), (1, 0), (2, 4), (3, 2), (4, 6)]],
    [[(0, 3), (0, 0), (0, 2), (5, 4), (1, 9), (2, 1)]],
    [[(0, 1), (0, 2), (1, 5), (3, 4)], [(0, 12), (1, 11), (2, 19)]],
]


@pytest.mark.parametrize("runs", SMALL, ids=["5 doses", "ties, one far out", "two runs"])
def test_every_deal_listed(runs: list[People]) -> None:
    """Draws approach the test over all deals: the interval ends where its p-value passes 5 % (or is 5 %)."""
    draws = 40_000
    figure = estimate(randomised_slope(as_runs(runs), rng(1), draws))
    assert figure.n == sum(map(len, runs))
    assert plain_p(runs, Fraction(figure.value).limit_denominator(1000)) == 1
    width = Fraction(figure.high - figure.low)
    for end, outwards in ((figure.low, -width / 1000), (figure.high, width / 1000)):
        assert plain_p(runs, Fraction(end) - outwards) >= Fraction(5, 100)
        assert plain_p(runs, Fraction(end) + outwards) <= Fraction(5, 100)
    p = float(plain_p(runs, Fraction(0)))
    assert randomised_p(as_runs(runs), rng(2), draws) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / draws))


def test_the_p_value_is_below_5_percent_where_the_interval_leaves_out_0() -> None:
    left_out = []
    for seed in range(40):
        run = balanced(seed, effect=0.25)
        figure = estimate(randomised_slope([run], rng(seed), 199))
        left_out.append(figure.low > 0 or figure.high < 0)
        assert left_out[-1] == (randomised_p([run], rng(seed), 199) <= 0.05)
    assert 0 < sum(left_out) < 40


def test_the_value_is_least_squares_with_a_level_for_each_run() -> None:
    runs = [balanced(1), balanced(2, n=12), replace(balanced(3), response=50 + balanced(3).response)]
    dose, response = (np.concatenate([getattr(run, name) for run in runs]) for name in ("dose", "response"))
    level = np.repeat(np.arange(3), [30, 12, 30])[:, None] == np.arange(3)
    expected = np.linalg.lstsq(np.column_stack([dose, level]), response, rcond=None)[0][0]
    assert estimate(randomised_slope(runs, rng(), 199)).value == pytest.approx(expected)
    assert estimate(randomised_slope(runs[:1], rng(), 199)).value == pytest.approx(
        estimate(contrast.slope(runs[0].dose, runs[0].response)).value
    )


def changed(dose: Callable[[Floats], Floats], response: Callable[[Floats, Floats], Floats]) -> list[DoseRun]:
    return [DoseRun(dose(run.dose), response(run.response, run.dose)) for run in RUNS]


RUNS = [balanced(5), balanced(6, n=14)]
ORDER = rng(7).permutation(30)


@pytest.mark.parametrize(
    ("others", "scale", "shift"),
    [
        ([DoseRun(RUNS[0].dose[ORDER], RUNS[0].response[ORDER]), RUNS[1]], 1.0, 0.0),
        (RUNS[::-1], 1.0, 0.0),
        ([*RUNS, DoseRun(np.ones(9), np.arange(9.0))], 1.0, 0.0),
        ([RUNS[0], DoseRun(RUNS[1].dose, RUNS[1].response - 1000)], 1.0, 0.0),
        (changed(lambda x: x + 3, lambda y, x: 4 * y - 7), 4.0, 0.0),
        (changed(lambda x: 2 * x, lambda y, x: y), 0.5, 0.0),
        (changed(lambda x: x, lambda y, x: y + 5 * x), 1.0, 5.0),
    ],
    ids=["people", "runs", "a run without a choice", "a run's level", "shift and scale", "unit of dose", "effect"],
)
def test_laws(others: list[DoseRun], scale: float, shift: float) -> None:
    figure = estimate(randomised_slope(RUNS, rng(8), 999))
    other = estimate(randomised_slope(others, rng(8), 999))
    expected = [scale * x + shift for x in (figure.value, figure.low, figure.high)]
    assert ends(other) == pytest.approx(expected, rel=1e-9)
    assert other.n == figure.n == 44


def test_order_changes_not_even_the_last_digit() -> None:
    shuffled = [DoseRun(run.dose[::-1], run.response[::-1]) for run in RUNS[::-1]]
    assert randomised_slope(RUNS, rng(8), 999) == randomised_slope(shuffled, rng(8), 999)
    assert randomised_p(RUNS, rng(8), 999) == randomised_p(shuffled, rng(8), 999)


def test_inputs_stay_as_they_are_and_the_seed_decides() -> None:
    run = balanced(9)
    before = run.dose.copy(), run.response.copy()
    one, same, other = (randomised_slope([run], rng(seed), 199) for seed in (1, 1, 2))
    assert one == same != other
    np.testing.assert_array_equal((run.dose, run.response), before)


def test_more_runs_narrow_the_interval() -> None:
    widths = [e[2] - e[1] for k in (1, 4) for e in [ends(randomised_slope([balanced(s) for s in range(k)], rng()))]]
    assert widths[1] < 0.7 * widths[0]


def test_a_few_hundred_draws_are_enough_to_be_right_and_more_are_steadier() -> None:
    low = [[ends(randomised_slope([balanced(3)], rng(seed), draws))[1] for seed in range(20)] for draws in (99, 1999)]
    assert np.std(low[1]) < np.std(low[0]) / 2


ONE_EXTREME = np.r_[np.zeros(28), 1.0, 5.0]


def test_one_extreme_person_covers_and_says_more_than_hc3() -> None:
    """HC3 divides by the little that this person's residual has left; who was dealt the extreme dose is still luck."""
    draw, covered, found, hc3_found, narrower = rng(11), 0, 0, 0, 0
    for _ in range(300):
        dose = draw.permutation(ONE_EXTREME)
        response = 0.6 * dose + draw.standard_t(3, dose.size)
        figure = estimate(randomised_slope([DoseRun(dose, response)], draw, 199))
        hc3 = estimate(contrast.slope(dose, response))
        covered += figure.low <= 0.6 <= figure.high
        found += figure.low > 0
        hc3_found += hc3.low > 0
        narrower += figure.high - figure.low < hc3.high - hc3.low
    assert covered >= 270  # 285 expected at least; 4 standard deviations less
    assert narrower > 270
    assert found > 100
    assert hc3_found < found / 5


@pytest.mark.parametrize("draws", [19, 39, 199])
def test_false_alarms_are_held_with_any_number_of_draws(draws: int) -> None:
    draw, dose = rng(12), np.repeat([0.0, 1.0, 2.0], 4)
    p = [randomised_p([DoseRun(draw.permutation(dose), draw.standard_cauchy(12))], draw, draws) for _ in range(800)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) <= level + 3.5 * math.sqrt(level * (1 - level) / 800)


def test_a_perfect_line_has_no_width_and_two_doses_are_enough() -> None:
    dose = np.arange(8.0) / 3
    assert ends(randomised_slope([DoseRun(dose, 1 - 0.7 * dose)], rng(), 999)) == pytest.approx((-0.7, -0.7, -0.7))
    two = DoseRun(np.repeat([1.0, 3.0], 10), np.r_[np.arange(10.0), np.arange(10.0) + 6])
    assert estimate(randomised_slope([two], rng(), 999)).value == pytest.approx(3)


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([], "different doses"),
        ([DoseRun(np.ones(20), np.arange(20.0))], "different doses"),
        ([DoseRun(np.ones(9), np.arange(9.0)), DoseRun(np.zeros(9), np.arange(9.0))], "different doses"),
        ([DoseRun(np.empty(0), np.empty(0))], "different doses"),
        ([DoseRun(np.arange(9.0), np.full(9, 0.1)), DoseRun(np.arange(9.0), np.zeros(9))], "same value"),
        ([DoseRun(np.arange(3.0), np.array([0.0, 1.0, 5.0]))], "3 people .* too few ways"),
        ([DoseRun(np.repeat([0.0, 1.0], 3), np.arange(6.0))], "6 people .* too few ways"),
    ],
    ids=["no run", "one dose", "one dose a run", "nobody", "nothing to explain", "6 deals", "20 deals, half mirrored"],
)
def test_a_slope_that_cannot_be_given(runs: list[DoseRun], reason: str) -> None:
    figure = randomised_slope(runs, rng())
    assert isinstance(figure, Unresolvable)
    assert re.search(reason, figure.reason)


@pytest.mark.parametrize("run", [DoseRun(np.ones(9), np.arange(9.0)), DoseRun(np.arange(9.0), np.ones(9))])
def test_p_is_1_where_nothing_can_be_said(run: DoseRun) -> None:
    assert randomised_p([run], rng(), 99) == randomised_p([], rng(), 99) == 1.0


@pytest.mark.parametrize(
    ("dose", "response", "message"),
    [
        (np.ones(3), np.ones(4), r"\(3,\) and \(4,\)"),
        (np.ones((2, 2)), np.ones((2, 2)), "one of each a person"),
        (np.array([1.0, np.nan, np.inf]), np.array([np.nan, 1.0, 1.0]), "3 of 3 people"),
    ],
)
def test_a_run_is_checked(dose: Floats, response: Floats, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DoseRun(dose, response)


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(InputError, match="at least 19"):
        randomised_slope([balanced(0)], rng(), 18)
