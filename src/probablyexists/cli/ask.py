"""`probablyexists ask`."""

from __future__ import annotations

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import AskSettings


@from_settings(AskSettings, arguments=("photos",), required=("out",))
def ask(settings: AskSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Ask about one person: do the samples resemble them more than other people?

    PHOTOS are image files, or one folder or archive, all of the same person.
    REFERENCE holds other people, whom the generator was not trained on: one
    folder a person, or a manifest. GENERATED is as for audit.

        probablyexists ask me-1.jpg me-2.jpg --reference R \\
            --generated G --out sheet/

    If you have no reference people, take public ones:

        probablyexists reference lfw --out R

    Exit code: 0 done, whatever was found; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.cli.summary import sheet_summary
    from probablyexists.tasks.ask import run

    sheet = run(settings, progress_of(quiet))
    assert settings.out is not None
    typer.echo(sheet.model_dump_json(indent=1) if as_json else sheet_summary(sheet, settings.out))
