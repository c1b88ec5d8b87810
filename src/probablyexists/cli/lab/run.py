"""`probablyexists lab run`."""

from __future__ import annotations

from typing import Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.basis.threads import limited_threads
from probablyexists.cli.lab.lab_options import Cache, Device, Experiment, Faces, Out, Threads
from probablyexists.cli.options import Quiet, progress_of


def run(
    experiment: Experiment,
    out: Out,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs, done and to do; train nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """Carry out an experiment: train, sample, audit, and write a row for each run.

        probablyexists lab run experiments/smoke.toml --out lab/

    Stopped, the same command goes on where it was; several processes may work
    on one experiment at the same time. On several GPUs start one process a GPU,
    with --device cuda:0, --device cuda:1, ... and the same --out.
    Exit code: 0 every run has a row, 1 some are left or failed, 2 bad input, 3 a failure of the program.
    """
    required("torch", "lab")
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.machine import find_machine
    from probablyexists.lab.run import run_experiment

    asked = read_experiment(experiment)
    if dry_run:
        for planned in asked.runs:
            done = "done" if (out / planned.id / "row.json").exists() else "to do"
            typer.echo(f"{done:<6} {planned.part:<12} {planned.id} seed {planned.seed}")
        return
    machine = find_machine(device)
    with limited_threads(threads):
        rows = run_experiment(asked, out, faces, cache or default_cache(), machine, progress_of(quiet), threads)
    failed = [row["id"] for row in rows if "failed" in row]
    for row in rows:
        typer.echo(f"{row['id']}: {row.get('failed') or row['verdict']}")
    if failed or len(rows) < len(asked.runs):
        typer.echo(f"{len(asked.runs) - len(rows)} runs are left to do, {len(failed)} failed", err=True)
        raise typer.Exit(1)
