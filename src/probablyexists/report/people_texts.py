"""Answers 2 and 5 as text: who is affected, and does more of a person leak more?"""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from probablyexists.answers.comparisons import hardly_nameable
from probablyexists.report.answer_parts import NOT_CLAIMED, Answer, Line, line
from probablyexists.report.charts import dose_chart
from probablyexists.report.copy_certainty import SureCopies, sure_copies
from probablyexists.report.exposure_chart import exposure_chart
from probablyexists.report.membership_text import not_excluded
from probablyexists.report.words import (
    absent,
    count,
    counted,
    number,
    number_figure,
    one_in,
    percent,
    reasons,
    short,
)
from probablyexists.results.findings import Findings, Naming
from probablyexists.stats.estimate import Estimate, Unresolvable


def who(findings: Findings) -> Answer:
    """Answer 2."""
    n = findings.naming
    members = counted(n.n_members, "member") + findings.data.of_members_given
    if n.n_exposed is None:
        return Answer(
            "Who?",
            _copied_only(findings),
            "Nobody is cleared either.",
            [Line("People copied", f"{count(findings.affected.n)} of {members}")] if findings.affected.n else [],
        )
    lines = [
        Line("People affected", f"{count(findings.affected.n)} of {members}", _reasons_or_nothing(findings)),
        Line("Named by likeness", count(n.n_exposed), _wrong(n.level) if n.n_exposed else ""),
    ]
    if n.n_for_verdict is not None and n.n_for_verdict != n.n_exposed:
        lines.append(
            Line(
                "Named at the level of the verdict",
                count(n.n_for_verdict),
                _wrong(n.verdict_level) if n.n_for_verdict else "",
            )
        )
    n_attacks = 1 + sum(second.kind == "attack" for second in findings.second_opinions)
    floor, smallest = "1 / (n + 1) for n held-out people", "Smallest p-value this audit can give"
    if n_attacks > 1:
        smallest = f"Smallest p-value of a person whom only one of the {n_attacks} attacks exposes"
        floor = f"at most {n_attacks} / (n + 1) for n held-out people and {n_attacks} attacks"
    lines += [
        Line(smallest, one_in(n.p_floor), floor),
        Line("Members who must reach it before anyone can be named", *_must_reach(n)),
    ]
    return Answer(
        "Who?",
        _who(findings, members),
        "People who are not named are not cleared: there was not enough evidence to name them (see answer 6). A "
        "p-value is valid if members and held-out people were drawn at random from one source. Each member is compared "
        "with held-out people on the same number of photos.",
        lines,
        [
            Line(
                f"{'' if s.group is None else f'Group “{short(s.group, 24)}”: '}Compared on "
                f"{counted(s.photos, 'photo')}",
                f"{counted(s.n_members, 'member')}, smallest p {one_in(s.p_floor)}",
                counted(s.n_heldout, "held-out person", "held-out people"),
            )
            for s in n.strata
        ],
        exposure_chart(findings),
    )


def _wrong(level: float) -> str:
    return f"at most {percent(level)} of the names expected to be wrong"


def _reasons_or_nothing(findings: Findings) -> str:
    """Why people are affected, or nothing where nobody is."""
    return reasons(findings.affected, sure_copies(findings).copied) if findings.affected.n else ""


def _must_reach(n: Naming) -> tuple[str, str]:
    tested = f"{count(n.n_members)} tested at once"
    if n.smallest_nameable > n.n_members:
        return "more than there are: nobody can be named", tested
    return count(n.smallest_nameable), tested


def _copied_only(findings: Findings) -> str:
    """With an unfair split: a copy needs no strangers, a likeness does."""
    n = findings.affected.n
    if not n:
        return NOT_CLAIMED
    sure = sure_copies(findings)
    photos = "" if sure.probable else ", photo for photo"
    copied = f"{counted(n, 'person is', 'people are')} {sure.copied}{photos} (answer 4)."
    return f"{copied} Who is named by likeness is not claimed: see answer 1."


def _who(findings: Findings, members: str) -> str:
    n, a = findings.naming, findings.affected
    level = percent(n.level)
    wrong = f"At most {level} of the names that this rule gives are expected to be wrong."
    if not a.n:
        return (
            f"Nobody is named: for none of {members} is the evidence strong enough to keep the expected share of wrong "
            f"names at {level} or less."
        )
    said = [f"{count(a.n)} of {members} {'is' if a.n == 1 else 'are'} affected: {_reasons_or_nothing(findings)}."]
    if n.n_exposed:
        said.append(wrong)
    else:
        said.append("Nobody is named by likeness.")
    split = findings.split_baseline
    if n.n_exposed and split.names_shift is not None and isinstance(split.shift, Estimate):
        said.append(
            f"For nobody to be named, strangers' scores would have to be {number(split.names_shift)} standard "
            f"deviations higher; without the generator the difference is {number_figure(split.shift, signed=True)}"
            f"{not_excluded(split.names_shift, split.shift)}."
        )
    return " ".join(said)


def does_more_leak_more(findings: Findings) -> Answer:
    """Answer 5."""
    question = "Do more photos leak more?"
    if findings.naming.n_exposed is None:
        return Answer(question, NOT_CLAIMED, "Exposure is measured beside strangers, who must be comparable.", [])
    d = findings.dose
    slope = d.slope
    if isinstance(slope, Estimate) and slope.low > 0 and findings.verdict != "leak":
        sentence = (
            "Not shown: people with more training photos score higher, by "
            f"{number(slope.value)} standard deviations for each doubling of the photos, but no leak is shown."
        )
    elif isinstance(slope, Unresolvable):
        sentence = f"This {absent(slope)}."
    elif slope.low > 0:
        sentence = (
            "Yes: people with more training photos are more exposed, by "
            f"{number(slope.value)} standard deviations for each doubling of the number of photos."
        )
    elif slope.high < 0:
        sentence = "No: here people with more training photos are less exposed."
    else:
        sentence = "Not shown: exposure does not change with the number of training photos by more than chance."
    if isinstance(slope, Estimate) and isinstance(d.heldout_slope, Estimate) and d.heldout_slope.low > 0:
        sentence += " Held-out people with more photos score higher too, so training explains only part of this."
    if d.most_photos is not None and d.most_photos_count is not None:
        photos = counted(d.most_photos_count, "photo")
        sentence += f" The person with the most photos, {short(d.most_photos, 60)} ({photos}), is {_state(findings)}."
    points = []
    for p in d.points:
        span = f"{p.photos_from} to {p.photos_to} photos" if p.photos_to > p.photos_from else None
        label = f"Mean exposure, {span or counted(p.photos_from, 'photo')}"
        points.append(line(label, p.mean_exposure, signed=True, basis=counted(p.n_members, "member")))
    lines = [
        line("Change in exposure for each doubling of the number of photos", slope, signed=True),
        line("The same among held-out people", d.heldout_slope, signed=True),
    ]
    return Answer(
        question,
        sentence,
        "This needs people with different numbers of training photos."
        if isinstance(slope, Unresolvable)
        else "This is an association: people with many photos may differ in other ways. Only an experiment that "
        "assigns the number of photos at random (the lab) can show a cause. Everybody is compared on the same number "
        "of photos here.",
        lines,
        points,
        dose_chart(findings),
    )


def _state(findings: Findings) -> str:
    """What happened to the person with the most photos."""
    people = findings.people
    for person, reason in zip(people["person"].to_pylist(), people["reason"].to_pylist(), strict=True):
        if person == findings.dose.most_photos and reason is not None:
            return str(reason)
    return "neither named nor copied"


def affected_people(findings: Findings) -> list[dict[str, Any]]:
    """The rows of the people affected: named people first, by p and then by exposure, all who have the smallest p
    possible for them alike; then those only copied, by the number of copies. Each has `why`: the reason, and whether
    they are only probably copied."""
    sure = sure_copies(findings)
    affected = findings.people.filter(pc.is_valid(findings.people["reason"])).to_pylist()
    rows = [row | {"why": why(row, sure)} for row in affected]
    return sorted(rows, key=lambda row: _place(row, at_floor(findings, row)))


def why(row: dict[str, Any], sure: SureCopies) -> str:
    """Why a person is affected, and whether they are only probably copied; empty for those who are not."""
    reason: str = row["reason"] or ""
    return reason.replace("copied", "probably copied") if row["person"] in sure.probable else reason


def at_floor(findings: Findings, row: dict[str, Any]) -> bool:
    """Whether a member has the smallest p-value that is possible among those they are compared with."""
    floors = {(s.group, s.photos): s.p_floor for s in findings.naming.strata}
    pooled = floors.get((None, row["compared_on"]), findings.naming.p_floor)
    return bool(row["p"] <= floors.get((row["group"], row["compared_on"]), pooled) + 1e-12)


def is_unjudged(findings: Findings, row: dict[str, Any]) -> bool:
    """Whether a row of `people` is neither named nor cleared, as `answers.naming.unjudged`."""
    naming = findings.naming
    if row["exposed"]:
        return False
    few = naming.n_exposed is None or hardly_nameable(naming.smallest_nameable, naming.n_members)
    return few or at_floor(findings, row)


def _place(row: dict[str, Any], lowest: bool) -> tuple[bool, float, float, str]:
    named = row["exposed"]
    first = (0.0 if lowest else row["p"]) if named else -row["copies"]
    return not named, first, -row["exposure"], row["person"]
