"""The findings in a dozen lines for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from probablyexists.answers.person_verdict import place
from probablyexists.answers.set_aside import PEOPLE, reasons
from probablyexists.basis.roles import TITLES
from probablyexists.report.words import MINUS, NO_BREAK, counted, face_taken, one_in, percent
from probablyexists.results.findings import Findings, RoleData
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import AskedPhoto, Sheet
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

MOST_PEOPLE = 5


def summary(findings: Findings, out: Path) -> str:
    """Plain text: the verdict and why, a line or more for each of the seven answers, and the path of the report."""
    lines = [f"verdict: {findings.verdict}", findings.sentence, *(f"because: {text}" for text in findings.because), ""]
    for answer in findings.membership:
        lines.append(f"Can an attacker tell? {answer.population}, by {answer.level}: AUROC {_show(answer.auroc)}")
    lines.append(f"  split baseline (0.5 is fair): AUROC {_show(findings.split_baseline.auroc)}")
    naming = findings.naming
    lines.append(
        f"Who? {naming.n_exposed or 0:,} of {naming.n_members:,} members{findings.data.of_members_given} named "
        f"at a false discovery rate of {_percent(naming.level)}"
    )
    lines += _people_affected(findings)
    alike, copies = findings.resemblance, findings.copies
    lines.append(
        f"Which samples? {_percent(alike.members)} resemble a member, {_percent(alike.strangers)} a stranger: "
        f"excess {_show(alike.excess, as_percent=True)}; {counted(alike.n_likenesses, 'likeness', 'likenesses')}"
    )
    lines.append(f"Copies? {_copies(copies.n_copies, copies.n_samples)}")
    lines.append(f"Do more photos leak more? exposure for each doubling of the photos: {_show(findings.dose.slope)}")
    power = findings.missed.power
    if isinstance(power, Unresolvable):
        lines.append(f"Smallest leak noticed: not given, {power.reason}")
    elif power.smallest is None:
        lines.append("Smallest leak noticed: none, even if every member leaked")
    else:
        at = f"with {_percent(power.target)} power"
        lines.append(f"Smallest leak noticed {at}: {power.smallest:,} of {power.n_members:,} members")
    for rates in findings.trust[0].rates:
        errors = f"FMR {_show(rates.fmr, as_percent=True)}, FNMR {_show(rates.fnmr, as_percent=True)}"
        lines.append(f"Recogniser at {rates.name}: {errors}")
    for other in findings.second_opinions:
        aurocs = "".join(f"; AUROC {population} {_show(auroc)}" for population, auroc in other.auroc.items())
        lines.append(
            f"Second opinion: {other.kind} {other.id}: names {counted(other.n_exposed or 0, 'member')}{aurocs}"
        )
    if findings.samples_numbered:
        lines.append("samples are numbered, as their paths may carry names; withhold.txt has the paths to withhold")
    lines += ["", *_what_became(findings.data.roles), *(f"caution: {text}" for text in findings.cautions)]
    return "\n".join([*lines, f"report: {out / 'report.html'}"])


def _what_became(roles: Sequence[RoleData]) -> list[str]:
    """A line for each role with images or people that could not be used, or with samples that repeat a picture."""
    lines = []
    for role in roles:
        if n := role.n_set_aside:
            lines.append(f"set aside: {n:,} of {role.n_images:,} {TITLES[role.role]} ({reasons(role.why_set_aside)})")
        if role.people_set_aside:
            people = f"{role.n_people:,} of {role.n_people_given:,} {PEOPLE[role.role]}"
            why = f"{role.n_people_set_aside:,} without a usable photo ({reasons(role.people_set_aside)})"
            lines.append(f"people: {people} used, {why}")
        if role.n_repeated:
            lines.append(f"repeated: {role.n_repeated:,} of {role.n_images:,} samples, of the picture of another")
    return lines


def _people_affected(findings: Findings) -> list[str]:
    """The first of those who are named or copied, the most certain first."""
    copies = findings.samples.filter(pc.field("kind") == "copy")
    copied = Counter(copies["person"].to_pylist())
    rows = [row for row in findings.people.to_pylist() if row["exposed"] or copied[row["person"]]]
    lines = []
    for row in rows[:MOST_PEOPLE]:
        n = f", {counted(copied[row['person']], 'copy', 'copies')}" if copied[row["person"]] else ""
        named = f"named, q = {row['q']:.2g}" if row["exposed"] else "not named"
        lines.append(f"  {row['person']!a}: exposure {row['exposure']:+.1f}, {named}{n}")
    more = counted(len(rows) - MOST_PEOPLE, "more person", "more people")
    return lines + ([f"  and {more} affected"] if len(rows) > MOST_PEOPLE else [])


def sheet_summary(sheet: Sheet, out: Path) -> str:
    """Plain text: the finding, the rank, and the path of the sheet."""
    certain = sheet.copies_beyond_chance or not sheet.n_copies
    lines = [
        f"finding: {sheet.evidence}",
        sheet.sentence,
        "",
        f"rank: {place(sheet.rank, sheet.n_tied, sheet.n_reference + 1)}",
        f"  p = {sheet.p:.4g} (smallest possible {sheet.p_floor:.4g}), on {counted(sheet.compared_on, 'photo')}; "
        f"exposure {sheet.exposure:+.2f}",
        f"nearest sample: {sheet.nearest[0].n_as_alike:,} of {sheet.n_reference:,} others have one at least as alike",
        f"  similarity {sheet.similarity:.3f}; what that means here: {_scale(sheet)}",
        _copies(sheet.n_copies, sheet.n_samples) + ("" if certain else ", not shown to be more than chance"),
        f"{counted(sheet.n_distinct, 'distinct sample')}: what fewer than {one_in(sheet.unseen_rate)} samples show can "
        "be missing from them",
        f"share of leaks noticed if one more photo were generated: {_show(sheet.power, as_percent=True)}",
        "",
        *_numbered(sheet),
        *_photos(sheet.photos),
        *_what_became([role for role in sheet.roles if role.role != "asked"]),
        *(f"caution: {text}" for text in sheet.cautions),
        f"sheet: {out / 'sheet.html'}",
    ]
    return "\n".join(lines)


def _scale(sheet: Sheet) -> str:
    """What similarities mean here, in words."""
    scale = sheet.scale
    highest = "the highest" if sheet.n_reference < 100 else "1 in 100"
    same = "not measured" if scale.same_person is None else f"{scale.same_person:.3f}"
    return (
        f"two strangers {scale.strangers:.3f}; others with their nearest sample {scale.others:.3f}, {highest} of them "
        f"{scale.others_highest:.3f}; another photo of the same person {same}"
    )


def _numbered(result: Sheet | FrequentFaces) -> list[str]:
    said = "samples are numbered by their place in the sorted list of their paths, which may carry names"
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
    lines = [f"{counted(len(found.faces), 'face appears', 'faces appear')} too often among {found.n_samples:,} samples"]
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


def _copies(n: int, n_samples: int) -> str:
    return f"{n:,} of {counted(n_samples, 'sample')} {'is a copy' if n == 1 else 'are copies'}"


def _percent(share: float) -> str:
    return percent(share).replace(NO_BREAK, " ").replace(MINUS, "-")


def _show(figure: Figure, *, as_percent: bool = False) -> str:
    if not isinstance(figure, Estimate):
        return f"not given, {figure.reason}"
    times, unit = (100, " %") if as_percent else (1, "")
    value, low, high = (f"{times * x:.3g}" for x in (figure.value, figure.low, figure.high))
    return f"{value}{unit} ({low} to {high}{unit}, n = {figure.n:,})"
