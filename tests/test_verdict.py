"""Every rule of the verdict fires where it says, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binom

from probablyexists.answers import audit_verdict as verdict
from probablyexists.answers.audit_verdict import Judgement, judge
from probablyexists.basis.roles import TITLES, Role
from probablyexists.results.findings import (
    Copies,
    Data,
    ErrorRates,
    Membership,
    Missed,
    Naming,
    RoleData,
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


def naming(n_exposed: int = 0, smallest_nameable: int = 1) -> Naming:
    stratum = Stratum(photos=2, n_members=300, n_heldout=9999, p_floor=1e-4)
    return Naming(
        level=0.05,
        n_members=300,
        n_exposed=n_exposed,
        n_heldout=9999,
        p_floor=1e-4,
        smallest_nameable=smallest_nameable,
        strata=[stratum],
    )


def copies(
    n_copies: int = 0,
    n_samples: int = 1000,
    highest: float | None = 0.5,
    n_heldout: int = 5000,
    resolvable: bool = True,
) -> Copies:
    return Copies(
        n_copies=n_copies,
        n_samples=n_samples,
        threshold=0.8,
        highest=highest,
        calibrated_on=n_heldout,
        heldout_rate=figure(0.0005),
        resolvable=resolvable,
    )


def membership(p: float | None = 0.4, population: str = "seen photos", level: str = "person") -> Membership:
    return Membership.model_validate(
        {
            "population": population,
            "level": level,
            "auroc": figure(0.51, 0.47, 0.55),
            "tpr_at_fpr_1_percent": figure(0.01),
            "tpr_at_fpr_0_1_percent": NOT_HAD,
            "p": p,
        }
    )


def missed(smallest: int | None = 10, n_members: int = 300) -> Missed:
    share = None if smallest is None else smallest / n_members
    power = 0.1 if smallest is None else 0.85
    return Missed(power=Power(smallest, share, power, 0.5, 0.8, 50, n_members))


def trust(fnmr: Figure | None = None, kind: Threshold = "fmr-1-percent", overlaps: list[str] | None = None) -> Trust:
    rate = ErrorRates(
        kind=kind, name="in words", threshold=0.7, fmr=figure(0.01), fnmr=figure(0.1) if fnmr is None else fnmr
    )
    return Trust(recogniser="dlib", trained_on=None, overlaps=overlaps or [], photos=2, rates=[rate])


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
    return Data(roles=roles, duplicates=[], n_duplicates_set_aside={}, clusters=None)


def ruling(**changed: Any) -> Judgement:
    """The judgement of an audit that found nothing and could have, but for what is changed."""
    parts: dict[str, Any] = {
        "naming": naming(),
        "copies": copies(),
        "membership": [membership(), membership(population="unseen photos")],
        "split_baseline": SplitBaseline(auroc=figure(0.5, 0.45, 0.55)),
        "missed": missed(),
        "trust": trust(),
        "data": data(),
    }
    return judge(**{**parts, **changed})


BIASED = SplitBaseline(auroc=figure(0.7, 0.61, 0.79))


def test_nothing_found_and_enough_power_is_no_evidence() -> None:
    found = ruling()
    assert found.verdict == "no evidence"
    assert "10 of 300" in found.sentence
    assert "power" in found.sentence
    assert found.because
    assert found.cautions == []


# --- leak -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "words"), [(1, "1 person"), (7, "7 people")])
def test_one_named_person_is_a_leak(n: int, words: str) -> None:
    found = ruling(naming=naming(n_exposed=n))
    assert found.verdict == "leak"
    assert words in found.sentence
    assert any("named" in reason for reason in found.because)


@pytest.mark.parametrize("population", ["seen photos", "unseen photos"])
@pytest.mark.parametrize(("p", "leaks"), [(verdict.GROUP_P, True), (verdict.GROUP_P * 1.01, False), (None, False)])
def test_members_as_a_group(population: str, p: float | None, leaks: bool) -> None:
    found = ruling(membership=[membership(), membership(p, population)])
    assert found.verdict == ("leak" if leaks else "no evidence")
    assert any(population in reason for reason in found.because) == leaks
    if leaks:
        assert "nobody can be named" in found.sentence


def copies_by_chance(n_samples: int) -> tuple[int, int]:
    """(most copies that chance explains, fewest that it does not)."""
    n = 1
    while binom.sf(n - 1, n_samples, 0.001) > verdict.COPIES_P:
        n += 1
    return n - 1, n


@pytest.mark.parametrize("n_samples", [10, 1000, 20_000])
def test_many_copies_are_a_leak_and_few_are_not_certain(n_samples: int) -> None:
    few, many = copies_by_chance(n_samples)
    # Half as many again: the held-out photos behind the rate leave it uncertain.
    found = ruling(copies=copies(2 * many + 2, n_samples))
    assert found.verdict == "leak"
    assert "reproduces training photos" in found.sentence
    if few:
        found = ruling(copies=copies(few, n_samples))
        assert found.verdict == "inconclusive"
        assert any("chance" in reason for reason in found.because)


@pytest.mark.parametrize(
    ("highest", "expected"), [(verdict.CERTAIN_COPY, "leak"), (verdict.CERTAIN_COPY - 0.01, "inconclusive")]
)
def test_one_certain_copy_is_enough(highest: float, expected: str) -> None:
    found = ruling(copies=copies(1, 10_000, highest))
    assert found.verdict == expected
    if expected == "leak":
        assert "1 sample" in found.sentence
        assert any("reproduces " in reason for reason in found.because)


def test_a_high_correlation_without_a_copy_is_nothing() -> None:
    assert ruling(copies=copies(0, 1000, 0.99)).verdict == "no evidence"


def test_everything_at_once_is_told() -> None:
    found = ruling(
        naming=naming(3), copies=copies(30, 1000, 0.99), membership=[membership(1e-6)], data=data(training=400)
    )
    assert found.verdict == "leak"
    assert "3 people" in found.sentence
    assert "30 samples" in found.sentence
    assert len(found.because) == 3
    assert any("no face" in caution for caution in found.cautions)  # obstacles do not take a leak back


# --- a split that was not random -----------------------------------------------------------------------------


def test_an_unfair_split_takes_back_what_faces_say_but_no_copies() -> None:
    faces = {"naming": naming(5), "membership": [membership(1e-9)]}
    found = ruling(**faces, split_baseline=BIASED)
    assert found.verdict == "inconclusive"
    assert any("split was not random" in reason for reason in found.because)
    found = ruling(**faces, copies=copies(30, 1000, 0.99), split_baseline=BIASED)
    assert found.verdict == "leak"
    assert "person" not in found.sentence
    assert "5 people" not in found.sentence
    assert not any("named" in reason for reason in found.because)


def test_the_blind_baseline_at_its_limits() -> None:
    at = SplitBaseline(auroc=figure(0.65, verdict.UNFAIR_SPLIT, 0.7))
    assert any("differ a little" in caution for caution in ruling(split_baseline=at).cautions)
    assert not any("split was not random" in r for r in ruling(split_baseline=at).because)
    assert ruling(split_baseline=SplitBaseline(auroc=figure(0.55, 0.5, 0.6))).cautions == []
    assert ruling(split_baseline=BIASED).verdict == "inconclusive"
    assert ruling(split_baseline=SplitBaseline(auroc=NOT_HAD)).verdict == "no evidence"


# --- inconclusive ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (missed(30), "no evidence"),
        (missed(31), "inconclusive"),
        (missed(None), "inconclusive"),
        (missed(1, 5), "no evidence"),  # one of five is more than 10 %, but nobody can do better than one person
        (missed(2, 5), "inconclusive"),
        (Missed(power=NOT_HAD), "inconclusive"),
    ],
)
def test_power_decides_what_silence_means(power: Missed, expected: str) -> None:
    assert ruling(missed=power).verdict == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (trust(figure(0.51)), "inconclusive"),
        (trust(figure(0.50)), "no evidence"),
        (trust(NOT_HAD), "no evidence"),
        (trust(figure(0.9), "resemblance"), "no evidence"),
    ],
)
def test_a_recogniser_that_is_blind_here(given: Trust, expected: str) -> None:
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
    assert ruling(data=Data(roles=roles, duplicates=[], n_duplicates_set_aside={}, clusters=None)).verdict


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
        {"naming": naming(1)},
        {"naming": naming(3), "split_baseline": BIASED},
        {"copies": copies(1)},
        {"copies": copies(40, 1000, 0.99)},
        {"copies": copies(40, 1000, 0.99), "naming": naming(2)},
        {"copies": copies(resolvable=False), "naming": naming(smallest_nameable=9)},
        {"membership": [membership(1e-5)]},
        {"missed": missed(None)},
        {"missed": missed(200)},
        {"missed": Missed(power=NOT_HAD)},
        {"trust": trust(figure(0.8))},
        {"data": data(training=500)},
        {"data": data(generated=999)},
        {"split_baseline": SplitBaseline(auroc=figure(0.56, 0.52, 0.6))},
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
