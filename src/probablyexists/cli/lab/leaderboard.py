"""probablyexists lab leaderboard"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.progress import Console, Silent
from probablyexists.cli.lab.options import Cache, Quiet, Threads, machine_of

HELP = """Every attack on every finished run, best first, as Markdown on stdout.

    probablyexists lab leaderboard lab/

Attacks that open the generator have a table of their own, over the runs
that kept the networks these attacks need.
"""


def leaderboard_command(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, or the folder they are in.")],
    plot: Annotated[Path | None, typer.Option(help="An SVG file to draw the first table into.")] = None,
    cache: Cache = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """See HELP."""
    machine_of("cpu", threads)
    from probablyexists.attacks.known import ATTACKS
    from probablyexists.intake.settings import default_cache
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
