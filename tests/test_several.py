"""Several attacks at once: by hand, by enumeration, and in worlds without a leak."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kstest

from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.several import best_of, conformal_p_of_best


def test_one_attack_is_the_ordinary_conformal_p() -> None:
    draw = np.random.default_rng(0)
    members, heldout = draw.integers(0, 6, (30, 1)).astype(float), draw.integers(0, 6, (50, 1)).astype(float)
    assert conformal_p_of_best(members, heldout) == pytest.approx(conformal_p(members[:, 0], heldout[:, 0]))


def test_a_member_by_hand() -> None:
    """Held-out (1, 9), (2, 8), (3, 7); member (2.5, 0): ranks in the bag below the member are 2 and 0, so 2.

    The others' in the same bag: (0, 3), (1, 2), (3, 1), the larger 3, 2, 3: all three reach 2.
    """
    heldout = np.array([[1.0, 9], [2, 8], [3, 7]])
    assert conformal_p_of_best(np.array([[2.5, 0.0]]), heldout).tolist() == [1.0]
    assert conformal_p_of_best(np.array([[4.0, 0.0]]), heldout).tolist() == [0.5]


def test_the_p_of_the_best_by_all_labellings() -> None:
    members, heldout = np.array([[5.0, 1], [4, 2]]), np.array([[3.0, 6], [2, 5], [1, 4]])
    both = np.concatenate([members, heldout])
    ranks = np.column_stack([np.argsort(np.argsort(column)) + 1 for column in both.T])
    sums = [max(ranks[list(chosen)].sum(axis=0)) for chosen in combinations(range(5), 2)]
    exact = np.mean([s >= 9 for s in sums])
    found = best_of(members, heldout, np.random.default_rng(0), draws=20_000)
    assert (found.attack, found.auroc) == (0, 1.0)
    assert found.p == pytest.approx(exact, abs=0.01)


def test_without_a_leak_both_are_uniform_or_larger_whatever_the_attacks_have_in_common() -> None:
    group, single = [], []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        person = draw.normal(0, 1, (70, 1))
        scores = person + draw.normal(0, 0.7, (70, 5))
        group.append(best_of(scores[:20], scores[20:], draw, draws=199).p)
        single.append(conformal_p_of_best(scores[:1], scores[20:])[0])
    for p in (group, single):
        assert kstest(p, "uniform", alternative="greater").pvalue > 0.01  # "greater": too many small values
        assert np.mean(np.array(p) <= 0.05) <= 0.09


def test_a_leak_that_one_of_many_attacks_sees_is_found() -> None:
    draw = np.random.default_rng(1)
    members, heldout = draw.normal(0, 1, (20, 8)), draw.normal(0, 1, (100, 8))
    members[:, 3] += 1.5
    members[0, 5] = 9.0
    found = best_of(members, heldout, draw)
    assert found.attack == 3
    assert found.p < 0.001
    assert conformal_p_of_best(members[:1], heldout)[0] <= 8 / 101


def test_the_order_of_attacks_and_people_changes_nothing() -> None:
    draw = np.random.default_rng(2)
    members, heldout = draw.normal(0, 1, (6, 3)), draw.normal(0, 1, (9, 3))
    p = conformal_p_of_best(members, heldout)
    assert conformal_p_of_best(members[::-1, ::-1], heldout[::-1, ::-1])[::-1] == pytest.approx(p)
