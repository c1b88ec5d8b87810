"""`probablyexists match`."""

from __future__ import annotations

import json

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import MatchSettings


@from_settings(MatchSettings, arguments=("queries", "references"))
def match(settings: MatchSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Find the nearest references of every row of a table of embeddings: exact, in bounded memory.

    Writes, in the order of the queries, `similarity` (cosine) and `reference` (row of the other table). A stopped run
    continues after the files already written.

        probablyexists match table/ other-table/ --out matches/ -k 3

    Exit code: 0 done; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.tasks.embed_match import run_match

    made = run_match(settings, progress_of(quiet))
    said = {"out": settings.out, "matched": made}
    now = f"{made:,} matched now, in {settings.out}"
    if not made:
        now = f"all are matched already, in {settings.out}; delete it to match again"
    typer.echo(json.dumps(said) if as_json else now)
