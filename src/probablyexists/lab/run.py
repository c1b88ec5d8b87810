"""Carry out an experiment: for each run split, train, sample, audit, and write a row. Finished runs are kept."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_jsonable_python

from probablyexists.basis.errors import TrainingError, WriteError, option
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.plain_files import MOST_RESULT, json_line, json_object, read_plain
from probablyexists.basis.progress import Progress
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.engines.resources import Resources
from probablyexists.guarding.redrawing import Guarded, guarded
from probablyexists.intake.settings import AuditSettings
from probablyexists.lab.behind_guard import guard_of_members
from probablyexists.lab.commit import commit
from probablyexists.lab.design import Split, split
from probablyexists.lab.experiment import Experiment, Run
from probablyexists.lab.machine import Machine
from probablyexists.lab.pool import AUDIT, SEEN, UNSEEN, scored_run, where
from probablyexists.lab.reading import Glance, Reading, glance, read
from probablyexists.lab.sets import crops
from probablyexists.lab.train import Trained, train
from probablyexists.lab.treatments import trained_photos
from probablyexists.results.findings import Findings
from probablyexists.stats.contrast import standard_score

ROW_VERSION = 1


def run_experiment(
    experiment: Experiment,
    out: Path,
    faces: Path | None,
    cache: Path,
    machine: Machine,
    progress: Progress,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Carry out every run that has no row yet; return the rows of all finished runs, in the file's order.

    Runs that another process works on are skipped, so that several processes may work on one experiment. A run whose
    training fails gets a row with the reason.
    """
    if n_done := sum((out / run.id / "row.json").exists() for run in experiment.runs):
        progress.say(f"{out}: {n_done} of {len(experiment.runs)} runs are done; delete a run's folder to repeat it")
    for number, run in enumerate(experiment.runs, start=1):
        folder = out / run.id
        if (folder / "row.json").exists():
            continue
        with _claimed(folder) as ours:
            if not ours or (folder / "row.json").exists():
                continue
            progress.say(f"run {number} of {len(experiment.runs)}: {run.id} (seed {run.seed})")
            row = carry_out(run, folder, faces, cache, machine, progress, threads)
            write_text(folder / "row.json", json.dumps(row) + "\n")
    found = rows(experiment, out)
    table, text = out / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in found)
    if not (table.exists() and table.read_text(encoding="utf-8") == text):
        write_text(table, text)
    return found


def rows(experiment: Experiment, out: Path) -> list[dict[str, Any]]:
    """The rows of all finished runs, in the experiment's order; each with the part it belongs to.

    `out`: the folder of the runs, or a `rows.jsonl`.
    """
    if out.is_file():
        lines = read_plain(out, MOST_RESULT).splitlines()
        known = {row.get("id"): row for row in (json_line(line, out) for line in lines)}
    else:
        paths = [out / run.id / "row.json" for run in experiment.runs]
        known = {path.parent.name: json_object(path, MOST_RESULT) for path in paths if path.exists()}
    return [{**known[run.id], "part": run.part} for run in experiment.runs if run.id in known]


def carry_out(
    run: Run, folder: Path, faces: Path | None, cache: Path, machine: Machine, progress: Progress, threads: int | None
) -> dict[str, Any]:
    """One run, from the set to its row."""
    about: dict[str, Any] = {"version": ROW_VERSION, "id": run.id, "commit": commit(), **run.model_dump(mode="json")}
    of_set = crops(run.set, run.training.size, faces, cache, progress, run.design.fewest_photos, threads)
    roles = split(of_set, run.design, run.seed)
    roles.write(folder / "split.csv")
    seed_of_people = run.design.seed_of_people(run.seed)
    photos = trained_photos(roles, run.design, seed_of_people)
    try:
        trained = train(run.training, photos, folder / "training", machine, progress)
    except TrainingError as error:
        return {**about, "failed": str(error)}
    curve = {
        images: glance(audit_settings(run, folder, where, cache, threads, samples=run.snapshot_samples), progress)
        for images, where in trained.snapshots.items()
        if where != trained.generator
    }
    generator: Path | Guarded = trained.generator
    if run.guard is not None:
        keeper = guard_of_members(roles, run.guard, seed_of_people, folder, cache, threads, progress)
        generator = guarded(generator, keeper)
    reading = read(
        audit_settings(run, folder, generator, cache, threads, out=folder / "audit"), roles.controls, progress
    )
    refused = {"guarded": generator.counts} if isinstance(generator, Guarded) else {}
    with written_whole(folder / "scores.parquet") as aside:
        pq.write_table(reading.scores, aside)
    of_photos = Counter(crop.person for crop in roles.training)
    found = _trained_row(roles, len(photos), trained, curve) | read_row(reading, of_photos, roles.most)
    found |= {"controls": reading.controls, **refused}
    row: dict[str, Any] = to_jsonable_python({**about, **found})
    return row


def audit_settings(
    run: Run,
    folder: Path,
    generator: Path | Guarded,
    cache: Path,
    threads: int | None,
    *,
    samples: int | None = None,
    recogniser: str | Recogniser = "dlib",
    out: Path | None = None,
) -> AuditSettings:
    """Settings of the audit of a generator of this run. `samples`: None: as many as the run says."""
    manifest = folder / "split.csv"
    return AuditSettings(
        training=manifest,
        unseen=manifest if run.design.unseen else None,
        heldout=manifest,
        generated=generator,
        samples=samples or run.samples,
        faces="aligned",
        recogniser=recogniser,
        seed=run.seed,
        show_names=True,
        resources=Resources(threads=threads, cache=cache),
        out=out,
    )


def _trained_row(roles: Split, n_photos: int, trained: Trained, curve: dict[int, Glance]) -> dict[str, Any]:
    """What a row says of the run besides `read_row`."""
    return {
        "n_trained_on": n_photos,
        "n_heldout_people": len({crop.person for crop in roles.heldout}),
        "images": trained.images,
        "training_seconds": trained.seconds,
        "curve": [
            {"images": images} | {name: value for name, value in vars(at).items() if name != "kernel"}
            for images, at in curve.items()
        ],
    }


def read_row(reading: Reading, photos: Mapping[str, int], most: str | None) -> dict[str, Any]:
    """What a row says of the audit. `photos`: of each member, in training; `most`: the over-represented person."""
    findings = reading.findings
    return {
        **vars(reading.glance),
        "quality": reading.quality,
        "baseline": reading.baseline,
        "above_baseline": reading.above,
        "blind": findings.split_baseline.auroc,
        "verdict": findings.verdict,
        "n_members": findings.naming.n_members,
        "n_named": findings.naming.n_exposed,
        "smallest_leak": findings.missed,
        "dose": findings.dose,
        "most": _most(most, findings),
        "exposures": exposures(photos, reading.scores),
        "by_photos": sorted([row["photos"], row["exposed"]] for row in findings.people.to_pylist()),
    }


def _most(person: str | None, findings: Findings) -> dict[str, Any] | None:
    """What the audit says of the over-represented person, without the name."""
    for row in findings.people.to_pylist():
        if row["person"] == person:
            return {key: row[key] for key in ("photos", "compared_on", "exposure", "p", "q", "exposed")}
    return None


def exposures(photos: Mapping[str, int], scores: pa.Table) -> dict[str, list[list[float]]]:
    """For each population [training photos, exposure] of every member, sorted, without names.

    The exposure is the score by person as a z-score among the held-out people, everybody on the same number of photos,
    so that people with more training photos do not score higher for having a better template.
    """
    found = {}
    for population in (SEEN, UNSEEN):
        here = where(scores, attack=AUDIT, population=population, level="person")
        if here.num_rows:
            run = scored_run(here)
            exposure = standard_score(run.member_scores, run.heldout_scores).tolist()
            found[population] = sorted(
                [photos[str(who)], z] for who, z in zip(run.member_people, exposure, strict=True)
            )
    return found


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Whether this process has claimed the run; the claim ends with the process, however it ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim = (folder / ".claim").open("w", encoding="utf-8")
    except OSError as error:
        raise WriteError(folder, error, f"give another folder with {option('out')}") from error
    with claim as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        for left in folder.glob(".*.part"):  # by a run that was killed
            left.unlink(missing_ok=True)
        yield True
