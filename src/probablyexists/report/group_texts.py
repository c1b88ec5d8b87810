"""Answers 1, 2 and 7 by group, side by side: the sentence above the table, and its rows."""

from __future__ import annotations

from dataclasses import dataclass

from probablyexists.report.charts import group_chart
from probablyexists.report.marks import Chart
from probablyexists.report.words import count, in_a_row, number, percent, percent_parts, short
from probablyexists.results.findings import Findings, GroupFindings
from probablyexists.stats.estimate import Estimate, Figure

MANY_TIMES = 2.0
"""False matches of the worst group, as a multiple of the best group's, from which the page says so first."""
LONGEST = 24
"""Letters of a group's name that are shown."""


@dataclass(frozen=True)
class Cell:
    """One cell of the table: the value, and its interval or the reason why there is none."""

    value: str
    note: str = ""
    why: str = ""
    """The reason in full."""


@dataclass(frozen=True)
class ByGroup:
    """The section about groups."""

    sentence: str
    heads: list[str]
    rows: list[tuple[str, list[Cell]]]
    """Name of the group, and its cells in the order of `heads`."""
    chart: Chart | None


def by_group(findings: Findings) -> ByGroup | None:
    """The groups side by side; None where no groups were given."""
    groups = findings.groups
    if not groups:
        return None
    claimed = findings.naming.n_exposed is not None
    populations = list(dict.fromkeys(p for group in groups for p in group.auroc)) if claimed else []
    heads = ["Members", "False matches", "False non-matches"]
    heads += (["Named"] if claimed else []) + [f"AUROC, {which}" for which in populations]
    rows = []
    for group in groups:
        cells = [
            Cell(count(group.n_members), f"{count(group.n_heldout)} held out"),
            _share(group.fmr),
            _share(group.fnmr),
        ]
        if claimed:
            named = "—" if group.n_named is None else count(group.n_named)
            against = "p within group" if group.within else "p among several groups"
            cells.append(Cell(named, against) if group.n_members else Cell("—", "no members"))
        cells += [_number(group.auroc[p]) if p in group.auroc else Cell("—") for p in populations]
        rows.append((group.group, cells))
    return ByGroup(" ".join(_sentences(groups)), heads, rows, group_chart(findings))


def _sentences(groups: list[GroupFindings]) -> list[str]:
    known = [(group, group.fmr) for group in groups if isinstance(group.fmr, Estimate)]
    said = []
    if len(known) > 1:
        least, most = (pick(known, key=lambda one: one[1].value) for pick in (min, max))
        high, low = most[1], least[1]
        worst, best = (f"“{short(g.group, LONGEST)}” ({percent(f.value)})" for g, f in (most, least))
        if high.value < MANY_TIMES * low.value or high.low <= low.high:
            said.append(
                "No group is shown to have many times more false matches than another: they are most frequent in "
                f"{worst} and rarest in {best}."
            )
        else:
            said.append(
                f"The recogniser takes two different people of {worst} for one {_times(high.value, low.value)} two of "
                f"{best}: in the first group a match says less about who it is, and a leak is harder to show."
            )
    pooled = [f"“{short(group.group, LONGEST)}”" for group in groups if not group.within and group.n_members]
    if pooled:
        names = in_a_row(pooled[:5] + ([f"{count(len(pooled) - 5)} more"] if len(pooled) > 5 else []))
        said.append(
            f"With too few held-out people of their own, members of {names} are compared with the held-out people of "
            "several groups together."
        )
    return said


def _times(high: float, low: float) -> str:
    if low == 0:
        return "more often than"
    return f"{number(high / low, 0 if high >= 10 * low else 1)} times as often as"


def _share(figure: Figure) -> Cell:
    if not isinstance(figure, Estimate):
        return Cell("—", "not estimated", figure.reason)
    value, interval = percent_parts(figure)
    return Cell(value, interval.replace("95\N{NO-BREAK SPACE}% interval ", ""))


def _number(figure: Figure) -> Cell:
    if not isinstance(figure, Estimate):
        return Cell("—", "not estimated", figure.reason)
    return Cell(number(figure.value), f"{number(figure.low)} to {number(figure.high)}")
