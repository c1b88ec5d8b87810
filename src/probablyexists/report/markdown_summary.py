"""The findings as a Markdown page that GitHub renders: verdict, answers, people affected, what regulators ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probablyexists.answers.review_answers import Reviewed
from probablyexists.basis.roles import HEADINGS
from probablyexists.report.answer_parts import Line
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.group_texts import by_group
from probablyexists.report.markdown_text import bullets, code, plain, table
from probablyexists.report.people_texts import affected_people
from probablyexists.report.regulators import regulators_tables
from probablyexists.report.review_texts import markdown_reviews
from probablyexists.report.words import VERDICTS, count, counted, date, number, p_value, sentence_case
from probablyexists.results.findings import Findings

FIRST = 50
"""People shown; all are in people.csv and findings.json."""
GIVEN = ("model", "owner", "assessor")
"""Fields of the cover below the title."""
NOT_TESTED = (
    "Attacks other than those that were tried, and attacks with access to weights, gradients or training.",
    "Recognisers other than those that were tried; another one may see more.",
    "More samples than in this audit: every further sample is another chance to leak.",
    "Leaks of anything but faces, such as rooms, documents, or parts of a picture.",
)


def markdown_summary(findings: Findings, reviews: Sequence[Reviewed] = ()) -> str:
    """The page; the same text for the same findings and reviews."""
    parts = [
        _cover(findings),
        f"\n{plain(findings.sentence)}\n",
        _listed("Because", findings.because),
        _listed("Limits", findings.cautions),
        _answers(findings),
        _groups(findings),
        _people(findings),
        markdown_reviews(reviews),
        f"\n## Not tested\n\n{bullets(map(plain, NOT_TESTED))}",
        _data(findings),
        "\n## What regulators and standards ask for\n\nThis audit’s own results, passage by passage. No legal "
        f"conclusion is drawn.\n{regulators_tables(findings)}",
        _signature(findings),
    ]
    return "".join(parts)


def _cover(findings: Findings) -> str:
    """Title, mark and fields as on the first page of the report."""
    cover = findings.cover
    title = plain(cover.title or "Identity leakage audit")
    mark = "\n**Confidential**\n" * cover.confidential
    fields = (f"{name.capitalize()}: {plain(getattr(cover, name) or 'not given')}" for name in GIVEN)
    return f"# {title}: {VERDICTS[findings.verdict]}\n{mark}\n{bullets(fields)}"


def _listed(title: str, texts: list[str]) -> str:
    return f"\n**{title}**\n\n{bullets(plain(sentence_case(text)) for text in texts)}" if texts else ""


def _answers(findings: Findings) -> str:
    parts = ["\n## Seven answers\n"]
    for number_of, answer in enumerate(seven_answers(findings), start=1):
        parts.append(f"\n### {number_of}. {plain(answer.question)}\n\n{plain(answer.sentence)}\n")
        if answer.detail:
            parts.append(f"\n{plain(answer.detail)}\n")
        if answer.lines:
            parts.append(f"\n{table(('Figure', 'Value', 'Based on'), map(_cells, answer.lines))}")
        parts.append(f"\n*Limits.* {plain(answer.limits)}\n")
    return "".join(parts)


def _cells(line: Line) -> list[str]:
    return [plain(line.label), plain(line.value), plain(line.basis)]


def _groups(findings: Findings) -> str:
    groups = by_group(findings)
    if groups is None:
        return ""
    rows = [
        [code(name), *(plain(cell.value + f" ({cell.note})" * bool(cell.note)) for cell in cells)]
        for name, cells in groups.rows
    ]
    return f"\n## By group\n\n{plain(groups.sentence)}\n\n{table(('Group', *groups.heads), rows)}"


def _people(findings: Findings) -> str:
    rows = affected_people(findings)
    if not rows:
        return ""
    fair = findings.naming.n_exposed is not None
    shown = f" The first {FIRST} are shown; all are in `findings.json`." if len(rows) > FIRST else ""
    heads = ("Person", "Why", "Photos", *(("p", "q", "Exposure") if fair else ()), "Copies")
    cells = (
        [
            code(row["person"]),
            *map(plain, (row["why"], count(row["photos"]))),
            *(_likeness(row) if fair else ()),
            count(row["copies"]),
        ]
        for row in rows[:FIRST]
    )
    said = f"{counted(len(rows), 'member is', 'members are')} affected.{shown}"
    return f"\n## The people affected\n\n{said}\n\n{table(heads, cells)}"


def _likeness(row: dict[str, Any]) -> list[str]:
    """p, q and exposure of a member."""
    return [plain(p_value(row["p"])), plain(p_value(row["q"])), plain(number(row["exposure"], 1, signed=True))]


def _data(findings: Findings) -> str:
    rows = (
        [
            plain(HEADINGS.get(role.role, role.role)),
            count(role.n_images),
            count(role.n_acquired),
            count(role.n_set_aside),
            "—" if role.n_people is None else count(role.n_people),
        ]
        for role in findings.data.roles
    )
    return f"\n## Data\n\n{table(('Role', 'Images', 'Used', 'Set aside', 'People used'), rows)}"


def _signature(findings: Findings) -> str:
    s = findings.signature
    return "\n## Signature\n\n" + bullets(
        [
            f"Made by probablyexists {plain(s.probablyexists)}, on {plain(date(s.date))}",
            f"Recogniser: {code(s.recogniser)}",
            f"Data fingerprint: {code(s.data_fingerprint)}",
        ]
    )
