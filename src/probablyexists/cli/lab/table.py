"""`probablyexists lab table`."""

from __future__ import annotations

import typer

from probablyexists.cli.lab.lab_options import Done, Experiment, as_written, cells


def table(experiment: Experiment, out: Done) -> None:
    """The figures of an experiment's runs so far, as Markdown on stdout.

    probablyexists lab table experiments/smoke.toml --out lab/
    """
    finished = cells(experiment, out)
    from probablyexists.lab.results_table import table as markdown

    with as_written(out):
        typer.echo(markdown(finished))
