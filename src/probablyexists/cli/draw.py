"""`probablyexists draw`."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import DrawSettings

MOST_SEEDS = 5
"""Seeds without a picture that are named."""


@from_settings(DrawSettings, arguments=("generated",), required=("out",))
def draw(settings: DrawSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Write a generator's pictures into a folder, to look at them, ask about them or publish them.

    They are those that an audit of the generator with the same seed looks at,
    under the same names: seed-0000000.png and so on. So the folder can be
    given to show, ask, guard and withhold after that audit. A stopped run goes
    on where it was; with more --samples, more are added.

        probablyexists draw gan.onnx --samples 10000 --out samples/

        probablyexists show audit/ --generated samples/

    Exit code: 0 done, 1 no picture for some seeds, 2 bad input,
    3 a failure of the program.
    """
    from probablyexists.tasks.draw import run

    done = run(settings, progress_of(quiet))
    if as_json:
        typer.echo(json.dumps(asdict(done), default=str))
    else:
        before = f", {done.pictures - done.new:,} of them drawn before" if done.new < done.pictures else ""
        typer.echo(f"{done.pictures:,} pictures in {str(done.out)!a}{before}")
    if done.broken:
        some = ", ".join(map(str, done.broken[:MOST_SEEDS])) + (" ..." if len(done.broken) > MOST_SEEDS else "")
        typer.echo(f"no picture for {len(done.broken):,} seeds: {some}", err=True)
        raise typer.Exit(1)
