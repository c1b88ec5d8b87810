"""The findings in a dozen lines for the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from probablyexists.results.findings import Findings
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

MOST_PEOPLE = 5


def summary(findings: Findings, out: Path) -> str:
    """Plain text: the verdict, a line or more for each of the seven answers, and the path of the report."""
    lines = [f"verdict: {findings.verdict}", findings.sentence, ""]
    for answer in findings.membership:
        lines.append(f"1 {answer.population}, by {answer.level}: AUROC {_show(answer.auroc)}")
    lines.append(f"  split baseline (0.5 is fair): AUROC {_show(findings.split_baseline.auroc)}")
    naming = findings.naming
    lines.append(
        f"2 {naming.n_exposed:,} of {naming.n_members:,} members named at a false discovery rate of {naming.level:g}"
    )
    lines += _people_affected(findings)
    alike = findings.resemblance
    lines.append(
        f"3 samples that resemble a member {alike.members:.2%}, a stranger {alike.strangers:.2%}: "
        f"excess {_show(alike.excess)}; {alike.n_likenesses} likenesses"
    )
    lines.append(f"4 {findings.copies.n_copies} of {findings.copies.n_samples} samples are copies")
    lines.append(f"5 exposure for each doubling of the photos: {_show(findings.dose.slope)}")
    power = findings.missed.power
    if isinstance(power, Unresolvable):
        lines.append(f"6 smallest leak noticed: {power.reason}")
    elif power.smallest is None:
        lines.append("6 smallest leak noticed: none, even if every member leaked")
    else:
        lines.append(f"6 smallest leak noticed with 80 % power: {power.smallest:,} of {power.n_members:,} members")
    for rates in findings.trust.rates:
        lines.append(f"7 at {rates.name}: FMR {_show(rates.fmr)}, FNMR {_show(rates.fnmr)}")
    lines += ["", *(f"caution: {text}" for text in findings.cautions), f"report: {out / 'report.html'}"]
    return "\n".join(lines)


def _people_affected(findings: Findings) -> list[str]:
    """The first of those who are named or copied, the most certain first."""
    copied = Counter(row["person"] for row in findings.samples.to_pylist() if row["kind"] == "copy")
    rows = [row for row in findings.people.to_pylist() if row["exposed"] or copied[row["person"]]]
    lines = []
    for row in rows[:MOST_PEOPLE]:
        copies = f", {copied[row['person']]:,} copies" if copied[row["person"]] else ""
        named = f"named, q = {row['q']:.2g}" if row["exposed"] else "not named"
        lines.append(f"  {row['person']!a}: exposure {row['exposure']:+.1f}, {named}{copies}")
    return lines + ([f"  and {len(rows) - MOST_PEOPLE:,} more people affected"] if len(rows) > MOST_PEOPLE else [])


def sheet_summary(sheet: Sheet, out: Path) -> str:
    """Plain text: the finding, the rank, and the path of the sheet."""
    lines = [
        f"finding: {sheet.evidence}",
        sheet.sentence,
        "",
        f"p = {sheet.p:.4g} among {sheet.n_reference:,} reference people (smallest possible {sheet.p_floor:.4g}), "
        f"on {sheet.compared_on} {'photo' if sheet.compared_on == 1 else 'photos'}; exposure {sheet.exposure:+.2f}",
        f"{sheet.n_copies:,} of {sheet.n_samples:,} samples are copies",
        f"share of leaks noticed if one more photo were generated: {_show(sheet.power)}",
        "",
        *(f"caution: {text}" for text in sheet.cautions),
        f"sheet: {out / 'sheet.html'}",
    ]
    return "\n".join(lines)


FIRST = 10


def frequent_summary(found: FrequentFaces, out: Path) -> str:
    """Plain text: the first faces, one line each, and the path of the page."""
    faces = "1 face appears" if len(found.faces) == 1 else f"{len(found.faces)} faces appear"
    lines = [f"{faces} too often among {found.n_samples:,} samples"]
    for number, face in enumerate(found.faces[:FIRST], start=1):
        examples = ", ".join(map(ascii, face.samples[:3]))
        lines.append(
            f"{number:>3} in {face.share:.2%} of the samples (reference people {face.reference_share:.2%}), "
            f"q = {face.q:.2g}: {examples}"
        )
    if len(found.faces) > FIRST:
        lines.append(f"    and {len(found.faces) - FIRST} more")
    return "\n".join([*lines, f"page: {out / 'frequent.html'}"])


def _show(figure: Figure) -> str:
    if isinstance(figure, Estimate):
        return f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g}, n = {figure.n})"
    return f"not given, {figure.reason}"
