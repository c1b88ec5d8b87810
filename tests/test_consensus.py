"""Several recognisers: together they are one, or all must agree."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import null_grid
from null_grid import World, audited, unit
from probablyexists.answers.judges import together
from probablyexists.basis.errors import InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.matching.cosines import similarities
from probablyexists.matching.side_by_side import side_by_side, weights
from probablyexists.results.findings import Findings
from probablyexists.stats.conformal import conformal_p
from test_ten_cases import page_of, strangers, world

_MOVED: tuple[Role, ...] = ("training", "generated")


@cache
def people() -> World:
    """40 members, of whom 12 leak; 200 held-out people; 300 samples."""
    draw = rng(20, "consensus")
    members = strangers(draw, 40)
    shown = np.concatenate([strangers(draw, 300), members[:12]])
    return world(draw, members, strangers(draw, 200), shown)


@cache
def blurred(name: str, by: float = 0.7) -> dict[Role, NDArray[np.float32]]:
    """All photos as a recogniser sees them that adds noise of its own to each."""
    draw = rng(20, "blurred", name)
    return {
        role: unit(photos.embeddings + by * unit(draw.standard_normal(photos.embeddings.shape)))
        for role, photos in people().roles.items()
    }


def seen_by(first: dict[Role, NDArray[np.float32]], *more: dict[Role, NDArray[np.float32]], **how: str) -> Findings:
    roles = {role: replace(photos, embeddings=first[role]) for role, photos in people().roles.items()}
    return audited(replace(people(), roles=roles, more_views=more), 0, show_names=True, **how)


def column(findings: Findings, name: str) -> dict[str, float]:
    return dict(zip(*(findings.people.column(each).to_pylist() for each in ("person", name)), strict=True))


@cache
def both(consensus: str) -> Findings:
    return seen_by(blurred("one"), blurred("two"), consensus=consensus)


@cache
def alone(name: str) -> Findings:
    return seen_by(blurred(name))


def plane(*degrees: float) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_together_by_hand() -> None:
    """Whom each recogniser ranks second, behind another person, is first by both together."""
    sample = plane(0)
    # Cosines with the sample: member 0.8, held-out people 0.9, 0.1, 0.1 and 0.1, 0.9, 0.1.
    first, second = ([0.8, 0.9, 0.1, 0.1], [0.8, 0.1, 0.9, 0.1])
    faces = [plane(*np.degrees(np.arccos(cosines))) for cosines in (first, second)]
    p = [conformal_p(similarities(each, sample)[:1, 0], similarities(each, sample)[1:, 0]) for each in faces]
    assert [float(each[0]) for each in p] == [2 / 4, 2 / 4]
    shares = np.array([0.5, 0.5])
    scores = similarities(side_by_side(faces, shares), side_by_side([sample, sample], shares))[:, 0]
    assert scores == pytest.approx([0.8, 0.5, 0.5, 0.1], abs=2e-6)
    assert conformal_p(scores[:1], scores[1:]).tolist() == [1 / 4]


def test_a_cosine_counts_in_units_of_its_spread_among_the_samples() -> None:
    """Cosines 1, 0, 0 have a standard deviation of 0.471; 0.5, 0.5, -0.5 too; a third of it counts three times."""
    wide = plane(0, 0, 90)
    other = plane(0, 60, 120)
    assert weights([wide, other]) == pytest.approx([0.5, 0.5], abs=1e-5)
    narrow = np.concatenate([np.sqrt(1 / 3) * wide, np.full((3, 1), np.sqrt(2 / 3))], axis=1).astype(np.float32)
    assert weights([wide, narrow]) == pytest.approx([0.25, 0.75], abs=1e-5)
    assert weights([narrow, wide]) == pytest.approx([0.75, 0.25], abs=1e-5)
    assert weights([wide[::-1], narrow[[1, 2, 0]]]) == pytest.approx([0.25, 0.75], abs=1e-5)
    assert weights([plane(0), plane(0)]).tolist() == [0.5, 0.5]


def test_with_nothing_planted_p_values_of_all_together_are_uniform() -> None:
    """Two recognisers that see much the same: the mean of 400 audits' shares of members with p <= 0.05, 0.2, 0.5."""
    draw = np.random.default_rng(3)
    p = []
    for _ in range(400):
        faces = draw.normal(size=(45, 12))
        views = [unit(faces + 0.5 * draw.normal(size=(45, 12))) for _ in range(2)]
        both = side_by_side(views, weights([view[:20] for view in views]))
        scores = similarities(both[20:], both[:20]).max(axis=1)
        p.append(conformal_p(scores[:6], scores[6:]))
    for level in (0.05, 0.2, 0.5):
        each = [float((one <= level).mean()) for one in p]
        error = float(np.std(each, ddof=1)) / len(each) ** 0.5
        assert abs(np.mean(each) - level) <= 3 * error + 0.001


def test_two_recognisers_together_name_more_than_each_alone_and_than_if_all_must_agree() -> None:
    found = {name: findings.naming.n_exposed for name, findings in (("one", alone("one")), ("two", alone("two")))}
    joint, strict = both("joint"), both("strict")
    assert joint.naming.n_exposed is not None
    assert strict.naming.n_exposed is not None
    assert joint.naming.n_exposed > max(*found.values(), strict.naming.n_exposed)
    for one in ("one", "two"):
        assert column(alone(one), "p") != column(joint, "p")
    assert [(second.kind, second.n_exposed) for second in joint.second_opinions] == [
        ("recogniser", found["one"]),
        ("recogniser", found["two"]),
    ]
    assert joint.signature.settings["consensus"] == "joint"
    assert "2 recognisers judge together" in page_of(joint)
    assert "all must agree" not in page_of(joint)


def test_if_all_must_agree_the_largest_p_counts_and_the_curve_ends_at_the_audit_itself() -> None:
    strict, one, two = both("strict"), alone("one"), alone("two")
    p = [column(findings, "p") for findings in (one, two)]
    assert column(strict, "p") == {person: max(each[person] for each in p) for person in p[0]}
    assert column(strict, "exposure") == column(one, "exposure")
    assert [m.p for m in strict.membership] == [
        None if a.p is None or b.p is None else max(a.p, b.p)
        for a, b in zip(one.membership, two.membership, strict=True)
    ]
    assert [second.id for second in strict.second_opinions] == ["drawn-1/1"]
    assert "2 recognisers judge, each alone: each p-value is the largest of them" in page_of(strict)
    for findings in (strict, both("joint"), one):
        assert findings.sampling.curve[-1].named == findings.naming.n_exposed


def test_the_order_of_the_recognisers_changes_no_p_value() -> None:
    turned = seen_by(blurred("two"), blurred("one"))
    for name in ("p", "q", "exposure", "similarity"):
        assert column(turned, name) == pytest.approx(column(both("joint"), name), rel=1e-4)
    assert [m.p for m in turned.membership] == pytest.approx([m.p for m in both("joint").membership])
    assert turned.missed == both("joint").missed
    one, two = null_grid.gathered(replace(people(), more_views=(blurred("two"),)), 0).judges
    found = [together(judges) for judges in ((one, two), (two, one))]
    assert found[0].recogniser == found[1].recogniser == "drawn-0/1 + drawn-1/1"
    assert np.array_equal(found[0].others.embeddings, found[1].others.embeddings)
    assert np.array_equal(found[0].view.heldout.table.embeddings, found[1].view.heldout.table.embeddings)


@pytest.mark.parametrize("consensus", ["joint", "strict"])
def test_a_recogniser_that_misses_most_true_matches_does_not_judge_also_where_it_is_the_first(consensus: str) -> None:
    weak = blurred("weak", 2.5)
    for views in ((blurred("one"), weak), (weak, blurred("one"))):
        findings = seen_by(*views, consensus=consensus)
        assert sorted(trust.judges for trust in findings.trust) == [False, True]
        assert column(findings, "p") == column(alone("one"), "p")
        assert findings.naming.n_exposed == alone("one").naming.n_exposed
        assert [second.kind for second in findings.second_opinions] == ["recogniser"]
        assert any("misses more than half of true matches" in caution for caution in findings.cautions)


def test_of_two_that_miss_most_true_matches_the_first_judges_alone() -> None:
    findings = seen_by(blurred("weak", 2.5), blurred("also weak", 2.5))
    assert [trust.judges for trust in findings.trust] == [True, False]
    assert "the recogniser misses" in " ".join([*findings.because, *findings.cautions])


def test_a_photo_that_changed_between_two_recognisers_is_said() -> None:
    first = null_grid.gathered(people(), 0).judges[0]
    tables = {**{role: crowd.table for role, crowd in first.crowds.items()}, "generated": first.generated}
    tables["heldout"] = tables["heldout"].take(list(range(len(tables["heldout"]) - 2)))
    with pytest.raises(InputError, match="2 heldout photos that the first recogniser saw could not be read again"):
        first.again("another", tables)
    assert together([first]) is first


def test_where_one_recogniser_knows_the_camera_the_split_is_not_fair_in_their_eyes_together() -> None:
    """Its embeddings of members and of samples are moved in one direction; held-out people's are not."""
    way = 0.5 * unit(np.random.default_rng(0).normal(size=(1, null_grid.DIM)))
    camera = blurred("two") | {role: unit(blurred("two")[role] + way) for role in _MOVED}
    joint, strict = (seen_by(blurred("one"), camera, consensus=consensus) for consensus in ("joint", "strict"))
    assert (joint.split_baseline.fairness, joint.naming.n_exposed) == ("not fair", None)
    assert strict.split_baseline.fairness != "not fair"
    planted = {f"training-{i:05d}" for i in range(12)}
    assert {person for person, exposed in column(strict, "exposed").items() if exposed} <= planted
