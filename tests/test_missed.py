"""What a silent audit could have missed: leaks spread over everybody, and the share of people who leaked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, norm

from probablyexists.answers.missed import missed
from probablyexists.attacks.nearest import NearestSample, NearestSamples
from probablyexists.stats.estimate import Unresolvable
from probablyexists.stats.power import share_limit, smallest_auroc
from probablyexists.stats.roc import rank_sum_p
from test_split import estimate, named_in, world

LEVEL = 0.005


@pytest.mark.parametrize(("n", "m"), [(20, 200), (60, 1000), (300, 300)])
@pytest.mark.parametrize("spread", [True, False])
def test_a_leak_of_the_printed_auroc_is_found_in_80_percent_of_audits(n: int, m: int, spread: bool) -> None:
    """Everybody scores a little higher, or some score far higher."""
    draw, found = np.random.default_rng(0), []
    auroc = smallest_auroc(n, m, LEVEL)
    assert auroc is not None
    for _ in range(250):
        ours = draw.normal(size=n) + (norm.ppf(auroc) * 2**0.5 if spread else 8.0 * (draw.random(n) < 2 * auroc - 1))
        found.append(rank_sum_p(ours, draw.normal(size=m)) <= LEVEL)
    assert 0.70 < np.mean(found) < 0.92


def test_fifty_members_and_a_thousand_strangers_would_miss_an_auroc_of_060() -> None:
    """The case of 48 % "not leak" at AUROC 0.60."""
    found = smallest_auroc(50, 1000, LEVEL)
    assert found == pytest.approx(0.645, abs=0.01)
    more = smallest_auroc(300, 1000, LEVEL)
    assert more is not None
    assert more < 0.60
    several = smallest_auroc(50, 1000, LEVEL / 3)
    assert several is not None
    assert several > 0.645


def test_so_few_people_that_not_even_complete_separation_is_found() -> None:
    assert smallest_auroc(2, 5, LEVEL) is None  # p = 1 / 21 at best
    assert smallest_auroc(3, 12, LEVEL) is not None  # 1 / 455
    assert smallest_auroc(0, 100, LEVEL) is None


def test_the_limit_on_the_share_that_leaked_by_hand() -> None:
    nobody = share_limit(np.zeros(60, bool), np.ones(30, bool), 0.01)
    least = 0.025 ** (1 / 30)
    assert estimate(nobody).high == pytest.approx((1 - 0.025 ** (1 / 60)) / least)
    assert (estimate(nobody).value, estimate(nobody).low, estimate(nobody).n) == (0.0, 0.0, 60)
    some = share_limit(np.arange(100) < 21, np.arange(40) < 20, 0.01)
    assert estimate(some).value == pytest.approx((0.21 - 0.01) / (0.5 - 0.01))
    assert estimate(some).high == pytest.approx(beta.ppf(0.975, 22, 79) / beta.ppf(0.025, 20, 21))
    assert estimate(share_limit(np.ones(60, bool), np.arange(40) < 20, 0.01)).high == 1.0
    assert isinstance(share_limit(np.zeros(60, bool), np.zeros(30, bool), 0.01), Unresolvable)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3])
def test_the_limit_holds_in_95_percent_of_audits(share: float) -> None:
    """Also with members and planted people ranked among the same held-out people."""
    draw, held = np.random.default_rng(1), []
    for _ in range(200):
        heldout = np.sort(draw.normal(size=200))
        above = [
            200 - np.searchsorted(heldout, scores)
            for scores in (draw.normal(size=100) + 3 * (draw.random(100) < share), draw.normal(size=60) + 3)
        ]
        ours, planted = ((1 + a) / 201 <= 0.01 for a in above)
        limit = estimate(share_limit(ours, planted, 0.01))
        assert limit.low == 0.0
        assert limit.value <= limit.high
        held.append(limit.high >= share)
    assert np.mean(held) >= 0.95


def test_a_silent_audit_limits_the_share_that_leaked_and_the_auroc() -> None:
    view = world(np.random.default_rng(2), 60, 400, counts=(2, 3))
    found = missed([view], [NearestSample()], named_in(view), LEVEL, 0)
    limit = estimate(found.leaked_share)
    assert limit.value < 0.05
    assert 0.05 < limit.high < 0.5
    assert limit.n == 60
    assert found.smallest_auroc == smallest_auroc(60, 400, LEVEL)


def test_a_third_of_the_members_leaked_and_the_limit_is_above_it() -> None:
    view = world(np.random.default_rng(3), 60, 400, shown=20, counts=(2, 3))
    limit = estimate(missed([view], [NearestSample()], named_in(view), LEVEL, 0).leaked_share)
    # Planted people are found less often than members: one of their two photos is not in the template.
    assert 1 / 3 - 0.1 < limit.value < 1 / 3 + 0.25
    assert limit.high > 1 / 3


def test_where_the_split_is_not_fair_no_share_is_claimed() -> None:
    view = world(np.random.default_rng(4), 60, 400)
    unfair = replace(named_in(view), claimed=False)
    found = missed([view], [NearestSample()], unfair, LEVEL, 0)
    assert found.leaked_share == Unresolvable("the split is not fair")
    assert not isinstance(found.power, Unresolvable)


def test_without_a_photo_to_plant_there_is_no_limit_but_an_auroc() -> None:
    view = world(np.random.default_rng(5), 30, 100, counts=(1, 1))
    found = missed([view], [NearestSample()], named_in(view), LEVEL, 0)
    assert isinstance(found.leaked_share, Unresolvable)
    assert found.leaked_share == found.power
    assert found.smallest_auroc == smallest_auroc(30, 100, LEVEL)


def test_several_attacks_and_recognisers_find_less() -> None:
    view = world(np.random.default_rng(6), 60, 200)
    several = [NearestSample(), NearestSamples(10)]
    one, attacks, recognisers = (
        missed(views, which, named_in(view), LEVEL, 0).smallest_auroc
        for views, which in (([view], several[:1]), ([view], several), ([view, view], several[:1]))
    )
    assert one is not None
    assert attacks is not None
    assert recognisers is not None
    assert attacks > one
    assert recognisers > one
    assert attacks == smallest_auroc(60, 200, LEVEL / 2)
    assert recognisers == smallest_auroc(60, 200, LEVEL, 0.9)
