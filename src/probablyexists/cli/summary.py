"""The findings in a dozen lines for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probablyexists.answers.comparisons import SUGGESTIVE_LEVEL
from probablyexists.answers.set_aside import PEOPLE
from probablyexists.answers.set_aside import reasons as reasons_of
from probablyexists.basis.roles import TITLES
from probablyexists.report.again_texts import again_facts
from probablyexists.report.copy_certainty import sure_copies
from probablyexists.report.first_page_steps import unjudged_line
from probablyexists.report.limit_texts import ALL
from probablyexists.report.membership_text import whose_figures
from probablyexists.report.people_texts import affected_people
from probablyexists.report.sheet_texts import finding, plain_answers
from probablyexists.report.words import (
    MINUS,
    NO_BREAK,
    counted,
    face_taken,
    one_in,
    p_is,
    percent,
    reasons,
    recogniser,
    short,
)
from probablyexists.results.findings import Findings, GroupFindings, Membership, Population, RoleData, SecondOpinion
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import AskedPhoto, Sheet
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

MOST_PEOPLE = 5
MOST_GROUPS = 5


def summary(findings: Findings, out: Path) -> str:
    """Plain text: the verdict and why, a line or more for each of the seven answers, and the path of the report."""
    lines = [f"verdict: {findings.verdict}", findings.sentence, *(f"because: {text}" for text in findings.because), ""]
    lines += _affected(findings)
    lines += unjudged_line(findings)
    lines += _can_tell(findings)
    lines += _samples(findings)
    lines += _missed(findings)
    for trust, rates in ((one, rates) for one in findings.trust for rates in one.rates[-1:]):
        said = "" if trust.judges else "; it does not judge"
        shares = errors(rates.fmr, rates.fnmr)
        lines.append(f"Recogniser {recogniser(trust.recogniser)!a}, threshold {rates.name!a}: {shares}{said}")
    n_judges = sum(one.judges for one in findings.trust)
    if n_judges > 1:
        strict = findings.signature.settings.get("consensus") == "strict"
        lines.append(
            f"{n_judges} recognisers judge {'each alone, and all must agree' if strict else 'together, as one'}"
        )
    at = f"{100 * findings.naming.level:g} %"
    for other in findings.second_opinions:
        aurocs = "".join(
            f"; AUROC {population} {show(auroc)}{_less(other, population)}" for population, auroc in other.auroc.items()
        )
        names = "" if other.n_exposed is None else f": names {counted(other.n_exposed, 'member')} at {at}"
        lines.append(f"Second opinion: {other.kind} {other.id}{names}{aurocs}")
    lines += [_group(group) for group in findings.groups[:MOST_GROUPS]]
    if len(findings.groups) > MOST_GROUPS:
        lines.append(f"  and {counted(len(findings.groups) - MOST_GROUPS, 'more group')}")
    if findings.samples_numbered:
        lines.append("samples are numbered, as their paths may carry names; withhold.txt has the paths to withhold")
    if findings.again is not None:
        lines += ["", *(f"again, {label.lower()}: {_plain(text)}" for label, text in again_facts(findings.again))]
    lines += ["", *_what_became(findings.data.roles), *(f"caution: {text}" for text in findings.cautions)]
    return "\n".join([*lines, f"report: {out / 'report.html'}"])


def _less(other: SecondOpinion, population: Population) -> str:
    found = other.less_first.get(population)
    return "" if found is None else f", less the audit's own {show(found)}"


def _plain(text: str) -> str:
    """Text of the page for a terminal that may have letters only."""
    for sign, instead in (
        (NO_BREAK, " "),
        ("≤", "<="),
        ("π", "pi"),
        ("×", "x"),
        ("²", "^2"),
        (MINUS, "-"),
        ("…", "..."),
    ):
        text = text.replace(sign, instead)
    return text


def _affected(findings: Findings) -> list[str]:
    """The people named or copied, the most certain first."""
    naming, affected = findings.naming, findings.affected
    members = f"{naming.n_members:,} members{findings.data.of_members_given}"
    if naming.n_exposed is None and not affected.n:
        return ["People affected: not claimed, as the split is not fair (see the cautions and the report)"]
    of = f" ({reasons(affected, sure_copies(findings).copied)})" if affected.n else ""
    unfair = "; nobody is named, as the split is not fair" if naming.n_exposed is None else ""
    lines = [f"People affected: {affected.n:,} of {members}{of}{unfair}"]
    rows = affected_people(findings)
    for row in rows[:MOST_PEOPLE]:
        n = f", {counted(row['copies'], 'copy', 'copies')}" if row["copies"] else ""
        q = f", q = {row['q']:.2g}" if row["exposed"] else ""
        exposure = "" if naming.n_exposed is None else f", exposure {row['exposure']:+.1f}"
        lines.append(f"  {row['person']!a}: {row['why']}{exposure}{q}{n}")
    more = counted(len(rows) - MOST_PEOPLE, "more person", "more people")
    return lines + ([f"  and {more}"] if len(rows) > MOST_PEOPLE else [])


def _can_tell(findings: Findings) -> list[str]:
    """By person; the test says yes or not shown, and with the copies there is only the size."""
    split = findings.split_baseline
    lines = []
    if split.fairness != "not fair":
        some = findings.affected.n > 0
        whose = whose_figures(findings)
        lines = [_population(m, some, *whose) for m in findings.membership if m.level == "person"]
    baselines = [f"AUROC {show(split.auroc)}"]
    if isinstance(split.same_attack, Estimate):
        baselines.append(f"by the same attack {show(split.same_attack)}")
    fair = {
        "fair": "yes",
        "not fair": "no, so no difference is put down to training",
        "not shown": "there are too few people to tell",
    }
    return [*lines, f"Is the split fair? {fair[split.fairness]}; without the generator {', '.join(baselines)}"]


def _population(m: Membership, some: bool, tested_by: str, attack: str) -> str:
    """`some`: whether people are affected, for whom the answer is yes whatever the group's is."""
    found = ""
    if isinstance(m.tpr_at_fpr_1_percent, Estimate):
        found = f"; {_percent(m.tpr_at_fpr_1_percent.value)} found at 1 % false alarms"
    figures = f"{f'by {attack}: ' * bool(attack)}AUROC {show(m.auroc)}{found}"
    if m.copies == "in" or m.p is None:
        return f"Can an attacker tell? {m.population}{', with the copies' if m.copies == 'in' else ''}: {figures}"
    answer = (
        "yes" if m.p <= SUGGESTIVE_LEVEL else f"{'for the people affected; for the group ' if some else ''}not shown"
    )
    return f"Can an attacker tell? {m.population}: {answer}, {p_is(m.p).replace(NO_BREAK, ' ')}{tested_by}; {figures}"


def _samples(findings: Findings) -> list[str]:
    alike, copies = findings.resemblance, findings.copies
    known = sure_copies(findings)
    what = f"is {known.word('a copy')}" if copies.n_copies == 1 else f"are {known.word('copies')}"
    if copies.n_copies and not copies.beyond_chance:
        what = "looks like a copy" if copies.n_copies == 1 else "look like copies"
        what += ", no more than chance explains"
    distinct = f" ({copies.n_distinct:,} distinct)" if copies.n_distinct < copies.n_copies else ""
    sure = f": {known.counts}" if known.counts else ""
    said = f"Copies? {copies.n_copies:,} of {counted(copies.n_samples, 'sample')} {what}{distinct}{sure}"
    if findings.naming.n_exposed is None:
        return [said]
    return [
        f"Which samples? {_percent(alike.members)} resemble a member, {_percent(alike.strangers)} a stranger: "
        f"excess {show(alike.excess, as_percent=True)}; {counted(alike.n_likenesses, 'likeness', 'likenesses')}",
        said,
        f"Do more photos leak more? exposure for each doubling of the photos: {show(findings.dose.slope)}",
    ]


def _missed(findings: Findings) -> list[str]:
    missed, sampling = findings.missed, findings.sampling
    power = missed.power
    lines = [
        f"Samples: {sampling.n_distinct:,} distinct; faces that fewer than {one_in(sampling.unseen_rate)} samples show "
        "can be missing"
    ]
    if findings.naming.n_exposed is None:
        return lines
    if isinstance(power, Unresolvable):
        said = f"Smallest leak noticed: not given, {power.reason}"
    elif power.smallest is None:
        said = (
            "Smallest leak noticed by likeness: too few people to notice a leak of any size"
            if findings.verdict == "leak"
            else "Smallest leak noticed: none, even if every member leaked"
        )
    else:
        at = f"with {_percent(power.target)} power"
        said = f"Smallest leak noticed {at}: {power.smallest:,} of {power.n_members:,} members"
        if missed.smallest_auroc is not None:
            said += f", or an AUROC of {missed.smallest_auroc:.2f} over all"
    if isinstance(missed.leaked_share, Estimate):
        most = missed.leaked_share.high
        share = f"at most {_percent(most)} of members" if most < ALL else "for all that is known every member"
        said += f"; {share} leaked into these samples as clearly as a photo"
    return [*lines, said]


def _group(group: GroupFindings) -> str:
    named = "" if group.n_named is None else f"{group.n_named:,} of "
    aurocs = "".join(f", AUROC {population} {show(auroc)}" for population, auroc in group.auroc.items())
    claimed = aurocs if group.n_named is not None else ""
    if not group.n_members:
        named, claimed = "", ""
    return (
        f"Group {short(group.group, 24)!a}: {named}{counted(group.n_members, 'member')}"
        f"{' named' if named else ''}{claimed}; {errors(group.fmr, group.fnmr)}"
    )


def errors(fmr: Figure, fnmr: Figure) -> str:
    """Both error rates in plain words."""
    return f"false matches {show(fmr, as_percent=True)}, false non-matches {show(fnmr, as_percent=True)}"


def _what_became(roles: Sequence[RoleData]) -> list[str]:
    """A line for each role with images or people that could not be used, or with samples that repeat a picture."""
    lines = []
    for role in roles:
        if n := role.n_set_aside:
            lines.append(
                f"set aside: {n:,} of {role.n_images:,} {TITLES[role.role]} ({reasons_of(role.why_set_aside)})"
            )
        if role.people_set_aside:
            people = f"{role.n_people:,} of {role.n_people_given:,} {PEOPLE[role.role]}"
            why = f"{role.n_people_set_aside:,} without a usable photo ({reasons_of(role.people_set_aside)})"
            lines.append(f"people: {people} used, {why}")
        if role.n_repeated:
            lines.append(f"repeated: {role.n_repeated:,} of {role.n_images:,} samples, of the picture of another")
    return lines


def sheet_summary(sheet: Sheet, out: Path) -> str:
    """Plain text: the finding, the rank, and the path of the sheet."""
    lines = [
        f"finding: {finding(sheet)}",
        sheet.sentence,
        "",
        *(_plain(f"{one.question} {one.answer}\n  {one.figures}") for one in plain_answers(sheet)),
        f"How alike is the nearest picture? Similarity {sheet.similarity:.3f}; what that means here: {_scale(sheet)}",
        "",
        *_numbered(sheet),
        *_photos(sheet.photos),
        *_what_became([role for role in sheet.roles if role.role != "asked"]),
        *(f"caution: {text}" for text in sheet.cautions),
        "a letter to the owner: docs/how-to/ask-about-yourself.md",
        f"sheet: {out / 'sheet.html'}",
    ]
    return "\n".join(lines)


def _scale(sheet: Sheet) -> str:
    """What similarities mean here, in words."""
    scale = sheet.scale
    highest = "the highest" if sheet.n_reference < 100 else "1 in 100"
    same = "not measured" if scale.same_person is None else f"{scale.same_person:.3f}"
    own = "" if scale.own_photos is None else f"; this person's own photos with each other {scale.own_photos:.3f}"
    return (
        f"two strangers {scale.strangers:.3f}; others with their nearest sample {scale.others:.3f}, {highest} of them "
        f"{scale.others_highest:.3f}; another photo of the same person {same}{own}"
    )


def _numbered(result: Sheet | FrequentFaces) -> list[str]:
    said = "samples are numbered from 1 by their place in the sorted list of their paths, which may carry names"
    return [said] if result.samples_numbered else []


def _photos(photos: Sequence[AskedPhoto]) -> list[str]:
    """A line for each photo that could not be used, and for each with several faces."""
    lines = []
    for photo in photos:
        if photo.reason is not None:
            lines.append(f"photo not used: {photo.photo!a} ({photo.reason})")
        elif photo.face is not None and (photo.n_faces or 0) > 1:
            lines.append(f"group photo: {photo.photo!a}: {photo.n_faces} faces, {face_taken(photo)}")
    return lines


FIRST = 10


def frequent_summary(found: FrequentFaces, out: Path) -> str:
    """Plain text: the first faces, one line each, and the path of the page."""
    n_faces = counted(len(found.faces), "face appears", "faces appear") if found.faces else "no face appears"
    lines = [f"{n_faces} too often among {found.n_samples:,} samples"]
    for number, face in enumerate(found.faces[:FIRST], start=1):
        examples = ", ".join(map(ascii, face.samples[:3]))
        n = len(face.samples)
        distinct = f", {counted(face.n_distinct, 'distinct picture')} in {n:,} samples" if face.n_distinct < n else ""
        lines.append(
            f"{number:>3} in {_percent(face.share)} of the samples "
            f"(reference people {_percent(face.reference_share)}), q = {face.q:.2g}{distinct}: {examples}"
        )
    if len(found.faces) > FIRST:
        lines.append(f"    and {len(found.faces) - FIRST} more")
    lines += [*_numbered(found), "", *_what_became(found.roles), *(f"caution: {text}" for text in found.cautions)]
    return "\n".join([*lines, f"page: {out / 'frequent.html'}"])


def _percent(share: float) -> str:
    return percent(share).replace(NO_BREAK, " ").replace(MINUS, "-")


def show(figure: Figure, *, as_percent: bool = False) -> str:
    if not isinstance(figure, Estimate):
        return f"not given, {figure.reason}"
    times, unit = (100, " %") if as_percent else (1, "")
    value, low, high = (f"{times * x:.3g}" for x in (figure.value, figure.low, figure.high))
    return f"{value}{unit} ({low} to {high}{unit}, n = {figure.n:,})"
