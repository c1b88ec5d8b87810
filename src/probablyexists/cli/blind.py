"""`probablyexists blind`."""

from __future__ import annotations

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import BlindSettings


@from_settings(BlindSettings, required=("out",))
def blind(settings: BlindSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """List the faces that a generator produces too often. No training person needs to be known.

    REFERENCE holds one folder a person (or a manifest). GENERATED is as for audit.

        probablyexists blind --generated G --reference R --out frequent/

    If you have no reference people, take public ones:

        probablyexists reference lfw --out R

    Exit code: 0 done, whatever was found; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.cli.summary import frequent_summary
    from probablyexists.tasks.blind import run

    found = run(settings, progress_of(quiet))
    assert settings.out is not None
    typer.echo(found.model_dump_json(indent=1) if as_json else frequent_summary(found, settings.out))
