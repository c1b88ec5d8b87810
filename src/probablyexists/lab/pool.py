"""Runs that differ only in their seed, pooled: the figures of the lab's table and curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probablyexists.basis.seeds import rng
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import PooledRun as Scored
from probablyexists.stats.pooled import pooled_auroc, pooled_difference
from probablyexists.stats.randomised import DoseRun, randomised_slope

Row = Mapping[str, Any]

SEEN, UNSEEN = "seen photos", "unseen photos"
AUDIT = "audit"
BLIND = ("blind, one half", "blind, other half")
"""Values of `attack` in `scores.parquet`: the audit's, and the same attack with strangers' photos as samples."""


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


def pool(rows: Sequence[Row], folder: Path) -> list[Cell]:
    """Group the rows of an experiment; pooled AUROCs come from each run's `scores.parquet` below `folder`."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    return [_cell(group, folder) for group in groups.values()]


def _key(row: Row) -> str:
    training = {key: value for key, value in row["training"].items() if key != "seed"}
    return json.dumps([row["part"], row["set"], row["design"], training, row["samples"]], sort_keys=True)


def _cell(rows: Sequence[Row], folder: Path) -> Cell:
    whole = tuple(row for row in rows if "failed" not in row)
    kinds = [(population, level) for population in (SEEN, UNSEEN) for level in ("photo", "person")]
    each = {kind: tuple(f for row in whole if (f := _alone(row, *kind)) is not None) for kind in kinds}
    first = rows[0]
    return Cell(
        part=first["part"],
        set=first["set"],
        procedure=first["training"]["procedure"] + ("+diffaug" if first["training"]["augment"] else ""),
        rows=whole,
        n_failed=len(rows) - len(whole),
        auroc={kind: _together(whole, kind, figures, folder) for kind, figures in each.items() if figures},
        each={kind: figures for kind, figures in each.items() if figures},
        above={p: _above(whole, p, folder) for p in (SEEN, UNSEEN) if each.get((p, "person"))},
        dose={p: _dose(whole, p) for p in (SEEN, UNSEEN) if whole and _is_randomised(first)},
    )


def _is_randomised(row: Row) -> bool:
    design = row["design"]
    return bool(design["dose"]) or design["most"] is not None


def _dose(rows: Sequence[Row], population: str) -> Figure:
    points = [np.array(row["exposures"][population]) for row in rows if row["exposures"].get(population)]
    if not points:
        return Unresolvable("no run has this population")
    runs = [DoseRun(np.log2(run[:, 0]), run[:, 1]) for run in points]
    return randomised_slope(runs, rng(0, "lab", "dose", population))


def _together(rows: Sequence[Row], kind: tuple[str, str], each: Sequence[Figure], folder: Path) -> Figure:
    """Of one run its own figure; several are pooled from their scores, `scores.parquet` beside each row."""
    if len(each) == 1:
        return each[0]
    runs = [s for row in rows if (s := _scores(folder / row["id"], *kind)) is not None]
    if len(runs) < len(each):
        return Unresolvable("the scores of some runs are missing", len(each), len(runs))
    return pooled_auroc(runs)


def _above(rows: Sequence[Row], population: str, folder: Path) -> Figure:
    figures = [figure(row["above_baseline"][population]) for row in rows if population in row["above_baseline"]]
    if len(figures) == 1:
        return figures[0]
    runs = {
        attack: [_scores(folder / r["id"], population, "person", attack) for r in rows] for attack in (AUDIT, *BLIND)
    }
    known = {attack: [run for run in its if run is not None] for attack, its in runs.items()}
    if len(known[AUDIT]) < len(figures):
        return Unresolvable("the scores of some runs are missing", len(figures), len(known[AUDIT]))
    return pooled_difference(known[AUDIT], [run for attack in BLIND for run in known[attack]])


def _scores(folder: Path, population: str, level: str, attack: str = AUDIT) -> Scored | None:
    """None where the run has no such population, or its row came without its scores."""
    path = folder / "scores.parquet"
    if not path.exists():
        return None
    table = pq.read_table(path)
    for column, wanted in (("attack", attack), ("population", population), ("level", level)):
        table = table.filter(pc.equal(table[column], wanted))
    if not table.num_rows:
        return None
    sides = {side: table.filter(pc.equal(table["side"], side)) for side in ("member", "heldout")}
    return Scored(
        sides["member"]["score"].to_numpy(),
        sides["member"]["person"].to_pylist(),
        sides["heldout"]["score"].to_numpy(),
        sides["heldout"]["person"].to_pylist(),
    )


def _alone(row: Row, population: str, level: str) -> Figure | None:
    """The run's own figure."""
    for answer in row["membership"]:
        if (answer["population"], answer["level"]) == (population, level):
            return figure(answer["auroc"])
    return None


def figure(given: Mapping[str, Any]) -> Figure:
    """A figure of a row, from JSON."""
    return Estimate(**given) if "value" in given else Unresolvable(**given)
