"""`probablyexists lab leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.basis.threads import limited_threads
from probablyexists.cli.lab.lab_options import Cache, Threads, as_written, fonts_in_cache
from probablyexists.cli.options import Quiet, progress_of


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, or the folder they are in.")],
    plot: Annotated[Path | None, typer.Option(help="An SVG file to draw the first table into.")] = None,
    more_attacks: Annotated[
        list[str] | None, typer.Option(help="An attack of your own, as module:Name. Can be repeated.")
    ] = None,
    samples_alone: Annotated[
        bool, typer.Option("--samples-alone", help="Leave out attacks that open the generator: they take minutes.")
    ] = False,
    cache: Cache = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Every attack on every finished run, best first, as Markdown on stdout.

        probablyexists lab leaderboard lab/

        probablyexists lab leaderboard lab/ --more-attacks my_attacks:Mine

    Attacks that open the generator have tables of their own, for GANs and for
    diffusion models, over the runs that kept the networks these attacks need.
    They take minutes a run; without them, seconds.
    """
    fonts_in_cache(cache)
    for module in ("torch", *(["matplotlib"] if plot is not None else [])):
        required(module, "lab")
    from probablyexists.attacks.known import ATTACKS, chosen
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.leaderboard import YARDSTICKS, margin, margin_words, standings, table
    from probablyexists.lab.victims import attacked, find_victims
    from probablyexists.lab.white_box.scores import WHITE_BOX

    progress, cache = progress_of(quiet), cache or default_cache()
    attacks = {**ATTACKS, **{own.id: own for own in chosen(more_attacks or (), has_reference=True)}}
    with limited_threads(threads), as_written(runs[0]):
        victims = [
            attacked(folder, attacks, cache, progress, threads, opened=not samples_alone)
            for folder in find_victims(runs)
        ]
        found = standings(victims, list(attacks))
        won = margin(victims, list(attacks)) if len(victims) > 1 else None
        beside = []
        for kind, diffusion in (("GANs", False), ("diffusion models", True)):
            openers = [name for name, attack in WHITE_BOX.items() if attack.diffusion == diffusion]
            opened = [victim for victim in victims if set(openers) <= set(victim.costs)]
            if opened:
                places = standings(opened, [*YARDSTICKS, *openers], than=YARDSTICKS[0])
                beside.append(
                    f"{len(opened)} {kind}, opened, beside attacks on samples alone\n\n{table(places, YARDSTICKS[0])}"
                )
    typer.echo(f"{len(victims)} victims, samples alone\n\n{table(found)}\n")
    typer.echo("The margin of the best attack needs two runs or more." if won is None else margin_words(won))
    for text in beside:
        typer.echo(f"\n{text}")
    if plot is not None:
        from probablyexists.lab.plot import plot_leaderboard

        plot_leaderboard(found, plot)
