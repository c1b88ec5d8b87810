"""The lab's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from probablyexists.basis.errors import InputError, MissingExtraError
from probablyexists.basis.progress import Console, Silent

if TYPE_CHECKING:
    from probablyexists.lab.machine import Machine
    from probablyexists.lab.pool import Cell

Checked = TypeVar("Checked", bound=BaseModel)

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

_TRAIN_HELP = """Train one generator on people of a set, and say how to audit it.

    probablyexists lab train people --people 20 --photos 5 --minutes 5 --out one/

SET: people (drawn), lfw, celeba, orl (below --faces), olivetti (fetched), or
any folder or manifest with people's names.

Stopped, the same command goes on where it was. On several GPUs:

    accelerate launch -m probablyexists lab train SET --out one/ ...
"""

Experiment = Annotated[Path, typer.Argument(help="A TOML file of runs.")]
Out = Annotated[Path, typer.Option(help="Folder for the runs; large, and not for publication.")]
Done = Annotated[Path, typer.Option("--out", help="Folder of the runs, or its rows.jsonl.")]
Faces = Annotated[Path | None, typer.Option(help="Folder that holds lfw/, celeba/ and orl/.")]
Cache = Annotated[Path | None, typer.Option(help="Where crops and embeddings are kept; default: the user's cache.")]
Threads = Annotated[int | None, typer.Option(help="Threads; default: all cores.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
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
    quiet: Quiet = False,
) -> None:
    _needs_torch()
    from probablyexists.engines.resources import default_cache
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


@lab.command("train", help=_TRAIN_HELP)
def train_command(
    faces_of: Annotated[str, typer.Argument(metavar="SET", help="People to train on.")],
    out: Out,
    procedure: Annotated[str, typer.Option(help="dcgan, lsgan, wgan-gp, hinge-sn, r3gan, stylegan2, diffusion.")] = (
        "hinge-sn"
    ),
    people: Annotated[int, typer.Option(help="Members; the other people are held out.")] = 20,
    photos: Annotated[int, typer.Option(help="Training photos of a member.")] = 5,
    unseen: Annotated[int, typer.Option(help="Photos of a member kept out of training.")] = 5,
    images: Annotated[int | None, typer.Option(help="Budget: training images shown, repeats counted.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget: minutes of training.")] = None,
    size: Annotated[int, typer.Option(help="Pixels: 32, 48, 64 or 128.")] = 32,
    base: Annotated[int, typer.Option(help="Channels at the largest resolution.")] = 32,
    batch: Annotated[int, typer.Option(help="Images a step.")] = 64,
    augment: Annotated[bool, typer.Option("--augment", help="DiffAugment.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the split, the weights and the batches.")] = 0,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    _needs_torch()
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.design import Design, split
    from probablyexists.lab.sets import crops, read
    from probablyexists.lab.train import Training, train

    settings = checked(
        Training,
        procedure=procedure,
        size=size,
        base=base,
        batch=batch,
        images=images,
        minutes=minutes,
        augment=augment,
        seed=seed,
    )
    design = checked(Design, people=people, photos=photos, unseen=unseen)
    machine = _machine(device, threads)
    progress = Silent() if quiet or not machine.is_main else Console()
    roles = split(crops(faces_of, size, faces, cache or default_cache(), progress), design, seed)
    if machine.is_main:
        roles.write(out / "split.csv")
    trained = train(settings, read(list(roles.trained)), out / "training", machine, progress)
    if machine.is_main:
        manifest = out / "split.csv"
        typer.echo(
            f"{trained.images:,} images in {trained.seconds / 60:.1f} minutes; samples: {trained.generator}/sheet.png"
        )
        typer.echo(
            f"probablyexists audit --training {manifest} --unseen {manifest} --heldout {manifest} "
            f"--generated {trained.generator} --samples 4000 --faces aligned --out {out / 'audit'}"
        )


@lab.command("table")
def table_command(experiment: Experiment, out: Done) -> None:
    """The figures of an experiment's runs so far, as Markdown on stdout.

    probablyexists lab table experiments/smoke.toml --out lab/
    """
    from probablyexists.lab.results_table import table

    typer.echo(table(_cells(experiment, out)))


@lab.command("plot")
def plot_command(
    experiment: Experiment,
    out: Done,
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


@lab.command("leaderboard")
def leaderboard_command(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, or the folder they are in.")],
    plot: Annotated[Path | None, typer.Option(help="An SVG file to draw the first table into.")] = None,
    cache: Cache = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Every attack on every finished run, best first, as Markdown on stdout.

    Attacks that open the victim stand in a table of their own, over the runs that left behind what they open.

    probablyexists lab leaderboard lab/
    """
    _needs_torch()
    from probablyexists.attacks.known import ATTACKS
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.leaderboard import YARDSTICKS, margin, margin_words, standings, table
    from probablyexists.lab.victims import attacked, find_victims
    from probablyexists.lab.white_box.scores import WHITE_BOX

    progress = Silent() if quiet else Console()
    victims = [attacked(f, ATTACKS, cache or default_cache(), progress, threads) for f in find_victims(runs)]
    found = standings(victims, list(ATTACKS))
    if plot is not None:
        from probablyexists.lab.plot import plot_leaderboard

        plot_leaderboard(found, plot)
    typer.echo(f"{len(victims)} victims, samples alone\n\n{table(found)}\n")
    typer.echo(margin_words(margin(victims, list(ATTACKS))))
    opened = [victim for victim in victims if set(WHITE_BOX) <= set(victim.costs)]
    if opened:
        beside = table(standings(opened, [*YARDSTICKS, *WHITE_BOX]))
        typer.echo(f"\n{len(opened)} victims, opened, beside attacks on samples alone\n\n{beside}")


def _cells(experiment: Path, out: Path) -> list[Cell]:
    _needs_torch()
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.pool import pool
    from probablyexists.lab.run import rows

    found = rows(read_experiment(experiment), out)
    if not found:
        raise InputError(f"--out {out}: holds no row of {experiment}; carry it out with: probablyexists lab run")
    return pool(found, out.parent if out.is_file() else out)


def checked(kind: type[Checked], **given: object) -> Checked:
    """Settings from options; InputError names the option."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


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
