"""Which finding of the lab depends on the recogniser: runs judged by two, pooled, side by side, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

from probablyexists.lab.judging import Judged
from probablyexists.lab.pool import AUDIT, UNSEEN, Cell, Row, Scores, pool, runs_of
from probablyexists.lab.results_table import markdown, named, people_x_photos, shown
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import pooled_difference

Holds = Literal["both", "its own alone", "the other alone", "neither", "not resolvable"]

_HOLDS: Mapping[tuple[bool, bool], Holds] = {
    (True, True): "both",
    (True, False): "its own alone",
    (False, True): "the other alone",
    (False, False): "neither",
}
"""(above 0 by its own, by the other) -> what is said."""

_HEAD = (
    "| part | set | procedure | people x photos | runs | unseen, by person: its own | the other "
    "| the other less its own | above the baseline: its own | the other "
    "| named: its own | the other | the finding holds with |"
)

LEGEND = """*Its own*: the recogniser that audited the run when it was carried out; *the other*: {other}. AUROC of
photos of members that were not trained on against people who were never in training, by person, pooled over the runs
of a row, with its 95 % interval, people as units. *The other less its own*: person against the same person, on the
same samples. *Above the baseline*: the AUROC less that of the same attack, by the same recogniser, with photos of
strangers in place of the samples. *The finding*: that this is above 0 with its whole interval. That it holds with one
recogniser alone does not say that the two differ: the column of differences does."""


@dataclass(frozen=True)
class Compared:
    """The runs of one cell (`pool.Cell`), by two recognisers."""

    own: Cell
    other: Cell
    difference: Figure
    """AUROC of unseen photos by person, the other's minus its own (`pooled_difference`)."""

    @property
    def holds(self) -> Holds:
        """With which recogniser the difference above the baseline has its whole interval above 0."""
        own, other = (cell.above.get(UNSEEN) for cell in (self.own, self.other))
        if not isinstance(own, Estimate) or not isinstance(other, Estimate):
            return "not resolvable"
        return _HOLDS[own.low > 0, other.low > 0]


def compared(runs: Sequence[Judged]) -> list[Compared]:
    """Cells in the order of their first runs."""
    of = {run.own["id"]: run for run in runs}

    def own(row: Row) -> pa.Table | None:
        return of[row["id"]].own_scores

    def other(row: Row) -> pa.Table:
        return of[row["id"]].other_scores

    cells = zip(pool([run.own for run in runs], own), pool([run.other for run in runs], other), strict=True)
    return [Compared(one, another, _difference(one, another, own, other)) for one, another in cells]


def _difference(one: Cell, another: Cell, own: Scores, other: Scores) -> Figure:
    ours = runs_of(one.rows, own, UNSEEN, "person", AUDIT)
    theirs = runs_of(another.rows, other, UNSEEN, "person", AUDIT)
    if len(ours) < len(theirs):
        return Unresolvable("the scores of some runs are missing", len(theirs), len(ours))
    return pooled_difference(theirs, ours)


def table(found: Sequence[Compared], other: str) -> str:
    """One line a cell, how many findings hold with which recogniser, and what the columns say. `other`: its id."""
    lines = [
        [
            one.own.part,
            one.own.set,
            one.own.procedure,
            people_x_photos(one.own.rows[0]),
            str(len(one.own.rows)),
            *(shown(cell.auroc.get((UNSEEN, "person"))) for cell in (one.own, one.other)),
            shown(one.difference, "+.2f"),
            *(shown(cell.above.get(UNSEEN), "+.2f") for cell in (one.own, one.other)),
            *(named(cell.rows) for cell in (one.own, one.other)),
            one.holds,
        ]
        for one in found
    ]
    return "\n\n".join([markdown(_HEAD, lines), _count(found), LEGEND.format(other=other)])


def _count(found: Sequence[Compared]) -> str:
    of = Counter(one.holds for one in found)
    return f"The finding holds with: {', '.join(f'{holds} {of[holds]}' for holds in get_args(Holds))}; of {len(found)}."
