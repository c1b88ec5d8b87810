"""Every attack on a generator whose training people are known: the scores behind the leaderboard.

Reference people and strangers must be different people. Held-out people are therefore divided into folds: the people
of one fold are the strangers, and the attack learns from the photos of the other folds. A blind attacker does the same
with photos of half of the people of the other folds in place of the samples.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probablyexists.answers.membership import populations
from probablyexists.attacks.attack import Attack
from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.basis.text import shown
from probablyexists.engines.choose import engine
from probablyexists.lab.experiment import Run
from probablyexists.lab.reading import SCORES_SCHEMA, score_table
from probablyexists.lab.run import audit_settings
from probablyexists.lab.white_box.scores import WHITE_BOX, left_behind, white_box_scores
from probablyexists.matching.crowd import photos_of
from probablyexists.tasks.gather import Gathered, gather

N_FOLDS = 4

SCHEMA = SCORES_SCHEMA.insert(1, pa.field("blind", pa.bool_())).insert(2, pa.field("fold", pa.int32()))


@dataclass(frozen=True)
class Cost:
    """What one attack took on one victim, all folds together, without the work that all attacks share."""

    seconds: float
    mebibytes: float | None
    """Peak memory beyond the embeddings; None of attacks that open the victim: torch's memory is not measured."""


@dataclass(frozen=True)
class Victim:
    """A finished run of the lab, attacked."""

    run: Run
    scores: pa.Table
    costs: Mapping[str, Cost]


def find_victims(paths: list[Path]) -> list[Path]:
    """Folders of finished runs, given one by one or by the folder they are in; sorted. InputError without any."""
    found = {path for given in paths for path in (given, *sorted(given.glob("*/"))) if (path / "row.json").exists()}
    if not found:
        raise InputError(f"{shown(paths[0])}: holds no finished run; carry some out with: probablyexists lab run")
    return sorted(path for path in found if "failed" not in _row(path))


def attacked(
    folder: Path,
    attacks: Mapping[str, Attack],
    cache: Path,
    progress: Progress,
    threads: int | None,
    *,
    opened: bool = True,
) -> Victim:
    """The scores of all attacks on this run's generator; scores that its folder holds are not computed again.

    Besides `attacks`, which see samples alone, these are, if `opened`, the attacks of `white_box`, where the networks
    they open were kept.
    """
    row = _row(folder)
    run = Run.model_validate({key: row[key] for key in Run.model_fields})
    table, costs = folder / "attacks.parquet", folder / "attacks.json"
    known: dict[str, Any] = json_object(costs) if costs.exists() else {}
    wanted = [*attacks, *(left_behind(run.training, folder) if opened else ())]
    if missing := [name for name in wanted if name not in known]:
        settings = audit_settings(run, folder, folder / "training" / "generator", cache, threads)
        # The table is written before the costs: a stop in between leaves scores in it that are computed again.
        tables = [pq.read_table(table, filters=pc.field("attack").isin(list(known)))] if known else []
        with (
            engine(settings.resources, progress) as work,
            progress.stage(f"attacks on {folder.name}", len(missing)) as bar,
        ):
            gathered = gather(settings, work, progress)
            for name in missing:
                if name in attacks:
                    found, known[name] = _measured(partial(_scores, gathered, attacks[name], run.seed))
                else:
                    found, known[name] = _opened(gathered, run, folder, name)
                tables.append(found)
                bar.advance()
        with written_whole(table) as aside:
            pq.write_table(pa.concat_tables(tables), aside)
        write_text(costs, json.dumps(known) + "\n")
    return Victim(run, pq.read_table(table), {name: Cost(**known[name]) for name in wanted})


def _measured(scores: Callable[[], Iterator[pa.Table]]) -> tuple[pa.Table, dict[str, float | None]]:
    """The scores, seconds and peak memory. Memory is measured in a second pass, as that takes time."""
    started = time.perf_counter()
    table = pa.concat_tables(list(scores()))
    seconds = time.perf_counter() - started
    tracemalloc.start()
    next(scores())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return table, {"seconds": seconds, "mebibytes": most / 2**20}


def _opened(gathered: Gathered, run: Run, folder: Path, attack: str) -> tuple[pa.Table, dict[str, float | None]]:
    started = time.perf_counter()
    found = white_box_scores(gathered, run, folder, WHITE_BOX[attack])
    tables = [score_table(part, attack, blind, 0, schema=SCHEMA) for blind, parts in found for part in parts]
    return pa.concat_tables(tables), {"seconds": time.perf_counter() - started, "mebibytes": None}


def _scores(gathered: Gathered, attack: Attack, seed: int) -> Iterator[pa.Table]:
    crowds = gathered.crowds
    n = len(crowds.heldout.people)
    fold = rng(seed, "lab", "folds").permutation(n) % N_FOLDS
    for judged in range(N_FOLDS):
        known, strangers = np.flatnonzero(fold != judged), np.flatnonzero(fold == judged)
        half = rng(seed, "lab", "stand-ins", judged).permutation(known)
        stand_ins, others = np.sort(half[: len(half) // 2]), np.sort(half[len(half) // 2 :])
        for blind, samples, reference in (
            (False, photos_of(gathered.others), known),
            (True, crowds.heldout.reference(stand_ins), others),
        ):
            score = attack.prepare(samples, crowds.heldout.reference(reference), gathered.matcher)
            some = crowds.heldout.some(strangers)
            for population in populations(crowds.training, crowds.unseen, some, score):
                yield score_table(population, attack.id, blind, judged, schema=SCHEMA)


def _row(folder: Path) -> dict[str, Any]:
    return json_object(folder / "row.json", MOST_RESULT)
