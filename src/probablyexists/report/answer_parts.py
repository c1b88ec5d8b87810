"""What an answer is made of: a question, a sentence, its limits, figures and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.report.marks import Chart
from probablyexists.report.words import counted, number_figure, percent_figure
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

NOT_CLAIMED = "Not claimed: members and strangers differ even without the generator (see answer 1)."
"""The sentence of every answer that an unfair split makes worthless."""


@dataclass(frozen=True)
class Line:
    """One figure: what it is, the value with its interval as text, and what it is based on."""

    label: str
    value: str
    basis: str = ""
    missing: bool = False
    method: str = ""
    """How the interval or the p-value was made; said once, in the method section."""


@dataclass(frozen=True)
class Answer:
    """One of the seven answers."""

    question: str
    sentence: str
    limits: str
    lines: Sequence[Line]
    """Figures that are always visible."""
    more: Sequence[Line] = ()
    """Figures that the reader has to unfold."""
    chart: Chart | None = None
    detail: str = ""
    """What follows the sentence, in smaller letters."""


def line(
    label: str,
    figure: Figure,
    share: bool = False,
    *,
    signed: bool = False,
    basis: str = "",
    unit: tuple[str, str] = ("person", "people"),
) -> Line:
    """A figure with its interval, or why there is none. `unit`: what was counted, one and several."""
    value = percent_figure(figure) if share else number_figure(figure, signed=signed)
    if isinstance(figure, Unresolvable):
        return Line(label, value, basis, missing=True)
    return Line(label, value, basis or counted(figure.n, *unit), method=figure.method)


def methods(answers: Sequence[Answer], by_group: Sequence[Figure]) -> list[tuple[str, str]]:
    """Every method behind the figures and where it is used; in the order of first use."""
    used: dict[str, list[str]] = {}
    for number, answer in enumerate(answers, start=1):
        for one in (*answer.lines, *answer.more):
            used.setdefault(one.method, []).append(f"answer {number}")
    for figure in by_group:
        if isinstance(figure, Estimate):
            used.setdefault(figure.method, []).append("by group")
    return [(method, ", ".join(dict.fromkeys(where))) for method, where in used.items() if method]
