"""The lab's commands, one file a command."""

from __future__ import annotations

import typer

from probablyexists.cli.lab import leaderboard, plot, run, table, train

lab = typer.Typer(
    help="Train generators on people we chose, audit them, and compare with the truth.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
lab.command("run", help=run.HELP)(run.run_command)
lab.command("train", help=train.HELP)(train.train_command)
lab.command("table", help=table.HELP)(table.table_command)
lab.command("plot", help=plot.HELP)(plot.plot_command)
lab.command("leaderboard", help=leaderboard.HELP)(leaderboard.leaderboard_command)
