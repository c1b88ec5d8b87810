"""`probablyexists lab run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.basis.threads import limited_threads
from probablyexists.cli.lab.lab_options import Cache, Device, Experiment, Faces, Out, Threads
from probablyexists.cli.options import Quiet, progress_of

if TYPE_CHECKING:
    from probablyexists.basis.progress import Progress
    from probablyexists.lab.experiment import Experiment as _Asked


def run(
    experiment: Experiment,
    out: Out,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs, with hours and memory of those to do; train nothing.")
    ] = False,
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
        with limited_threads(threads):
            _plan(asked, out, device, progress_of(quiet))
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


def _plan(asked: _Asked, out: Path, device: str, progress: Progress) -> None:
    """Print every run; of those to do how long they take and how much memory, on this device or a GPU assumed."""
    from probablyexists.basis.errors import InputError
    from probablyexists.lab.forecast import ASSUMED_RATE, forecasts
    from probablyexists.lab.machine import find_machine

    try:
        machine, assumed = find_machine(device), False
    except InputError:
        if not device.startswith("cuda"):
            raise
        machine, assumed = find_machine("cpu", "bfloat16"), True
    to_do = [planned for planned in asked.runs if not (out / planned.id / "row.json").exists()]
    costs = dict(
        zip((planned.id for planned in to_do), forecasts(to_do, machine, progress, assumed=assumed), strict=True)
    )
    for planned in asked.runs:
        line = f"{'to do' if planned.id in costs else 'done':<6} {planned.part:<12} {planned.id} seed {planned.seed}"
        if (cost := costs.get(planned.id)) is not None:
            line += f": {cost.seconds / 3600:,.2f} h, {cost.memory / 2**30:,.2f} GiB"
        typer.echo(line)
    told = [cost for cost in costs.values() if cost is not None]
    hours = sum(cost.seconds for cost in told) / 3600
    unknown = f"; of {len(costs) - len(told)} more the minutes are in the file" if len(told) < len(costs) else ""
    on = (
        f"a GPU assumed to reach {ASSUMED_RATE / 1e12:.0f} TFLOP/s, as there is none here"
        if assumed
        else f"{machine.device}, as one step of each took now"
    )
    if costs:
        typer.echo(
            f"{len(costs)} to do: {hours:,.1f} hours of training and sampling on {on}{unknown}; crops and audits "
            "come on top",
            err=True,
        )
