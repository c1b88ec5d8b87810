"""probablyexists lab table"""

from __future__ import annotations

import typer

from probablyexists.cli.lab.options import Done, Experiment, cells

HELP = """The figures of an experiment's runs so far, as Markdown on stdout.

    probablyexists lab table experiments/smoke.toml --out lab/
"""


def table_command(experiment: Experiment, out: Done) -> None:
    """See HELP."""
    finished = cells(experiment, out)
    from probablyexists.lab.results_table import table

    typer.echo(table(finished))
