"""probablyexists lab run"""

from __future__ import annotations

from typing import Annotated

import typer

from probablyexists.basis.progress import Console, Silent
from probablyexists.cli.lab.options import (
    Cache,
    Device,
    Experiment,
    Faces,
    Out,
    Quiet,
    Threads,
    machine_of,
    needs_torch,
)

HELP = """Carry out an experiment: train, sample, audit, and write a row for each run.

    probablyexists lab run experiments/smoke.toml --out lab/

Stopped, the same command goes on where it was; several processes may work
on one experiment at the same time. On several GPUs start one process a GPU,
with --device cuda:0, --device cuda:1, ... and the same --out.
Exit code: 0 every run has a row, 1 some are left or failed, 2 bad input.
"""


def run_command(
    experiment: Experiment,
    out: Out,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs, done and to do; train nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """See HELP."""
    needs_torch()
    from probablyexists.intake.settings import default_cache
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.run import run_experiment

    asked = read_experiment(experiment)
    if dry_run:
        for run in asked.runs:
            done = "done" if (out / run.id / "row.json").exists() else "to do"
            typer.echo(f"{done:<6} {run.part:<12} {run.id} seed {run.seed}")
        return
    machine = machine_of(device, threads)
    progress = Silent() if quiet else Console()
    rows = run_experiment(asked, out, faces, cache or default_cache(), machine, progress, threads)
    failed = [row["id"] for row in rows if "failed" in row]
    for row in rows:
        typer.echo(f"{row['id']}: {row.get('failed') or row['verdict']}")
    if failed or len(rows) < len(asked.runs):
        typer.echo(f"{len(asked.runs) - len(rows)} runs are left to do, {len(failed)} failed", err=True)
        raise typer.Exit(1)
