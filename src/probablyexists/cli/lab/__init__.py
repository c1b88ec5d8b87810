"""The lab's commands, each in a file of its own."""

from __future__ import annotations

import typer

from probablyexists.cli.lab.judge import judge
from probablyexists.cli.lab.leaderboard import leaderboard
from probablyexists.cli.lab.plot import plot
from probablyexists.cli.lab.run import run
from probablyexists.cli.lab.table import table
from probablyexists.cli.lab.train import train

lab = typer.Typer(
    help="Train generators on people we chose, audit them, and compare with the truth.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, train, table, plot, leaderboard, judge):
    lab.command()(command)
