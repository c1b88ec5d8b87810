"""`probablyexists demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.cli.options import Quiet, Seed, progress_of


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the drawn photos and the report.")] = Path(
        "probablyexists-demo"
    ),
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo in the folder.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Look at it in the browser then: probablyexists show.")] = False,
    quiet: Quiet = False,
) -> None:
    """Draw people, sample a GAN trained on them, audit it, and compare the report with the truth."""
    from probablyexists.demo import demo as run
    from probablyexists.demo import drawn_samples

    if show:
        required("uvicorn", "show")
    outcome = run(out, seed, progress_of(quiet), overwrite)
    typer.echo(outcome.text)
    if show:
        from probablyexists.showing.serve import show as serve

        with drawn_samples(seed) as samples:
            serve(out / "audit", generated=samples, said=typer.echo)
    if not outcome.right:
        raise typer.Exit(1)
