"""The lab's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probablyexists.basis.errors import InputError, MissingExtraError
from probablyexists.basis.progress import Console, Silent

if TYPE_CHECKING:
    from probablyexists.lab.machine import Machine
    from probablyexists.lab.pool import Cell

lab = typer.Typer(
    help="Train generators on people we chose, audit them, and compare with the truth.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_RUN_HELP = """Carry out an experiment: train, sample, audit, and write a row for each run.

    probablyexists lab run experiments/smoke.toml --out lab/

A stopped grid goes on where it was; several processes may share one.
Exit code: 0 every run has a row, 1 some are left or failed, 2 bad input.
"""

Experiment = Annotated[Path, typer.Argument(help="A TOML file of runs.")]
Out = Annotated[Path, typer.Option(help="Folder for the runs; large, and not for publication.")]
Faces = Annotated[Path | None, typer.Option(help="Folder that holds lfw/, celeba/ and orl/.")]
Cache = Annotated[Path | None, typer.Option(help="Where crops and embeddings are kept; default: the user's cache.")]
Threads = Annotated[int | None, typer.Option(help="Threads; default: all cores.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]


@lab.command("run", help=_RUN_HELP)
def run_command(
    experiment: Experiment,
    out: Out,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs, done and to do; train nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    _needs_torch()
    from probablyexists.intake.settings import default_cache
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.run import run_experiment

    asked = read_experiment(experiment)
    if dry_run:
        for run in asked.runs:
            done = "done" if (out / run.id / "row.json").exists() else "to do"
            typer.echo(f"{done:<6} {run.part:<12} {run.id} seed {run.seed}")
        return
    machine = _machine(device, threads)
    progress = Silent() if quiet else Console()
    rows = run_experiment(asked, out, faces, cache or default_cache(), machine, progress, threads)
    failed = [row["id"] for row in rows if "failed" in row]
    for row in rows:
        typer.echo(f"{row['id']}: {row.get('failed') or row['verdict']}")
    if failed or len(rows) < len(asked.runs):
        typer.echo(f"{len(asked.runs) - len(rows)} runs are left to do, {len(failed)} failed", err=True)
        raise typer.Exit(1)


@lab.command("table")
def table_command(experiment: Experiment, out: Out) -> None:
    """The figures of an experiment's runs so far, as Markdown on stdout.

    probablyexists lab table experiments/smoke.toml --out lab/
    """
    from probablyexists.lab.table import table

    typer.echo(table(_cells(experiment, out)))


@lab.command("plot")
def plot_command(
    experiment: Experiment,
    out: Out,
    to: Annotated[Path, typer.Option(help="Folder for the SVG files.")],
) -> None:
    """Exposure against people, photos, training time and dose, as SVG files.

    probablyexists lab plot experiments/smoke.toml --out lab/ --to plots/
    """
    from probablyexists.lab.plot import plot

    written = plot(_cells(experiment, out), to)
    for path in written:
        typer.echo(str(path))
    if not written:
        raise InputError(f"--out {out}: no curve has two points yet; carry out more runs")


def _cells(experiment: Path, out: Path) -> list[Cell]:
    _needs_torch()
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.pool import pool
    from probablyexists.lab.run import rows

    found = rows(read_experiment(experiment), out)
    if not found:
        raise InputError(f"--out {out}: holds no row of {experiment}; carry it out with: probablyexists lab run")
    return pool(found, out)


def _machine(device: str, threads: int | None) -> Machine:
    import torch

    from probablyexists.lab.machine import find_machine

    if threads is not None:
        torch.set_num_threads(threads)
    return find_machine(device)


def _needs_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("torch", "lab") from None
