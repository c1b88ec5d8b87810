"""`probablyexists embed`."""

from __future__ import annotations

import json
from collections import Counter

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import EmbedSettings


@from_settings(EmbedSettings, arguments=("images",))
def embed(settings: EmbedSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Embed a set of images into a table: Parquet files of path, person, sha256 and embedding.

        probablyexists embed samples/ --out table/

    Exit code: 0 done; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.tasks.embed_match import run_embed

    table = run_embed(settings, progress_of(quiet))
    aside = Counter(photo.reason for photo in table.set_aside)
    if as_json:
        said = {"out": settings.out, "embedded": len(table), "set_aside": dict(sorted(aside.items()))}
        typer.echo(json.dumps(said))
        return
    reasons = "".join(f"; {reason}: {n:,}" for reason, n in sorted(aside.items()))
    typer.echo(f"{len(table):,} embeddings in {settings.out}{reasons}")
