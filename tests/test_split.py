"""The baselines of a split: fair is called fair, unfair unfair, too few people neither; what would explain a result."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.answers.naming import Named, name_people
from probablyexists.answers.split_baseline import (
    UNFAIR,
    fairness,
    split_baseline,
    with_strangers_photos,
    without_samples,
)
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, Photos
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.templates import group
from probablyexists.results.findings import SplitBaseline
from probablyexists.sources.listing import Photo
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.leave_one_out import NearestPeople, same_gallery
from probablyexists.stats.roc import rank_sum_p
from probablyexists.stats.sensitivity import group_shift, names_shift
from probablyexists.stats.several import conformal_p_of_best, p_floor

DIM = 32
Draw = np.random.Generator


def crowd(draw: Draw, who: NDArray[np.float64], counts: NDArray[np.int64], name: str) -> Crowd:
    """People with so many photos each."""
    owner = np.repeat(np.arange(len(who)), counts)
    x = who[owner] + 0.8 * draw.normal(size=(len(owner), DIM))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    rows = tuple(Photo(f"{name}/{row}.png", f"{name}{i:04d}") for row, i in enumerate(owner))
    hashes = tuple(row.to_bytes(32, "big") for row in range(len(owner)))
    n = len(owner)
    pictures = np.zeros((n, 2, 1, 1), np.uint8)
    table = Embedded(rows, hashes, x.astype(np.float32), pictures, np.ones(n, np.int32), (), n)
    return Crowd(table, group(table))


def world(
    draw: Draw,
    n: int,
    m: int,
    *,
    moved: float = 0.0,
    shown: int = 0,
    counts: tuple[int, int] = (2, 2),
    lookalikes: float = 0.0,
) -> View:
    """n members and m held-out people; the members' source is moved; a new photo of the first members is generated."""
    who = draw.normal(size=(n + m + 400, DIM))
    alike = draw.random(len(who)) < lookalikes
    who[alike] = 0.45 * who[alike] + 2.0
    who[:n] += moved / np.sqrt(DIM)
    samples = np.concatenate([who[:shown], who[n + m :]]) + 0.8 * draw.normal(size=(shown + 400, DIM))
    samples /= np.linalg.norm(samples, axis=1, keepdims=True)
    training = crowd(draw, who[:n], np.full(n, counts[0]), "m")
    heldout = crowd(draw, who[n : n + m], np.full(m, counts[1]), "h")
    pictures = np.zeros((len(samples), 1, 1), np.uint8)
    return View("", training, None, heldout, Photos(samples.astype(np.float32), pictures), None, Matcher(threads=1))


def named_in(view: View) -> Named:
    return name_people(view, view.scorers([NearestSample()]), 0.05)


def baseline_of(view: View) -> SplitBaseline:
    return split_baseline(view, view.scorers([NearestSample()])[0], named_in(view), 0.005, 0)


def estimate(figure: Figure) -> Estimate:
    assert isinstance(figure, Estimate)
    return figure


# --- the same attack, with strangers' photos in place of the samples ------------------------------------------


def nearest_people(to_photos: NDArray[np.float64], itself: bool) -> NearestPeople:
    order = np.argsort(-to_photos, axis=1, kind="stable")[:, :3]
    both = np.take_along_axis(to_photos, order, 1), order
    return NearestPeople.without_self(*both) if itself else NearestPeople.of_others(*both)


def test_the_comparison_is_the_mean_over_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probablyexists.stats.leave_one_out.SHIFT_NEEDS", 2)
    draw = np.random.default_rng(0)
    ours, theirs = draw.integers(0, 6, (7, 9)) / 5, draw.integers(0, 6, (9, 9)) / 5
    wins, gaps = [], []
    for i in range(7):
        for j in range(9):
            member, stranger = np.delete(ours[i], j).max(), np.delete(theirs[j], j).max()
            wins.append((member > stranger) + (member == stranger) / 2)
            gaps.append(member - stranger)
    spread = np.std([np.delete(theirs[j], j).max() for j in range(9)], ddof=1)
    auroc, shift = same_gallery(nearest_people(ours, False), nearest_people(theirs, True))
    assert estimate(auroc).value == pytest.approx(np.mean(wins))
    assert estimate(shift).value == pytest.approx(np.mean(gaps) / spread)
    assert auroc.n == shift.n == 7


def test_a_fair_split_is_a_half_however_few_and_however_alike_people_are() -> None:
    found = []
    for s in range(100):
        view = world(np.random.default_rng((1, s)), 30, 50, lookalikes=0.1)
        found.append([estimate(figure) for figure in with_strangers_photos(view)])
    for which, truth, within in ((0, 0.5, 0.025), (1, 0.0, 0.1)):
        values = [figures[which].value for figures in found]
        assert abs(np.mean(values) - truth) < within
        covered = np.mean([figures[which].low <= truth <= figures[which].high for figures in found])
        assert covered >= 0.90  # 95 % promised; with them below 90 % in 1 of 100 runs


def test_people_who_are_alike_on_both_sides_are_no_difference_but_on_one_side_they_are() -> None:
    draw = np.random.default_rng(2)
    view = world(draw, 100, 200, lookalikes=0.2)
    assert fairness(with_strangers_photos(view)[0]) != "not fair"
    alike = 0.45 * draw.normal(size=(100, DIM)) + 2.0
    other = View("", crowd(draw, alike, np.full(100, 2), "m"), None, view.heldout, view.samples, None, view.matcher)
    assert fairness(with_strangers_photos(other)[0]) == "not fair"


def test_too_few_people_have_no_baseline() -> None:
    for n, m in ((9, 60), (60, 9)):
        for figure in with_strangers_photos(world(np.random.default_rng(3), n, m)):
            assert figure == Unresolvable("needs at least 10 people on each side, has 9", 10, 9)


def test_strangers_with_the_same_score_have_no_shift() -> None:
    n = np.arange(8)
    same = NearestPeople(np.full(8, 0.5), np.full(8, 0.4), (n + 1) % 8)
    auroc, shift = same_gallery(NearestPeople(np.full(3, 0.5), np.full(3, 0.4), n[:3]), same)
    assert 0.0 < estimate(auroc).value < 0.5
    assert isinstance(shift, Unresolvable)


# --- fair, not fair, not shown --------------------------------------------------------------------------------


def figure(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, "by hand", 60)


@pytest.mark.parametrize(
    ("baselines", "expected"),
    [
        ([figure(0.5, 0.05), figure(0.5, 0.05)], "fair"),
        ([figure(0.5, 0.3), figure(0.5, 0.05)], "fair"),
        ([figure(0.5, 0.118), figure(0.5, 0.3)], "fair"),  # 95 % reach 0.618, 90 % reach 0.599
        ([figure(0.5, 0.12), figure(0.5, 0.3)], "not shown"),
        ([figure(0.62, 0.3), figure(0.5, 0.05)], "not shown"),  # one points beyond, too few people to be sure
        ([figure(0.7, 0.09), figure(0.5, 0.05)], "not fair"),
        ([figure(0.5, 0.05), figure(0.3, 0.09)], "not fair"),
        ([figure(0.7, UNFAIR), Unresolvable("few")], "not shown"),
        ([Unresolvable("few"), Unresolvable("few")], "not shown"),
        ([Unresolvable("few"), figure(0.5, 0.05)], "fair"),
    ],
)
def test_fairness(baselines: list[Figure], expected: str) -> None:
    assert fairness(*baselines) == expected
    assert fairness(*reversed(baselines)) == expected


def test_twenty_members_are_too_few_to_show_that_a_split_is_fair() -> None:
    said = []
    for s in range(6):
        view = world(np.random.default_rng((4, s)), 20, 100)
        said.append(fairness(without_samples(view.training, view.heldout, s), with_strangers_photos(view)[0]))
    assert said.count("not shown") >= 5
    assert "not fair" not in said


def test_members_from_another_source_are_not_a_fair_split() -> None:
    found = baseline_of(world(np.random.default_rng(5), 120, 300, moved=2.5))
    assert found.fairness == "not fair"
    assert found.names_shift is None


# --- how strong another explanation would have to be ----------------------------------------------------------


def test_the_shift_that_makes_a_group_difference_vanish() -> None:
    draw = np.random.default_rng(6)
    members, strangers = draw.normal(0.9, 1, 80), draw.normal(0, 1, 300)
    shift = group_shift(members, strangers, 0.005)
    assert shift is not None
    spread = strangers.std(ddof=1)
    assert (
        rank_sum_p(members - shift * spread, strangers)
        > 0.005
        >= rank_sum_p(members - (shift - 0.02) * spread, strangers)
    )
    assert group_shift(members + spread, strangers, 0.005) == pytest.approx(shift + 1, abs=0.01)
    assert group_shift(3 * members + 7, 3 * strangers + 7, 0.005) == pytest.approx(shift, abs=0.01)
    assert group_shift(strangers, members, 0.005) is None
    assert group_shift(np.ones(50), np.zeros(50), 0.005) is not None


def test_the_shift_that_makes_every_name_vanish() -> None:
    strangers = np.arange(99.0)
    # p = 1 / 100 above everybody, for one member of one: named at 3 % until two strangers are as high or higher.
    assert names_shift([(np.array([120.0]), strangers)], 0.03) == pytest.approx(120 - 96, abs=0.01)
    assert names_shift([(np.array([50.0]), strangers)], 0.03) is None
    both = [(np.array([120.0]), strangers), (np.array([10.0, 20.0]), strangers)]
    assert names_shift(both, 0.03) == pytest.approx(120 - 98, abs=0.01)  # of three members, 1 / 100 is still enough


def test_an_audit_says_how_large_a_difference_of_the_sources_would_explain_it() -> None:
    found = baseline_of(world(np.random.default_rng(7), 60, 400, shown=30))
    assert found.group_shift is not None
    assert found.names_shift is not None
    assert found.names_shift > found.group_shift > 0.2
    assert abs(estimate(found.shift).value) < 0.5
    nothing = baseline_of(world(np.random.default_rng(8), 60, 400))
    assert (nothing.group_shift, nothing.names_shift) == (None, None)


def test_members_with_many_photos_against_strangers_with_few_are_seen() -> None:
    found = baseline_of(world(np.random.default_rng(9), 40, 100, counts=(4, 2)))
    assert estimate(found.photo_counts).value == 1.0
    assert estimate(baseline_of(world(np.random.default_rng(9), 40, 100)).photo_counts).value == 0.5


# --- the floor of a p-value with several attacks --------------------------------------------------------------


def test_the_floor_with_several_attacks_by_hand() -> None:
    one_top_each = np.array([[9.0, 1, 1], [1, 9.0, 1], [1, 1, 9.0], [0, 0, 0]])
    assert p_floor(one_top_each) == 3 / 5
    assert p_floor(one_top_each[:, :1]) == 1 / 5
    assert p_floor(np.array([[9.0, 9, 9], [1, 1, 1], [2, 2, 2], [0, 0, 0]])) == 2 / 5  # one person tops all
    assert p_floor(np.array([[9.0, 9], [9, 9], [2, 1], [0, 1]])) == 1 / 5  # two share each top
    assert p_floor(np.array([[9.0, 9], [1, 9], [2, 1], [0, 1]])) == 2 / 5


def test_the_floor_is_reached_by_a_member_whom_the_worst_attack_exposes_and_undercut_by_none() -> None:
    draw = np.random.default_rng(10)
    for attacks in (1, 2, 3):
        heldout = draw.integers(0, 40, (30, attacks)).astype(float)
        exposed = np.where(np.eye(attacks, dtype=bool), 100.0, -1.0)
        p = conformal_p_of_best(exposed, heldout)
        assert p.max() == pytest.approx(p_floor(heldout))
