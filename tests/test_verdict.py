"""Every rule of the verdict fires where it says, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from probablyexists.answers import audit_verdict as verdict
from probablyexists.answers.audit_verdict import Judgement, judge
from probablyexists.answers.split_baseline import fairness
from probablyexists.basis.roles import TITLES, Role
from probablyexists.results.findings import (
    Affected,
    Copies,
    Data,
    ErrorRates,
    Fairness,
    Membership,
    Missed,
    Naming,
    RoleData,
    Sampling,
    SplitBaseline,
    Stratum,
    Threshold,
    Trust,
)
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.power import Power

NOT_HAD = Unresolvable("needs at least 9 people, has 1", 9, 1)


def figure(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value, value if low is None else low, value if high is None else high, 0.95, "by hand", 100)


def naming(
    n_exposed: int | None = 0, smallest_nameable: int = 1, for_verdict: int | None = None, suggestive: int | None = None
) -> Naming:
    stratum = Stratum(group=None, photos=2, n_members=300, n_heldout=9999, p_floor=1e-4)
    return Naming(
        level=0.05,
        n_members=300,
        n_exposed=n_exposed,
        verdict_level=0.03,
        n_for_verdict=n_exposed if for_verdict is None else for_verdict,
        n_suggestive=n_exposed if suggestive is None else suggestive,
        n_heldout=9999,
        p_floor=1e-4,
        smallest_nameable=smallest_nameable,
        strata=[stratum],
    )


def affected(n_named: int = 0, n_copied: int = 0, both: int = 0) -> Affected:
    return Affected(n=n_named + n_copied - both, n_named=n_named, n_copied=n_copied)


def copies(n_copies: int = 0, *, beyond_chance: bool = False, n_heldout: int = 5000, resolvable: bool = True) -> Copies:
    return Copies(
        n_copies=n_copies,
        n_samples=5000,
        n_distinct=(n_copies + 1) // 2,
        p=(1e-9 if beyond_chance else 0.4) if n_copies else None,
        beyond_chance=beyond_chance,
        threshold=0.8,
        highest=0.5,
        calibrated_on=n_heldout,
        heldout_rate=figure(0.0005),
        resolvable=resolvable,
    )


def membership(p: float | None = 0.4, population: str = "seen photos", copied: str = "out") -> Membership:
    return Membership.model_validate(
        {
            "population": population,
            "copies": copied,
            "level": "person",
            "auroc": figure(0.58, 0.54, 0.62),
            "tpr_at_fpr_1_percent": figure(0.01),
            "tpr_at_fpr_0_1_percent": NOT_HAD,
            "p": p,
        }
    )


def split(
    auroc: Figure | None = None,
    same_attack: Figure = NOT_HAD,
    fair: Fairness | None = None,
    counts: Figure = NOT_HAD,
) -> SplitBaseline:
    auroc = figure(0.5, 0.45, 0.55) if auroc is None else auroc
    return SplitBaseline(
        auroc=auroc,
        same_attack=same_attack,
        fairness=fair or fairness(auroc, same_attack),
        group_shift=None,
        names_shift=None,
        shift=NOT_HAD,
        photo_counts=counts,
    )


def missed(smallest: int | None = 10, n_members: int = 300, auroc: float | None = 0.56) -> Missed:
    share = None if smallest is None else smallest / n_members
    power = Power(smallest, share, 0.1 if smallest is None else 0.85, 0.5, 0.8, 50, n_members)
    return Missed(power=power, leaked_share=figure(0.0, 0.0, 0.02), smallest_auroc=auroc)


def sampling(n_distinct: int = 5000, with_face: Figure | None = None) -> Sampling:
    return Sampling(
        n_samples=5000,
        n_distinct=n_distinct,
        with_face=figure(0.97) if with_face is None else with_face,
        unseen_rate=1 - 0.05 ** (1 / n_distinct),
        curve=[],
    )


def trust(
    fnmr: Figure | None = None, kind: Threshold = "fmr-1-percent", overlaps: list[str] | None = None
) -> list[Trust]:
    rate = ErrorRates(
        kind=kind, name="in words", threshold=0.7, fmr=figure(0.01), fnmr=figure(0.1) if fnmr is None else fnmr
    )
    one = Trust(recogniser="dlib", judges=True, trained_on=None, overlaps=overlaps or [], photos=2, rates=[rate])
    return [one]


def role(name: str, n_acquired: int = 1000, n_no_face: int = 0) -> RoleData:
    return RoleData(
        role=name,
        source="folder",
        n_images=n_acquired + n_no_face,
        n_acquired=n_acquired,
        n_no_face=n_no_face,
        n_unreadable={},
        n_several_faces=0,
        n_repeated=None,
        n_people_given=300,
        people_set_aside={},
        n_people=300,
        faces="detect",
        faces_decided_by="asked for",
    )


def data(**failures: int) -> Data:
    """So many of 1,000 images without a face, by role."""
    roles = [role(r, 1000 - failures.get(r, 0), failures.get(r, 0)) for r in ("training", "heldout", "generated")]
    return Data(roles=roles, duplicates=[], n_duplicates_set_aside={}, clusters=None, sample_salt="5a17")


def ruling(**changed: Any) -> Judgement:
    """The judgement of an audit that found nothing and could have, but for what is changed."""
    parts: dict[str, Any] = {
        "affected": affected(),
        "naming": naming(),
        "copies": copies(),
        "membership": [membership(), membership(population="unseen photos")],
        "split_baseline": split(),
        "missed": missed(),
        "sampling": sampling(),
        "trust": trust(),
        "data": data(),
    }
    return judge(**{**parts, **changed})


BIASED = split(figure(0.7, 0.61, 0.79))


def test_nothing_found_and_enough_power_is_no_evidence() -> None:
    found = ruling()
    assert found.verdict == "no evidence"
    assert "10 of 300" in found.sentence
    assert "power" in found.sentence
    assert any("AUROC of 0.56" in reason for reason in found.because)
    assert any("1 in 1,670" in reason for reason in found.because)  # 1 / (1 - 0.05^(1 / 5000)) = 1669.6
    assert not any("no higher" in text for text in [found.sentence, *found.because])
    assert found.cautions == []


# --- leak -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "words"), [(1, "1 person"), (7, "7 people")])
def test_one_named_person_is_a_leak(n: int, words: str) -> None:
    found = ruling(naming=naming(n_exposed=n), affected=affected(n))
    assert found.verdict == "leak"
    assert words in found.sentence
    assert any("named" in reason for reason in found.because)


def test_the_level_asked_for_does_not_move_the_verdict() -> None:
    few = ruling(naming=naming(n_exposed=2, for_verdict=0), affected=affected(2))
    assert few.verdict == "inconclusive"
    assert any("2 members are named" in reason and "3 %" in reason for reason in few.because)
    lax = ruling(naming=naming(n_exposed=9, for_verdict=0, suggestive=0), affected=affected(9))
    assert lax.verdict == "no evidence"
    assert any("the verdict does not count them" in caution for caution in lax.cautions)
    strict = ruling(naming=naming(n_exposed=0, for_verdict=2, suggestive=2))
    assert strict.verdict == "leak"
    assert "nobody is named at the level asked for" in strict.sentence


def test_how_many_people_are_given_away_says_at_which_level_they_are_named() -> None:
    """The sentence counted names at 5 %, the reason below it those at 3 %."""
    some = ruling(naming=naming(n_exposed=8, for_verdict=6), affected=affected(8))
    assert (
        "gives away 8 people it was trained on (8 named at 5 %, 6 at the 3 % that the verdict asks for)"
        in some.sentence
    )
    assert any("6 of 300 members are named at a false discovery rate of 3 %" in reason for reason in some.because)
    copied = copies(30, beyond_chance=True)
    none = ruling(naming=naming(n_exposed=2, for_verdict=0), affected=affected(2, 9), copies=copied)
    assert (
        "gives away 9 people it was trained on and may give away 2 more (2 named at 5 %, none at the 3 % that"
        in none.sentence
    )
    assert "named at" not in ruling(naming=naming(n_exposed=6), affected=affected(6)).sentence


@pytest.mark.parametrize("population", ["seen photos", "unseen photos"])
@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (verdict.GROUP_P, "leak"),
        (verdict.GROUP_P * 1.01, "inconclusive"),
        (verdict.SUGGESTIVE_LEVEL, "inconclusive"),
        (verdict.SUGGESTIVE_LEVEL * 1.01, "no evidence"),
        (None, "no evidence"),
    ],
)
def test_members_as_a_group(population: str, p: float | None, expected: str) -> None:
    found = ruling(membership=[membership(), membership(p, population)])
    assert found.verdict == expected
    assert any(population in reason for reason in found.because) == (expected != "no evidence")
    if expected == "leak":
        assert "nobody can be named" in found.sentence


def test_the_group_is_judged_without_the_copies() -> None:
    assert ruling(membership=[membership(1e-9, copied="in"), membership()]).verdict == "no evidence"


def test_copies_beyond_chance_are_a_leak_and_others_stand_in_nobodys_way() -> None:
    found = ruling(copies=copies(30, beyond_chance=True), affected=affected(n_copied=9))
    assert found.verdict == "leak"
    assert "9 people" in found.sentence
    assert "30 samples" in found.sentence
    assert any("15 distinct" in reason for reason in found.because)
    few = ruling(copies=copies(4))
    assert few.verdict == "no evidence"
    assert any("4 samples look like copies" in caution for caution in few.cautions)


def test_everything_at_once_is_told() -> None:
    found = ruling(
        naming=naming(3),
        affected=affected(3, 5, both=1),
        copies=copies(30, beyond_chance=True),
        membership=[membership(1e-6)],
        data=data(training=400),
    )
    assert found.verdict == "leak"
    assert "7 people" in found.sentence
    assert "30 samples" in found.sentence
    assert len(found.because) == 3
    assert any("no face" in caution for caution in found.cautions)  # obstacles do not take a leak back


# --- a split that was not random -----------------------------------------------------------------------------


def test_an_unfair_split_takes_back_what_faces_say_but_no_copies() -> None:
    faces = {"naming": naming(None), "membership": [membership(1e-9)]}
    found = ruling(**faces, split_baseline=BIASED)
    assert found.verdict == "inconclusive"
    assert any("split was not random" in reason and "nobody is named" in reason for reason in found.because)
    found = ruling(**faces, copies=copies(30, beyond_chance=True), affected=affected(n_copied=4), split_baseline=BIASED)
    assert found.verdict == "leak"
    assert "4 people" in found.sentence
    assert not any("named at" in reason or "group" in reason for reason in found.because)


@pytest.mark.parametrize(
    ("auroc", "same_attack", "expected"),
    [
        (figure(0.5, 0.45, 0.55), NOT_HAD, "fair"),
        (figure(0.5, 0.38, 0.62), NOT_HAD, "not shown"),
        (figure(0.5, 0.38, 0.62), figure(0.5, 0.42, 0.58), "fair"),
        (figure(0.65, 0.61, 0.7), figure(0.5, 0.42, 0.58), "not fair"),
        (figure(0.5, 0.45, 0.55), figure(0.3, 0.2, 0.39), "not fair"),  # members are unlike the held-out people
        (NOT_HAD, NOT_HAD, "not shown"),
    ],
)
def test_how_fair_the_split_is(auroc: Figure, same_attack: Figure, expected: str) -> None:
    assert fairness(auroc, same_attack) == expected


def test_a_guard_too_blind_to_see_an_unfair_split_takes_the_group_back() -> None:
    found = ruling(membership=[membership(1e-9)], split_baseline=split(figure(0.5, 0.38, 0.62)))
    assert found.verdict == "inconclusive"
    assert any("too few people to tell" in caution for caution in found.cautions)


def test_a_split_that_differs_by_nobody_knows_how_much_is_said_once_and_not_taken_back() -> None:
    """ "Differ clearly even without the generator" stood beside "too few people to tell whether they would"."""
    apart = split(figure(0.64, 0.53, 0.75))
    found = ruling(membership=[membership(1e-9)], split_baseline=apart)
    assert found.verdict == "inconclusive"
    (caution,) = (text for text in found.cautions if "without the generator" in text)
    assert caution == (
        "members and held-out people differ clearly even without the generator (AUROC 0.64 instead of 0.50, 95 % "
        "interval 0.53 to 0.75): by how much, there are too few people to tell, so no difference between the groups is "
        "put down to training"
    )
    assert "they do so without the generator too, and there are too few people to tell by how much" in found.because[0]
    assert not any("too few people to tell whether" in text for text in [*found.because, *found.cautions])


def test_a_baseline_that_explains_the_group_takes_it_back() -> None:
    found = ruling(membership=[membership(1e-9)], split_baseline=split(figure(0.56, 0.52, 0.59)))
    assert found.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("value", "words"), [(figure(0.54, 0.51, 0.57), "a little"), (figure(0.57, 0.55, 0.59), "clearly")]
)
def test_a_difference_is_worded_by_its_estimate(value: Figure, words: str) -> None:
    assert any(f"differ {words}" in caution for caution in ruling(split_baseline=split(value)).cautions)


def test_members_with_far_more_photos_are_not_compared_as_a_group() -> None:
    many = split(counts=figure(0.9, 0.85, 0.94))
    found = ruling(membership=[membership(1e-9)], split_baseline=many)
    assert found.verdict == "inconclusive"
    assert any("far more photos" in caution for caution in found.cautions)
    assert not any("far" in caution for caution in ruling(split_baseline=split(counts=figure(0.6))).cautions)


# --- inconclusive ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (missed(30), "no evidence"),
        (missed(31), "inconclusive"),
        (missed(None), "inconclusive"),
        (missed(1, 5), "no evidence"),  # one of five is more than 10 %, but nobody can do better than one person
        (missed(2, 5), "inconclusive"),
        (missed(auroc=0.60), "no evidence"),
        (missed(auroc=0.61), "inconclusive"),  # members as a group might score clearly higher, unnoticed
        (missed(auroc=None), "inconclusive"),
        (Missed(power=NOT_HAD, leaked_share=NOT_HAD, smallest_auroc=0.55), "inconclusive"),
    ],
)
def test_power_decides_what_silence_means(power: Missed, expected: str) -> None:
    assert ruling(missed=power).verdict == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (sampling(1000), "no evidence"),
        (sampling(999), "inconclusive"),
        (sampling(10), "inconclusive"),
        (sampling(with_face=figure(0.5)), "no evidence"),
        (sampling(with_face=figure(0.49)), "inconclusive"),
        (sampling(with_face=NOT_HAD), "inconclusive"),
    ],
)
def test_samples_that_show_too_little_clear_nobody(given: Sampling, expected: str) -> None:
    found = ruling(sampling=given)
    assert found.verdict == expected
    if expected == "inconclusive":
        assert any("distinct samples" in reason or "face" in reason for reason in found.because)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (trust(figure(0.51)), "inconclusive"),
        (trust(figure(0.50)), "no evidence"),
        (trust(NOT_HAD), "no evidence"),
        (trust(figure(0.9), "resemblance"), "no evidence"),
    ],
)
def test_a_recogniser_that_is_blind_here(given: list[Trust], expected: str) -> None:
    assert ruling(trust=given).verdict == expected


@pytest.mark.parametrize("name", ["training", "heldout", "generated"])
def test_too_many_images_without_a_face(name: Role) -> None:
    alike = {} if name == "generated" else {"training": 150, "heldout": 150}
    assert ruling(data=data(**{**alike, name: 200})).verdict == "no evidence"
    found = ruling(data=data(**{**alike, name: 201}))
    assert found.verdict == "inconclusive"
    assert any(TITLES[name] in reason for reason in found.because)


@pytest.mark.parametrize(("training", "heldout"), [(150, 0), (0, 150)])
def test_failures_that_differ_between_the_sides(training: int, heldout: int) -> None:
    found = ruling(data=data(training=training, heldout=heldout))
    assert found.verdict == "inconclusive"
    assert any("differ" in reason for reason in found.because)
    assert ruling(data=data(training=150, heldout=100, generated=0)).verdict == "no evidence"


def test_a_role_without_any_image_divides_nothing_by_zero() -> None:
    roles = [role("training"), role("heldout"), role("generated", 0, 0)]
    assert ruling(data=data().model_copy(update={"roles": roles})).verdict


# --- cautions -------------------------------------------------------------------------------------------------


def test_cautions() -> None:
    assert any(
        "with 200 held-out photos, false copies may be more frequent" in c
        for c in ruling(copies=copies(n_heldout=200, resolvable=False)).cautions
    )
    assert any("nobody can be named" in c for c in ruling(naming=naming(smallest_nameable=6)).cautions)
    assert ruling(naming=naming(smallest_nameable=1)).cautions == []


def test_no_judgement_ever_calls_a_generator_private_or_safe() -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"naming": naming(1), "affected": affected(1)},
        {"naming": naming(None), "split_baseline": BIASED},
        {"copies": copies(1)},
        {"copies": copies(40, beyond_chance=True), "affected": affected(0, 3)},
        {"copies": copies(40, beyond_chance=True), "naming": naming(2), "affected": affected(2, 3)},
        {"copies": copies(resolvable=False), "naming": naming(smallest_nameable=9)},
        {"membership": [membership(1e-5)]},
        {"missed": missed(None)},
        {"missed": missed(200)},
        {"missed": missed(auroc=0.7)},
        {"sampling": sampling(10)},
        {"sampling": sampling(with_face=figure(0.0))},
        {"trust": trust(figure(0.8))},
        {"data": data(training=500)},
        {"data": data(generated=999)},
        {"split_baseline": split(figure(0.56, 0.52, 0.59))},
        {"split_baseline": split(NOT_HAD)},
    ]
    seen = set()
    for changed in variants:
        found = ruling(**changed)
        seen.add(found.verdict)
        text = " ".join([found.verdict, found.sentence, *found.because, *found.cautions]).lower()
        for word in ("private", "safe", "secure", "anonymous", "no leak", "does not leak"):
            assert word not in text, (changed, text)
    assert seen == {"leak", "no evidence", "inconclusive"}


def test_an_overlap_with_the_recognisers_own_people_is_a_caution() -> None:
    found = ruling(trust=trust(overlaps=["training", "heldout"]))
    assert any("the training photos and heldout photos may show people the recogniser" in c for c in found.cautions)
    assert not any("people the recogniser" in caution for caution in ruling().cautions)
