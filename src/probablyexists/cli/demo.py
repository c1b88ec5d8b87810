"""`probablyexists demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.cli.options import Quiet, Seed, progress_of


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the drawn photos and the report.")] = Path(
        "probablyexists-demo"
    ),
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo in the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Draw people, sample a GAN trained on them, audit it, and compare the report with the truth."""
    from probablyexists.demo import demo as run

    outcome = run(out, seed, progress_of(quiet), overwrite)
    typer.echo(outcome.text)
    if not outcome.right:
        raise typer.Exit(1)
