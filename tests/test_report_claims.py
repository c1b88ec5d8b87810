"""What the report and the terminal claim: no more than was shown, and no two sentences that disagree."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probablyexists.answers.audit_verdict import judge
from probablyexists.cli.summary import summary
from probablyexists.report.answer_parts import Answer
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.charts import dose_chart
from probablyexists.report.group_texts import by_group
from probablyexists.report.marks import ALARM
from probablyexists.report.page import render, tight, withheld
from probablyexists.report.people_texts import affected_people
from probablyexists.report.words import NO_BREAK
from probablyexists.results.findings import (
    Affected,
    Findings,
    GroupFindings,
    Membership,
    Population,
    Sampling,
    SecondOpinion,
    SplitBaseline,
)
from probablyexists.stats.estimate import Estimate, Unresolvable
from test_report import LEVELS, TOO_FEW, estimate, page, sample_exhibits, sample_findings, trust


def text_of(findings: Findings) -> str:
    return page(findings, sample_exhibits(findings)).text.replace(NO_BREAK, " ")


def told(findings: Findings) -> list[str]:
    """Each answer's sentence and what follows it."""
    return [_said(answer) for answer in seven_answers(findings)]


def _said(answer: Answer) -> str:
    return f"{answer.sentence} {answer.detail}".strip().replace(NO_BREAK, " ")


def judged(findings: Findings) -> Findings:
    """The same findings with the verdict that the rules give."""
    parts = ("affected", "naming", "copies", "membership", "split_baseline", "missed", "sampling", "trust", "data")
    judgement = judge(**{name: getattr(findings, name) for name in parts})
    return findings.model_copy(update=vars(judgement))


def membership(
    population: Population, auroc: float, found: float, p: float, *, with_copies: float | None = None
) -> list[Membership]:
    """Answer 1 for one population: with the copies out and, where `with_copies` is its AUROC, in."""
    values = [("out", auroc, found, p)] + ([] if with_copies is None else [("in", with_copies, 3 * found, p / 1000)])
    return [
        Membership.model_validate(
            {
                "population": population,
                "copies": copies,
                "level": level,
                "auroc": estimate(value, value - 0.05, value + 0.05),
                "tpr_at_fpr_1_percent": estimate(share, share / 3, 2 * share),
                "tpr_at_fpr_0_1_percent": TOO_FEW,
                "p": its if level == "person" else None,
            }
        )
        for copies, value, share, its in values
        for level in LEVELS
    ]


def split(auroc: float, same_attack: float, width: float, fairness: str, **changes: Any) -> SplitBaseline:
    parts: dict[str, Any] = {
        "auroc": estimate(auroc, auroc - width, auroc + width),
        "same_attack": estimate(same_attack, same_attack - width, same_attack + width),
        "fairness": fairness,
        "group_shift": 0.8,
        "names_shift": 1.4,
        "shift": estimate(0.1, -0.1, 0.3),
        "photo_counts": estimate(0.5, 0.45, 0.55),
    }
    return SplitBaseline.model_validate(parts | changes)


def nobody_named(findings: Findings, *, copied: bool) -> dict[str, Any]:
    """Rows, counts and samples of the same people if nobody is named by likeness."""
    exposure = np.random.default_rng(3).normal(0, 1, 240)
    people = [
        row
        | {"exposed": False, "p": 0.2 + i / 400, "q": 0.9, "exposure": float(exposure[i])}
        | {"reason": "copied" if copied and row["copies"] else None, "copies": row["copies"] if copied else 0}
        for i, row in enumerate(findings.people.to_pylist())
    ]
    left = {"copy"} if copied else set()
    samples = [
        row if row["kind"] in left else row | {"kind": "none", "person": None, "copy_of": None}
        for row in findings.samples.to_pylist()
    ]
    return {
        "people": people,
        "samples": samples,
        "affected": Affected(n=9 * copied, n_named=0, n_copied=9 * copied),
        "naming": findings.naming.model_copy(update={"n_exposed": 0, "n_for_verdict": 0, "n_suggestive": 0}),
        "resemblance": findings.resemblance.model_copy(
            update={"n_likenesses": 0, "members": 0.031, "excess": estimate(0.002, -0.01, 0.014)}
        ),
    }


def by_names() -> Findings:
    leak = sample_findings(n_named=11)
    affected = Affected(n=17, n_named=11, n_copied=9)
    rows = [
        row | {"copies": int(i in range(8, 17)), "reason": _why(i < 11, i in range(8, 17))}
        for i, row in enumerate(leak.people.to_pylist())
    ]
    figures = membership("seen photos", 0.64, 0.2, 0.0004, with_copies=0.7) + membership(
        "unseen photos", 0.6, 0.1, 0.02
    )
    return judged(sample_findings(n_named=11, people=rows, affected=affected, membership=figures))


def _why(named: bool, copied: bool) -> str | None:
    return {(True, True): "named and copied", (True, False): "named", (False, True): "copied"}.get((named, copied))


def by_copies_only() -> Findings:
    figures = membership("seen photos", 0.58, 0.012, 0.08, with_copies=0.66)
    parts = nobody_named(sample_findings(), copied=True)
    fair = split(0.49, 0.51, 0.06, "fair", group_shift=None, names_shift=None)
    return judged(sample_findings(**parts, membership=figures, split_baseline=fair))


def by_group_only() -> Findings:
    figures = membership("seen photos", 0.62, 0.03, 0.0003) + membership("unseen photos", 0.58, 0.02, 0.001)
    return judged(sample_findings("no evidence", membership=figures, split_baseline=split(0.49, 0.51, 0.06, "fair")))


def nothing_found(**changes: Any) -> Findings:
    figures = membership("seen photos", 0.58, 0.011, 0.08)
    fair = split(0.49, 0.51, 0.06, "fair", group_shift=None, names_shift=None)
    return judged(sample_findings("no evidence", **({"membership": figures, "split_baseline": fair} | changes)))


def few_samples() -> Findings:
    few = Sampling(n_samples=118, n_distinct=10, with_face=estimate(0.98, 0.93, 1.0), unseen_rate=0.26, curve=[])
    return nothing_found(sampling=few)


def unfair_split() -> Findings:
    leak = sample_findings()
    parts = nobody_named(leak, copied=False)
    parts["naming"] = leak.naming.model_copy(update={"n_exposed": None, "n_for_verdict": None, "n_suggestive": None})
    parts["copies"] = leak.copies.model_copy(update={"n_copies": 2, "n_distinct": 2, "p": 0.3, "beyond_chance": False})
    figures = membership("seen photos", 0.74, 0.12, 0.00001)
    other = SecondOpinion(kind="attack", id="plda/1", auroc={"seen photos": estimate(0.7, 0.6, 0.8)}, n_exposed=None)
    unfair = split(0.79, 0.72, 0.05, "not fair", names_shift=None, shift=estimate(0.9, 0.7, 1.1))
    return judged(sample_findings(**parts, membership=figures, split_baseline=unfair, second_opinions=[other]))


def too_few_for_the_split() -> Findings:
    figures = membership("seen photos", 0.64, 0.2, 0.0004)
    return judged(sample_findings(membership=figures, split_baseline=split(0.55, 0.52, 0.17, "not shown")))


def group(name: str, n: int, fmr: tuple[float, float, float] | None, *, within: bool = True) -> GroupFindings:
    return GroupFindings(
        group=name,
        n_members=n,
        n_heldout=3 * n,
        within=within,
        auroc={"seen photos": estimate(0.66, 0.58, 0.73, n)},
        n_named=3,
        fmr=TOO_FEW if fmr is None else estimate(*fmr, n=3 * n),
        fnmr=estimate(0.2, 0.12, 0.3, 3 * n),
    )


HOSTILE = "<script>alert('g')</script> and a name that nobody has shortened yet"


def groups() -> Findings:
    leak = sample_findings(n_named=11)
    people = [row | {"group": ("east", "west", HOSTILE)[i % 3]} for i, row in enumerate(leak.people.to_pylist())]
    found = [
        group("east", 80, (0.121, 0.09, 0.158)),
        group("west", 120, (0.0031, 0.0019, 0.0046)),
        group(HOSTILE, 40, None, within=False),
    ]
    return judged(sample_findings(n_named=11, people=people, groups=found))


def noise() -> Findings:
    none = Sampling(n_samples=64, n_distinct=64, with_face=estimate(0.0, 0.0, 0.056), unseen_rate=0.046, curve=[])
    return nothing_found(sampling=none)


def several_recognisers() -> Findings:
    blind = trust(recogniser="onnx/random.onnx/0a1b", judges=False)
    blind = blind.model_copy(update={"rates": [r.model_copy(update={"fnmr": FNMR}) for r in blind.rates]})
    return judged(sample_findings(n_named=11, trust=[trust(), trust(recogniser="onnx/second.onnx/99"), blind]))


FNMR = estimate(0.93, 0.9, 0.96)
CASES: list[Callable[[], Findings]] = [
    by_names,
    by_copies_only,
    by_group_only,
    nothing_found,
    few_samples,
    unfair_split,
    too_few_for_the_split,
    groups,
    noise,
    several_recognisers,
]


@pytest.mark.parametrize("case", CASES)
def test_no_page_contradicts_its_verdict_or_itself(case: Callable[[], Findings]) -> None:
    findings = case()
    said = text_of(findings) + summary(findings, Path("o"))
    assert not re.search(r"score no higher|\b(safe|private|anonymous)\b", said)
    if findings.verdict != "leak" or findings.split_baseline.fairness != "fair":
        assert "what training added" not in said
    if findings.affected.n:
        assert "Others may have been missed." in told(findings)[5]
        assert "had leaked" not in told(findings)[5]
    else:
        assert "thers may have been missed" not in said
    for m in findings.membership:
        answer = told(findings)[0]
        if m.level == "person" and m.copies == "out" and m.p is not None and m.population == "seen photos":
            assert ("which chance can explain" in answer) == (m.p > 0.05)
            assert ("not shown" in answer.lower()) == (m.p > 0.05 and findings.naming.n_exposed is not None)


def test_people_affected_are_one_count_everywhere() -> None:
    findings = by_names()
    text, terminal = text_of(findings), summary(findings, Path("o"))
    assert "People affected 17 of 240 members: 11 named by likeness, 6 more copied" in text
    assert "17 of 240 members are affected: 11 named by likeness, 6 more copied." in told(findings)[1]
    assert "17 members are affected: 11 named by likeness, 6 more copied." in text
    assert "People affected: 17 of 240 members (11 named by likeness, 6 more copied)" in terminal
    assert "gives away 17 people" in findings.sentence
    rows = re.findall(r'<td class="why"[^>]*>([^<]*)</td>', render(findings, [], show_faces=False))
    assert rows == sorted(rows, key=lambda why: why == "copied")
    assert {why: rows.count(why) for why in set(rows)} == {"named": 8, "named and copied": 3, "copied": 6}


def test_withhold_lists_copies_also_where_nobody_counts_as_affected() -> None:
    findings = sample_findings(affected=Affected(n=6, n_named=6, n_copied=0))
    within = findings.copies.model_copy(update={"beyond_chance": False, "p": 0.3})
    findings = findings.model_copy(update={"copies": within})
    assert len(withheld(findings)) == 3 * 6 + 9
    assert (
        "9 of 1,200 samples look like copies of a training photo, no more than chance explains (p = 0.30)"
        in (told(findings)[3])
    )
    assert "Look like copies 9 of 1,200 samples; no more than chance explains" in text_of(findings)
    assert "Copies? 9 of 1,200 samples look like copies, no more than chance explains" in summary(findings, Path("o"))


def test_answer_1_leads_with_those_for_whom_it_is_yes() -> None:
    alone = told(too_few_for_the_split().model_copy(update={"affected": Affected(n=0, n_named=0, n_copied=0)}))[0]
    assert alone.startswith(
        "For some yes, for the others no: 20 % of members are found at 1 % false alarms. Given training"
    )
    answer = told(by_names())[0]
    assert answer.startswith(
        "For some, yes: 17 people are given away (11 named by likeness, 6 more copied; answer 2). What an attacker "
        "sees, copies included: 60 % of members are found at 1 % false alarms. Identity alone, copies left out: for "
        "some yes, for the others no: 20 % of members are found at 1 % false alarms."
    )
    assert "With other photos of the same people, not trained on: for some yes, for the others no: 10 %" in answer


@pytest.mark.parametrize(("p", "begins"), [(0.031, "Yes, a little, spread"), (0.051, "Not shown.")])
def test_one_test_decides_one_sentence(p: float, begins: str) -> None:
    """An interval that excludes 0.5, or does not, beside a p-value on the other side of 0.05 changes nothing."""
    for low in (0.49, 0.51):
        figures = [
            m.model_copy(update={"auroc": estimate(0.58, low, 0.66)}) for m in membership("seen photos", 0.58, 0.012, p)
        ]
        answer = told(nothing_found(membership=figures))[0]
        assert answer.startswith(begins)
        assert ("which chance can explain" in answer) == (p > 0.05)
        assert f"p = {p:.3f}" in answer


def test_copies_alone_do_not_hide_behind_an_average() -> None:
    answer = told(by_copies_only())[0]
    assert answer.startswith("For some, yes: 9 people are copied (answer 2). What an attacker sees, copies included: ")
    assert "Identity alone, copies left out: not shown." in answer
    assert told(by_copies_only())[1].startswith(
        "9 of 240 members are affected: all copied. Nobody is named by likeness."
    )


def test_what_an_attacker_sees_is_no_smaller_than_identity_alone() -> None:
    """Where nobody in particular is found, both are told by pairs."""
    figures = membership("seen photos", 0.73, 0.0, 0.0004, with_copies=0.74)
    answer = told(sample_findings(membership=figures))[0]
    assert "What an attacker sees, copies included: the member is picked in 74 of 100 cases (guessing: 50)." in answer
    assert "Identity alone, copies left out: yes. Given" in answer
    assert "0 % of members are found" not in answer


def test_one_certain_copy_stands_beside_no_p_value_that_contradicts_it() -> None:
    leak = sample_findings()
    sure = leak.copies.model_copy(update={"n_copies": 1, "n_distinct": 1, "p": 0.66})
    findings = leak.model_copy(update={"copies": sure})
    assert (
        "1 of 1,200 samples is a copy of a training photo. The closest has a pixel correlation of 0.991, which"
        in (told(findings)[3])
    )
    assert not any(line.label.startswith("p if") for line in seven_answers(findings)[3].more)
    assert any(line.label.startswith("p if") for line in seven_answers(leak)[3].more)


def test_one_person_is_told_in_the_singular() -> None:
    alone = sample_findings(n_named=1, affected=Affected(n=1, n_named=1, n_copied=0))
    assert told(alone)[1].startswith("1 of 240 members is affected: named by likeness. At most 5 % of the names")
    assert "People affected 1 of 240 members: named by likeness" in text_of(alone)
    assert "share the smallest p-value" not in text_of(alone)


def test_the_person_with_most_photos_is_drawn_over_their_own_number_of_photos() -> None:
    """Also where they are the only one with about so many, so that their group has no mean."""
    leak = sample_findings()
    points = [*leak.dose.points[:-1], leak.dose.points[-1].model_copy(update={"mean_exposure": TOO_FEW})]
    findings = leak.model_copy(update={"dose": leak.dose.model_copy(update={"points": points})})
    chart = dose_chart(findings)
    assert chart is not None
    (square,) = [mark for mark in chart.wide.marks if mark.tag == "rect" and mark.attributes["fill"] == ALARM]
    (last,) = [mark for mark in chart.wide.marks if mark.text == "8–12"]
    assert float(square.attributes["x"]) + 5 == pytest.approx(float(last.attributes["x"]), abs=20)


def test_an_unfair_split_claims_nothing_and_says_once_what_to_do() -> None:
    findings = unfair_split()
    text, terminal = text_of(findings), summary(findings, Path("o"))
    assert findings.verdict == "inconclusive"
    assert text.count("Draw the held-out people at random from the same source as the members, before training") == 1
    assert "People affected — no names are claimed: the split is not fair" in text
    for answer in (1, 2, 4):
        assert told(findings)[answer].startswith("Not claimed: members and strangers differ even without")
        assert not seven_answers(findings)[answer].lines
    for claim in ("what training", "members are found at", "members named", "excess", "score above", "0.8 standard"):
        assert claim not in text.split("Method and signature")[1].lower()
        assert claim not in terminal
    assert "People affected: not claimed, as the split is not fair" in terminal
    assert (
        "Is the split fair? no, so no difference is put down to training; without the generator AUROC 0.79" in terminal
    )
    assert withheld(findings) == []


def test_copies_count_also_where_the_split_is_unfair() -> None:
    findings = unfair_split()
    sure = findings.copies.model_copy(update={"beyond_chance": True})
    findings = findings.model_copy(update={"copies": sure, "affected": Affected(n=2, n_named=0, n_copied=2)})
    assert told(findings)[1].startswith(
        "2 people are copied, photo for photo (answer 4). Who is named by likeness is not"
    )
    assert "People affected: 2 of 240 members (all copied); nobody is named, as the split is not fair" in (
        summary(findings, Path("o"))
    )


def test_too_few_people_to_check_the_split_and_nothing_is_put_down_to_training() -> None:
    said = told(too_few_for_the_split())
    assert "There are too few people to check that the two groups are alike without the generator" in said[0]
    assert "there are too few people to check that training, and nothing else, added it" in said[2]


def test_how_large_a_difference_would_explain_the_result_stands_beside_the_one_there_is() -> None:
    said = told(too_few_for_the_split())
    assert (
        "To explain this away, strangers' scores would have to be 0.80 standard deviations higher; without the "
        "generator the difference is +0.10 (95 % interval −0.10 to +0.30), which is less." in said[0]
    )
    assert "For nobody to be named, strangers' scores would have to be 1.40 standard deviations higher" in said[1]
    labels = [line.label for line in seven_answers(too_few_for_the_split())[0].lines]
    assert "The same attack with strangers' photos in place of the samples: AUROC" in labels
    assert not any("number of photos" in label for label in labels)


def test_without_a_leak_no_answer_says_that_training_added_something_or_that_more_photos_leak_more() -> None:
    """Single intervals may exclude 0 on a page whose verdict is that nothing was found."""
    findings = nothing_found()
    excess = findings.resemblance.model_copy(update={"excess": estimate(0.02, 0.004, 0.04)})
    findings = findings.model_copy(update={"resemblance": excess})
    said = told(findings)
    assert "2 % of the samples, is at the edge of chance, too little to count as a leak." in said[2]
    assert said[4].startswith("Not shown: people with more training photos score higher, by 0.42 standard deviations")
    assert told(by_names())[4].startswith("Yes: people with more training photos are more exposed")


def test_few_samples_and_samples_without_faces_are_said_first() -> None:
    assert told(few_samples())[5].startswith(
        "10 distinct samples were looked at: faces that fewer than 1 in 4 samples show can be missing from them."
    )
    assert told(noise())[5].startswith("A face can be detected in none of the samples: look at them first.")
    assert few_samples().verdict == noise().verdict == "inconclusive"


def test_no_evidence_says_what_may_have_been_missed_and_how_it_would_have_looked() -> None:
    findings = nothing_found()
    assert findings.verdict == "no evidence"
    said = told(findings)[5]
    assert "1,150 distinct samples were looked at: faces that fewer than 1 in 385 samples show can be missing" in said
    assert "In these samples, at most 6 % of members leaked as clearly as a photo shows (95 % limit), if those" in said
    assert "A leak spread thinly over all members is found in 80 % of cases from an AUROC of 0.58" in said
    terminal = summary(findings, Path("o"))
    assert "Samples: 1,150 distinct; faces that fewer than 1 in 385 samples show can be missing" in terminal
    assert "not shown, p = 0.080; AUROC 0.58" in terminal


def test_half_of_the_samples_tell_whether_more_would_tell_more() -> None:
    assert "More samples would probably tell more: 595 samples name " in told(by_names())[5]
    not_shown = "That more samples would tell more is not shown: 595 samples name 0, all 1,191 name 0."
    assert not_shown in told(nothing_found())[5]
    chart = seven_answers(by_names())[5].chart
    assert chart is not None
    dots = [mark for mark in chart.wide.marks if mark.tag == "circle"]
    assert len(dots) == 4 + 4


def test_ties_at_the_floor_are_said_once_and_ordered_by_exposure() -> None:
    findings = by_names()
    text = text_of(findings)
    tie = "The first 11 share the smallest p-value possible here, 1 in 901; they are ordered by exposure."
    assert text.count(tie) == 1
    html = render(findings, [], show_faces=False)
    shown = re.findall(r'<th scope="row"><span class="path"[^>]*>(person-\d+)</span>', html)
    exposure = dict(zip(findings.people["person"].to_pylist(), findings.people["exposure"].to_pylist(), strict=True))
    assert [exposure[person] for person in shown[:11]] == sorted((exposure[p] for p in shown[:11]), reverse=True)
    assert [line.split(":")[0].strip(" '") for line in summary(findings, Path("o")).splitlines() if "q = " in line] == (
        shown[:5]
    )


def test_the_dose_chart_draws_the_person_of_its_sentence() -> None:
    findings = by_names()
    chart = dose_chart(findings)
    assert chart is not None
    (square,) = [mark for mark in chart.wide.marks if mark.tag == "rect" and mark.attributes["fill"] == ALARM]
    zero, two = (next(float(m.attributes["y"]) for m in chart.wide.marks if m.text == text) for text in ("0", "2"))
    exposure = dict(zip(findings.people["person"].to_pylist(), findings.people["exposure"].to_pylist(), strict=True))
    middle = float(square.attributes["y"]) + 5 + 0.35 * 13
    assert (zero - middle) / (zero - two) * 2 == pytest.approx(exposure["person-0003"], abs=0.02)
    assert any(mark.text.startswith("person-0003, 12 photos: +") for mark in chart.wide.marks)
    assert "The person with the most photos, person-0003 (12 photos), is named." in told(findings)[4]


def test_a_group_with_many_times_more_false_matches_is_said_first() -> None:
    findings = groups()
    section = by_group(findings)
    assert section is not None
    assert section.sentence.replace(NO_BREAK, " ").startswith(
        "The recogniser takes two different people of “east” (12 %) for one 39 times as often as two of “west” (0.31 %)"
    )
    assert "Groups are as the owner grouped the people" in text_of(findings)
    seen = page(findings)
    assert seen.attributes("a", "href").count("#groups") == 1 + 3
    assert "script" not in {tag for tag, _ in seen.elements}
    assert HOSTILE not in seen.text
    assert HOSTILE in seen.attributes("span", "title")
    lines = [line for line in summary(findings, Path("o")).splitlines() if line.startswith("Group ")]
    assert lines[0].startswith(
        "Group 'east': 3 of 80 members named, AUROC seen photos 0.66 (0.58 to 0.73, n = 80); false matches 12.1 %"
    )
    assert len(lines) == 3


def test_groups_that_do_not_differ_are_not_ranked_and_many_are_cut_on_the_terminal() -> None:
    many = [group(f"g{i}", 80, (0.01 + i / 10_000, 0.004, 0.02)) for i in range(20)]
    findings = sample_findings(groups=many)
    section = by_group(findings)
    assert section is not None
    assert section.sentence.startswith("No group is shown to have many times more false matches than another")
    assert section.chart is None
    assert len(section.rows) == 20
    terminal = summary(findings, Path("o"))
    assert terminal.count("\nGroup ") == 5
    assert "\n  and 15 more groups\n" in terminal


def test_every_recogniser_is_in_answer_7_and_one_that_is_blind_does_not_judge() -> None:
    findings = several_recognisers()
    answer = seven_answers(findings)[6]
    assert answer.question == "Can the recognisers be trusted here?"
    assert len(answer.lines) == 3 * 4
    said = told(findings)[6]
    assert said.startswith("The recogniser dlib-resnet-v1 55533b28 mistakes two different people for one in 0.031 %")
    assert "The recogniser onnx/random.onnx/0a1b mistakes" in said
    assert "It misses more than half of true matches, so it does not judge: its p-values do not count." in said
    assert said.endswith("These are the errors of each alone; together they judge as one.")
    terminal = summary(findings, Path("o"))
    assert "false non-matches 93 % (90 to 96 %, n = 240); it does not judge" in terminal
    assert terminal.count("it does not judge") == 1


def test_method_words_are_in_the_method_section_alone() -> None:
    figures = [m.model_copy(update={"auroc": METHOD}) for m in by_names().membership]
    findings = by_names().model_copy(update={"membership": figures})
    before, _, method = text_of(findings).rpartition("Method and signature")
    methods = ("DeLong", "HC3", "Wilson", "Mann-Whitney", "bootstrap", "Welch", "conformal", "beta-binomial")
    assert not [word for word in methods if word in before]
    assert "DeLong, Satterthwaite: answer 1" in method
    assert "240 people" in before


METHOD = Estimate(0.64, 0.6, 0.7, 0.95, "DeLong, Satterthwaite", 240)


def hardly_seen(findings: Findings) -> Findings:
    """The same audit if it could name somebody only in a leak of 150 of 240 members."""
    missed = findings.missed
    assert not isinstance(missed.power, Unresolvable)
    power = replace(missed.power, smallest=150, share=150 / 240)
    limits = {"power": power, "smallest_auroc": 0.67, "leaked_share": Estimate(0.9, 0.5, 1.0, 0.95, "one-sided", 240)}
    return judged(findings.model_copy(update={"missed": missed.model_copy(update=limits)}))


def test_beside_a_leak_others_may_have_been_missed_and_nothing_would_have_been_noticed() -> None:
    """ "Only a leak of at least 150 members would have been noticed" stood beside 11 who were named."""
    findings = hardly_seen(by_names())
    assert findings.verdict == "leak"
    assert any("others may have been missed" in text and "150 of 240 members" in text for text in findings.cautions)
    assert "would have been noticed" not in text_of(findings) + summary(findings, Path("o"))


def test_with_an_unfair_split_no_line_says_how_large_a_leak_would_have_been_noticed() -> None:
    findings = hardly_seen(unfair_split())
    assert findings.verdict == "inconclusive"
    assert "150 of 240" not in text_of(findings) + summary(findings, Path("o"))
    assert any("draw the held-out people at random" in text for text in findings.because)


def test_a_limit_of_all_members_is_called_none() -> None:
    findings = hardly_seen(nothing_found())
    said = text_of(findings) + summary(findings, Path("o"))
    assert "at most 100 % of members" not in said
    assert "Nothing here excludes that every member leaked as clearly as a photo shows." in said


def test_people_copied_under_an_unfair_split_have_no_p_value_and_no_exposure() -> None:
    parts = nobody_named(sample_findings(), copied=True)
    naming = parts["naming"].model_copy(update={"n_exposed": None, "n_for_verdict": None})
    apart = split(0.79, 0.6, 0.06, "not fair")
    findings = judged(sample_findings(**(parts | {"naming": naming}), split_baseline=apart))
    assert findings.verdict == "leak"
    heads = re.search(
        r"<caption[^>]*>The people affected</caption>\s*<thead>(.*?)</thead>", render(findings, [], False)
    )
    assert heads is not None
    assert re.findall(r">([^<>]+)</th>", heads[1]) == ["Person", "Why", "Photos", "Copies"]
    assert "exposure" not in summary(findings, Path("o"))
    assert "Copies need no strangers and stand (answer 4)." in told(findings)[0]


def test_names_at_a_loose_level_are_told_with_how_many_may_be_wrong() -> None:
    loose = by_names().naming.model_copy(update={"level": 0.2})
    findings = judged(by_names().model_copy(update={"naming": loose}))
    assert findings.verdict == by_names().verdict == "leak"
    assert "(of the names, at most 20 % are expected to be wrong, as asked for)" in findings.sentence
    assert "expected to be wrong" not in by_names().sentence


def test_people_who_are_named_are_in_the_sentence_of_an_inconclusive_verdict() -> None:
    """ "This audit cannot tell" stood above a list of 14 names."""
    naming = by_names().naming.model_copy(update={"n_for_verdict": 0})
    none = by_names().copies.model_copy(update={"beyond_chance": False, "n_copies": 0, "n_distinct": 0})
    figures = membership("seen photos", 0.56, 0.02, 0.02)
    affected = Affected(n=11, n_named=11, n_copied=0)
    findings = judged(sample_findings(n_named=11, naming=naming, copies=none, membership=figures, affected=affected))
    assert findings.verdict == "inconclusive"
    assert findings.sentence.startswith("11 members are named, but not as surely as the verdict asks for")


def test_a_group_without_members_has_no_one_to_name() -> None:
    empty = group("no group given", 0, (0.01, 0.004, 0.02)).model_copy(update={"n_named": 0, "n_heldout": 200})
    findings = judged(sample_findings(n_named=11, groups=[group("east", 80, (0.01, 0.004, 0.02)), empty]))
    line = next(text for text in summary(findings, Path("o")).splitlines() if "'no group given'" in text)
    assert line.startswith("Group 'no group given': 0 members; false matches")
    assert "A group in which nobody is named is not cleared" in text_of(findings)


def test_likenesses_to_withhold_are_not_called_copies_where_there_are_none() -> None:
    """The list of 31 likenesses was introduced as "a copy, looks like one, or a likeness"."""
    none = by_names().copies.model_copy(update={"beyond_chance": False, "n_copies": 0, "n_distinct": 0})
    samples = [row for row in by_names().samples.to_pylist() if row["kind"] != "copy"]
    said = text_of(sample_findings(n_named=11, samples=samples, copies=none))
    assert re.search(r"\d+ samples are likenesses of named people and should not be published", said)


def test_a_narrow_page_names_every_cell_of_its_stacked_tables() -> None:
    html = render(groups(), [], show_faces=False)
    tables = re.findall(r'<div class="scroll stacked".*?</table>', html, re.DOTALL)
    assert len(tables) == 3
    for table in tables:
        assert re.findall(r"<td(?![^>]* data-head=)", table) == []


def test_numbers_keep_their_percent_sign_on_one_line() -> None:
    assert tight("95 % of cases (p < 0.001)") == f"95{NO_BREAK}% of cases (p{NO_BREAK}<{NO_BREAK}0.001)"


def test_too_few_people_for_the_split_do_not_hide_that_the_groups_differ() -> None:
    """ "Too few to tell whether they differ" stood above "they differ clearly"."""
    apart = split(0.63, 0.55, 0.1, "not shown")
    findings = judged(sample_findings(membership=membership("seen photos", 0.64, 0.2, 0.0004), split_baseline=apart))
    cautions = " ".join(findings.cautions)
    assert cautions.count("without the generator") == 1
    assert "differ clearly even without the generator (AUROC 0.63 instead of 0.50, 95 % interval" in cautions
    assert "by how much, there are too few people to tell, so no difference between the groups is put down" in cautions
    assert "too few people to tell whether" not in cautions + " ".join(findings.because)
    assert told(findings)[0].count("two groups differ") == 1


def test_people_at_the_floor_of_their_own_comparison_are_tied() -> None:
    """p = 1 in 851 and 1 in 901 are both the smallest possible for them; the exposure decides the order."""
    rows = by_names().people.to_pylist()
    for i, row in enumerate(rows[:11]):
        row |= {"compared_on": 1 + i % 2, "p": 1 / 901 if i % 2 == 0 else 1 / 851}
    findings = by_names().model_copy(update={"people": sample_findings(n_named=11, people=rows).people})
    exposures = [row["exposure"] for row in affected_people(findings)[:11]]
    assert exposures == sorted(exposures, reverse=True)
    assert "The first 11 share the smallest p-value possible here, 1 in 901 or 1 in 851;" in text_of(findings)


def test_an_excess_far_above_zero_is_not_called_the_edge_of_chance() -> None:
    naming = by_names().naming.model_copy(update={"n_for_verdict": 0})
    none = by_names().copies.model_copy(update={"beyond_chance": False, "n_copies": 0, "n_distinct": 0})
    affected = Affected(n=11, n_named=11, n_copied=0)
    figures = membership("seen photos", 0.56, 0.02, 0.02)
    findings = judged(sample_findings(n_named=11, naming=naming, copies=none, membership=figures, affected=affected))
    assert findings.verdict == "inconclusive"
    assert "edge of chance" not in told(findings)[2]
    assert "more than chance, but the verdict does not rest on this figure" in told(findings)[2]


def test_the_terminal_does_not_say_not_shown_of_people_it_lists() -> None:
    terminal = summary(by_copies_only(), Path("o"))
    assert "seen photos: for the people affected; for the group not shown, p = 0.080" in terminal
    assert "seen photos: not shown, p = 0.080" in summary(nothing_found(), Path("o"))
