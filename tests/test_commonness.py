"""Commonness: taken out of scores without breaking p-values, and the caution where look-alikes hold the top."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.answers.look_alikes import look_alikes_at_the_top
from probablyexists.matching.commonness import N_ALIKE, commonness, most_alike, without_commonness
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p

DIM = 28
MEMBERS, HELDOUT, PLANTED = 200, 1000, 20
Floats = NDArray[np.float64]


def unit(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def world(seed: int, look_alikes: float, planted: int) -> tuple[NDArray[np.float32], Floats, NDArray[np.bool_]]:
    """(templates, scores, look-alikes) of members, then held-out people; one in ten looks like all of their kind.

    Two unseen photos of the first `planted` members are among 2,000 samples of strangers, of the same kinds.
    """
    draw = np.random.default_rng(seed)
    centre = unit(draw.normal(size=DIM))

    def people(n: int) -> tuple[Floats, NDArray[np.bool_]]:
        of_kind = draw.random(n) < look_alikes
        part = np.where(of_kind, 0.7, 0.0)[:, None]
        return unit(np.sqrt(part) * centre + np.sqrt(1 - part) * unit(draw.normal(size=(n, DIM)))), of_kind

    def photos(faces: Floats, k: int) -> Floats:
        return unit(faces[:, None] + 0.75 * unit(draw.normal(size=(len(faces), k, DIM))))

    faces, of_kind = people(MEMBERS + HELDOUT)
    taken = photos(faces, 4)
    samples = np.concatenate([photos(people(2000)[0], 1)[:, 0], taken[:planted, 2:].reshape(-1, DIM)])
    templates = unit(taken[:, :2].mean(axis=1))
    return templates.astype(np.float32), (templates @ samples.T).max(axis=1), of_kind


def corrected(templates: NDArray[np.float32], scores: Floats) -> Floats:
    return without_commonness(scores[:, None], most_alike(templates, templates, np.arange(len(templates))))[:, 0]


def p_values(scores: Floats) -> Floats:
    return conformal_p(scores[:MEMBERS], scores[MEMBERS:])


@pytest.mark.parametrize("n", [3, 8, 40])
def test_commonness_by_loops(n: int) -> None:
    draw = np.random.default_rng(n)
    others = unit(draw.normal(size=(n, 5))).astype(np.float32)
    people = np.concatenate([others, unit(draw.normal(size=(3, 5))).astype(np.float32)])
    scores = draw.normal(size=(n, 2))
    own = np.array([*range(n), -1, -1, -1])
    theirs = most_alike(others, others, own[:n])
    found = commonness(most_alike(people, others, own), scores, theirs)
    expected, closeness = [], []
    for i, x in enumerate(people):
        alike = sorted((j for j in range(n) if j != own[i]), key=lambda j: -float(x @ others[j]))
        alike = alike[: min(N_ALIKE, n - 1)]
        expected.append(np.mean(scores[alike], axis=0))
        closeness.append(np.mean([x @ others[j] for j in alike]))
    for attack in range(2):
        line = np.polyval(np.polyfit(closeness[:n], scores[:, attack], 1), closeness)
        both = (np.array(expected)[:, attack] + line) / 2 - scores[:, attack].mean()
        assert found[:, attack] == pytest.approx(both, abs=1e-5)


def test_nobody_else_and_many_of_the_same_face() -> None:
    same = np.repeat(unit(np.ones((1, 4))), 60, axis=0).astype(np.float32)
    scores = np.arange(60.0)[:, None]
    alone = most_alike(same[:1], same[:1], np.arange(1))
    assert commonness(alone, scores[:1], alone).tolist() == [[0.0]]
    # All are equally similar: the first 20 others count, whoever is asked about, and no line can be drawn.
    everybody = most_alike(same, same, np.arange(60))
    assert (commonness(everybody, scores, everybody)[[0, 59], 0] + scores.mean() / 2).tolist() == [10.5 / 2, 9.5 / 2]


def test_a_leak_that_spreads_to_those_who_look_alike_keeps_half_of_it() -> None:
    """Ten kinds of 30 people, equally close. One person leaks so often that their kind scores 1 higher, they 2."""
    draw = np.random.default_rng(0)
    centres = np.repeat(unit(draw.normal(size=(10, DIM))), 30, axis=0)
    templates = unit(centres + 0.2 * unit(draw.normal(size=(300, DIM)))).astype(np.float32)
    scores = np.zeros(300)
    scores[:30], scores[0] = 1.0, 2.0
    found = corrected(templates, scores)
    assert found[0] - np.median(found) == pytest.approx(1.5, abs=0.1)


def test_the_order_of_people_does_not_matter() -> None:
    """What makes corrected scores exchangeable: whoever is called a member, everybody's score stays the same."""
    templates, scores, _ = world(0, 0.1, PLANTED)
    order = np.random.default_rng(1).permutation(len(scores))
    assert corrected(templates[order], scores[order]) == pytest.approx(corrected(templates, scores)[order], abs=1e-12)


def test_p_values_of_look_alikes_when_nothing_leaks() -> None:
    """Of look-alikes 48 % had p <= 0.05 by the nearest sample, of everybody else next to nobody."""
    plain, mended = [], []
    for seed in range(8):
        templates, scores, of_kind = world(seed, 0.1, 0)
        for found, values in ((plain, scores), (mended, corrected(templates, scores))):
            small = p_values(values) <= 0.05
            found.append([small[of_kind[:MEMBERS]].mean(), small[~of_kind[:MEMBERS]].mean()])
    alike, others = np.mean(plain, axis=0)
    assert alike > 0.35
    assert others < 0.01
    alike, others = np.mean(mended, axis=0)
    assert alike < 0.08
    assert 0.03 < others < 0.07


def test_members_are_named_beside_a_group_of_look_alikes() -> None:
    """20 of 200 members planted: by the nearest sample nobody was named, or one."""
    hits = {"plain": 0, "mended": 0}
    wrong = []
    for seed in range(8):
        templates, scores, _ = world(seed, 0.1, PLANTED)
        for name, values in (("plain", scores), ("mended", corrected(templates, scores))):
            named = benjamini_hochberg(p_values(values)) <= 0.05
            hits[name] += int(named[:PLANTED].sum())
            if name == "mended":
                wrong.append(named[PLANTED:].sum() / max(1, named.sum()))
    assert hits["plain"] <= 2
    assert hits["mended"] > 0.1 * 8 * PLANTED
    assert np.mean(wrong) < 0.1


def test_look_alikes_at_the_top_are_said() -> None:
    said = []
    for seed in range(8):
        templates, scores, _ = world(seed, 0.1, 0)
        said.append(look_alikes_at_the_top(templates[MEMBERS:], scores[MEMBERS:], seed))
        assert look_alikes_at_the_top(templates[MEMBERS:], corrected(templates, scores)[MEMBERS:], seed) is None
    assert None not in said
    assert said[0] is not None
    assert said[0].startswith("the held-out people with the highest scores look like each other: of the 50 highest, ")
    assert said[0].endswith("people who leaked may not be named")


def test_nothing_is_said_of_a_mixed_population() -> None:
    """Promised: in at most 1 % of audits."""
    said = 0
    for seed in range(8):
        templates, scores, _ = world(seed, 0.0, 0)
        for people in (slice(MEMBERS, None), *(slice(first, first + 120) for first in range(0, 1200, 120))):
            said += look_alikes_at_the_top(templates[people], scores[people], seed) is not None
    assert said <= 2


def test_nothing_is_said_of_few_people_or_equal_scores() -> None:
    templates, scores, _ = world(0, 0.1, 0)
    assert look_alikes_at_the_top(templates[:99], scores[:99]) is None
    assert look_alikes_at_the_top(templates, np.full(len(templates), -1.0)) is None
