"""The dose at which 80 % are named: by hand, laws, an independent fit, and how often the limits hold."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from probablyexists.basis.errors import InputError
from probablyexists.stats.effective_dose import Answers, effective_dose, logistic_dose, share_by_dose
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.rates import share_of_people, wilson

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "effective_dose_coverage.py"))


def of(**n_yes: int) -> Answers:
    """Of 60 people at each dose, so many say yes: d1=0, d16=55."""
    doses = [float(name[1:]) for name in n_yes]
    yes = [i < n for n in n_yes.values() for i in range(60)]
    return Answers(np.repeat(doses, 60), np.array(yes))


def drawn(seed: int, draws: int = 4, slope: float = 1.5) -> Answers:
    draw = np.random.default_rng(seed)
    dose = np.tile(np.repeat([1.0, 2.0, 4.0, 8.0, 16.0], 8), draws)
    yes = draw.random(dose.size) < expit(slope * (np.log2(dose) - 2))
    return Answers(dose, yes, np.concatenate([draw.permutation(60)[:40] for _ in range(draws)]).tolist())


def ends(figure: Figure) -> tuple[float, float, float]:
    assert isinstance(figure, Estimate), figure
    assert figure.low <= figure.value <= figure.high
    return figure.value, figure.low, figure.high


def test_a_share_is_wilsons_of_answers_or_the_one_between_people() -> None:
    dose, yes = np.array([1.0, 1, 1, 2]), np.array([True, False, True, True])
    unknown = share_by_dose(Answers(dose, yes))
    assert list(unknown) == [1.0, 2.0]
    assert ends(unknown[1.0]) == (pytest.approx(2 / 3), *wilson(2 / 3, 3))
    known = share_by_dose(Answers(dose, yes, ["a", "a", "b", "c"]))
    assert known[1.0] == share_of_people(np.array([0.5, 1.0]))
    assert known[2.0] == share_of_people(np.array([1.0]))


def test_limits_are_the_doses_around_and_the_value_is_between_by_hand() -> None:
    """Nobody at 2, everybody at 4: the line from 0 to 1 has 0.8 at 0.8 of the doubling."""
    found = effective_dose(share_by_dose(of(d1=0, d2=0, d4=60, d8=60)))
    assert ends(found) == (pytest.approx(2 * 2**0.8), 2.0, 4.0)


def test_shares_that_fall_are_made_even() -> None:
    """50 and 40 of 60 become 0.75 each: from there to 1, 0.8 is a fifth of the way from 8 to 16."""
    found = effective_dose(share_by_dose(of(d2=10, d4=50, d8=40, d16=60)))
    assert ends(found) == (pytest.approx(8 * 2**0.2), 2.0, 16.0)


def test_a_dose_in_doubt_ends_the_order() -> None:
    """At 1 nobody knows (48 of 60 is 80 %): 2 is below, but does not count."""
    found = effective_dose(share_by_dose(of(d1=48, d2=30, d4=60, d8=60)))
    assert found == Unresolvable("below 4; no lower limit down to 1, the smallest dose")


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (of(d1=0, d16=6), "above 16, the largest dose"),
        (of(d2=60, d16=60), "below 2, the smallest dose"),
        (of(d1=0, d2=20, d4=48), "above 2; no upper limit up to 4, the largest dose"),
        (of(d1=48, d2=48), "no limit from 1 to 2, the smallest and the largest dose"),
        (of(d1=0), "needs 2 doses or more, with a share each"),
    ],
)
def test_nothing_is_said_beyond_the_doses(answers: Answers, says: str) -> None:
    found = effective_dose(share_by_dose(answers))
    assert isinstance(found, Unresolvable)
    assert found.reason == says
    assert isinstance(logistic_dose(answers), Unresolvable)


def test_a_bound_from_a_logistic_curve_is_the_same_bound() -> None:
    for answers in (of(d1=0, d16=6), of(d1=0, d2=0, d4=0, d8=3, d16=6)):
        assert logistic_dose(answers) == Unresolvable("above 16, the largest dose")
    assert logistic_dose(of(d2=60, d16=60)) == Unresolvable("below 2, the smallest dose")


@pytest.mark.parametrize("seed", range(5))
def test_the_logistic_value_is_where_the_likeliest_curve_has_it(seed: int) -> None:
    answers = drawn(seed)
    x, y = np.log2(answers.dose), answers.yes

    def less_likely(curve: NDArray[np.float64]) -> float:
        eta = curve[0] + curve[1] * x
        return float(np.logaddexp(0, np.where(y, -eta, eta)).sum())

    start, slope = minimize(less_likely, np.array([0.0, 1.0])).x
    value, low, high = ends(logistic_dose(answers))
    assert value == pytest.approx(2 ** ((math.log(4) - start) / slope), rel=0.01)
    assert low < value < high


def test_answers_of_one_kind_at_every_dose_do_no_harm() -> None:
    """The likeliest curve would be a step."""
    value, low, high = ends(logistic_dose(of(d1=0, d2=0, d4=60, d8=60)))
    assert 1.98 < low < value < high < 4.05


def test_the_order_of_answers_and_the_names_of_people_change_nothing() -> None:
    answers = drawn(0)
    assert answers.people is not None
    order = np.random.default_rng(1).permutation(answers.dose.size)
    other = Answers(answers.dose[order], answers.yes[order], [f"p{answers.people[i]}" for i in order])
    assert ends(logistic_dose(answers)) == pytest.approx(ends(logistic_dose(other)))
    for one, same in zip(share_by_dose(answers).values(), share_by_dose(other).values(), strict=True):
        assert ends(one) == pytest.approx(ends(same))


def test_twice_the_dose_for_all_is_twice_the_dose() -> None:
    answers = drawn(0)
    twice = Answers(2 * answers.dose, answers.yes, answers.people)
    assert ends(logistic_dose(twice)) == pytest.approx([2 * end for end in ends(logistic_dose(answers))])
    one, other = (effective_dose(share_by_dose(its)) for its in (answers, twice))
    if isinstance(one, Estimate):
        assert ends(other) == pytest.approx([2 * end for end in ends(one)])


def test_the_same_answers_of_the_same_people_again_tell_nothing_new() -> None:
    answers = drawn(2, draws=1, slope=3.0)
    assert answers.people is not None
    again = Answers(np.tile(answers.dose, 3), np.tile(answers.yes, 3), [*answers.people] * 3)
    assert ends(logistic_dose(again)) == pytest.approx(ends(logistic_dose(answers)))
    assert share_by_dose(again) == share_by_dose(answers)
    strangers = Answers(again.dose, again.yes)
    _, low, high = ends(logistic_dose(answers))
    _, inner, outer = ends(logistic_dose(strangers))
    assert low <= inner < outer < high


def test_answers_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="2 doses and 1 answers"):
        Answers(np.ones(2), np.ones(1, dtype=bool))
    with pytest.raises(InputError, match="a dose is not a number above 0"):
        Answers(np.zeros(1), np.ones(1, dtype=bool))


@pytest.mark.parametrize("draws", [3, 10])
def test_the_limits_hold(draws: int) -> None:
    """100 experiments in which people have effects of their own; both limits are wrong in 5 % at most, by design."""
    row = SCRIPT["Row"](draws, "logistic", -3.0, 1.5, person=1.0)
    found = [row.experiment(np.random.default_rng([7, s])) for s in range(100)]
    for which in (1, 2):
        assert sum(its[which][0] <= its[0] <= its[which][1] for its in found) >= 90
