"""Runs that differ only in their seed, pooled: the figures of the lab's table and curves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from probablyexists.basis.seeds import rng
from probablyexists.stats.effective_dose import Answers, effective_dose, logistic_dose, share_by_dose
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import PooledRun, pooled_auroc, pooled_difference
from probablyexists.stats.randomised import DoseRun, randomised_slope

Row = Mapping[str, Any]
Scores = Callable[[Row], pa.Table | None]
"""The scores of a row's run, with names or numbers of people; None where they are missing. Columns: attack, population,
level, side, person, score."""

SEEN, UNSEEN = "seen photos", "unseen photos"
AUDIT = "audit"
BLIND = ("blind, one half", "blind, other half")
"""Values of `attack` in `scores.parquet`: the audit's, and the same attack with strangers' photos as samples."""
PHOTOS, NAMED = "training photos", "named"
"""Where doses were drawn, in the same place: of each member the training photos, and 1 where the audit names them."""


@dataclass(frozen=True)
class Dosed:
    """Members of all runs to whom one number of training photos was assigned."""

    n: int
    """A member of several runs counts in each."""
    n_named: int
    share: Figure
    """Of the members, named; 0 to 1."""


@dataclass(frozen=True)
class Cell:
    """The runs of one part, set, procedure and design."""

    part: str
    set: str
    procedure: str
    rows: tuple[Row, ...]
    """The finished runs."""
    n_failed: int
    auroc: Mapping[tuple[str, str], Figure]
    """(population, level) -> AUROC pooled over the runs, people as the units (`stats.pooled.pooled_auroc`)."""
    each: Mapping[tuple[str, str], tuple[Figure, ...]]
    """The same, of each run."""
    above: Mapping[str, Figure]
    """Population -> AUROC by person minus the split baseline's, pooled over the runs."""
    dose: Mapping[str, Figure]
    """Population -> change of exposure a doubling of the training photos, where their number was drawn at random."""
    named: Mapping[float, Dosed]
    """Assigned training photos -> who is named, over the runs whose split allows names; where doses were drawn."""
    named_at: tuple[Figure, Figure] | None
    """Training photos at which 80 % are named (`stats.effective_dose`): without a form of the curve, and if it is
    logistic; None where no doses were drawn, or no run says who is named."""


def pool(rows: Sequence[Row], scores: Scores) -> list[Cell]:
    """Group the rows of an experiment; figures over several runs come from the scores of single people."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        design, training = {**row["design"], "people_seed": None}, {**row["training"], "seed": None}
        same = [row["part"], row["set"], design, training, row["samples"]]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(row)
    return [_cell(group, scores) for group in groups.values()]


def _cell(rows: Sequence[Row], scores: Scores) -> Cell:
    whole = tuple(row for row in rows if "failed" not in row)
    kinds = [(population, level) for population in (SEEN, UNSEEN) for level in ("photo", "person")]
    of_kind = {kind: [answer for row in whole if (answer := answer_of(row, *kind)) is not None] for kind in kinds}
    each = {kind: tuple(figure(it["auroc"]) for it in answers) for kind, answers in of_kind.items() if answers}
    baselines = [row["above_baseline"] for row in whole]
    above = {p: [figure(its[p]) for its in baselines if p in its] for p in (SEEN, UNSEEN)}
    first = rows[0]
    named = _answers(whole, scores) if first["design"]["dose"] else None
    is_randomised = bool(first["design"]["dose"]) or first["design"]["most"] is not None
    return Cell(
        part=first["part"],
        set=first["set"],
        procedure=first["training"]["procedure"] + ("+diffaug" if first["training"]["augment"] else ""),
        rows=whole,
        n_failed=len(rows) - len(whole),
        auroc={kind: _together(whole, kind, figures, scores) for kind, figures in each.items()},
        each=each,
        above={p: _together(whole, (p, "person"), above[p], scores, BLIND) for p in above if (p, "person") in each},
        dose={p: _dose(whole, p) for p in (SEEN, UNSEEN) if whole and is_randomised},
        named={} if named is None else _dosed(named),
        named_at=None if named is None else (effective_dose(share_by_dose(named)), logistic_dose(named)),
    )


def _dose(rows: Sequence[Row], population: str) -> Figure:
    points = [np.array(row["exposures"][population]) for row in rows if row["exposures"].get(population)]
    if not points:
        return Unresolvable("no run has this population")
    runs = [DoseRun(np.log2(run[:, 0]), run[:, 1]) for run in points]
    return randomised_slope(runs, rng(0, "lab", "dose", population))


def _answers(rows: Sequence[Row], scores: Scores) -> Answers | None:
    """Of each member the assigned dose and whether named, over the runs in which people may be.

    Photos that were set aside make a number smaller than the dose: the dose is the next that was assigned. Who is who
    comes with the scores; if they are missing for some run, it is not known for any.
    """
    rows = [row for row in rows if row["n_named"] is not None and row.get("by_photos")]
    if not rows:
        return None
    found = [_dosed_people(table) for row in rows if (table := scores(row)) is not None]
    known = [one for one in found if one]
    given = [member for one in known for member in one]
    if len(known) < len(rows):
        given = [("", photos, named) for row in rows for photos, named in row["by_photos"]]
    doses = np.unique(rows[0]["design"]["dose"]).astype(np.float64)
    at = np.minimum(np.searchsorted(doses, [photos for _, photos, _ in given]), doses.size - 1)
    people = [person for person, _, _ in given] if len(known) == len(rows) else None
    return Answers(doses[at], np.array([bool(named) for *_, named in given]), people)


def _dosed_people(scores: pa.Table) -> list[tuple[str, float, float]]:
    """(person, training photos, named) of each member."""
    photos, named = (where(scores, attack=attack) for attack in (PHOTOS, NAMED))
    of = dict(zip(named["person"].to_pylist(), named["score"].to_pylist(), strict=True))
    its = zip(photos["person"].to_pylist(), photos["score"].to_pylist(), strict=True)
    return [(str(person), n, of[person]) for person, n in its]


def _dosed(answers: Answers) -> dict[float, Dosed]:
    found = {}
    for dose, share in share_by_dose(answers).items():
        yes = answers.yes[answers.dose == dose]
        found[dose] = Dosed(yes.size, int(yes.sum()), share)
    return found


def _together(
    rows: Sequence[Row], kind: tuple[str, str], each: Sequence[Figure], scores: Scores, less: Sequence[str] = ()
) -> Figure:
    """Of one run its own figure; several are pooled from their scores, `less` those of other attacks."""
    if len(each) == 1:
        return each[0]
    runs = runs_of(rows, scores, *kind, AUDIT)
    if len(runs) < len(each):
        return Unresolvable("the scores of some runs are missing", len(each), len(runs))
    baseline = [run for attack in less for run in runs_of(rows, scores, *kind, attack)]
    return pooled_difference(runs, baseline) if less else pooled_auroc(runs)


def runs_of(rows: Sequence[Row], scores: Scores, population: str, level: str, attack: str) -> list[PooledRun]:
    """Of the runs that have this population, and whose row came with its scores."""
    tables = [table for row in rows if (table := scores(row)) is not None]
    here = [where(table, attack=attack, population=population, level=level) for table in tables]
    return [scored_run(table) for table in here if table.num_rows]


def where(table: pa.Table, **values: object) -> pa.Table:
    """The rows with these values in the columns of these names."""
    return table.filter(pq.filters_to_expression([(column, "==", value) for column, value in values.items()]))


def scored_run(scores: pa.Table, prefix: str = "") -> PooledRun:
    """Scores by `side`, `person` and `score`, of one population and level; `prefix`: before each name."""
    sides = [where(scores, side=side) for side in ("member", "heldout")]
    members, strangers = ([f"{prefix}{name}" for name in side["person"].to_pylist()] for side in sides)
    return PooledRun(sides[0]["score"].to_numpy(), members, sides[1]["score"].to_numpy(), strangers)


def answer_of(row: Row, population: str, level: str) -> Mapping[str, Any] | None:
    """The run's own answer 1, or a snapshot's; None without this population."""
    wanted = (population, level)
    return next((dict(its) for its in row["membership"] if (its["population"], its["level"]) == wanted), None)


def figure(given: Mapping[str, Any]) -> Figure:
    """A figure of a row, from JSON."""
    return Estimate(**given) if "value" in given else Unresolvable(**given)
