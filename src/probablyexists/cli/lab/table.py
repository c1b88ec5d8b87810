"""`probablyexists lab table`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.cli.lab.lab_options import Done, Experiment, as_written, finished


def table(
    experiment: Experiment,
    out: Done,
    to: Annotated[
        Path | None,
        typer.Option(help="A .jsonl file for the rows; scores without names go beside it. Read it with --out."),
    ] = None,
) -> None:
    """The figures of an experiment's runs so far, as Markdown on stdout.

    probablyexists lab table experiments/smoke.toml --out lab/
    """
    rows, scores = finished(experiment, out)
    from probablyexists.lab.pool import pool
    from probablyexists.lab.published import publish
    from probablyexists.lab.results_table import table as markdown

    with as_written(out):
        typer.echo(markdown(pool(rows, scores)))
        if to is not None:
            for path in publish(rows, scores, to):
                typer.echo(str(path), err=True)
