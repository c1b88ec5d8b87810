"""`probablyexists compare`."""

from __future__ import annotations

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import CompareSettings


@from_settings(CompareSettings, arguments=("before", "after"))
def compare(settings: CompareSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Compare two audits of the same people: is exposure reduced, worse, or is neither shown?

    Both audits need the same training and held-out people, recogniser and
    settings; the samples of the second must be fresh.

        probablyexists compare before/ after/ --out changed/

    Exit code: 0 done, whatever was found; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.cli.comparison_summary import comparison_summary
    from probablyexists.tasks.compare import run

    comparison = run(settings, progress_of(quiet))
    typer.echo(comparison.model_dump_json(indent=1) if as_json else comparison_summary(comparison, settings.out))
