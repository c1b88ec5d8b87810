"""`probablyexists withhold`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from probablyexists.cli.options import Json, Quiet, progress_of


def withhold(
    audit: Annotated[Path, typer.Argument(help="Folder of an audit.")],
    source: Annotated[Path, typer.Option("--from", help="Folder of the samples that were audited.")],
    to: Annotated[Path, typer.Option("--to", help="New or empty folder for what is not held back.")],
    move: Annotated[bool, typer.Option("--move", help="Move what is not held back; the rest stays.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy the samples that an audit does not withhold: neither copies nor likenesses.

    Samples that resemble a person who could not be named, as there are too
    few held-out people, are held back too: they are not cleared. Files are
    known by their content: what was added or changed since the audit is held
    back. Nothing is overwritten. Withholding does not mend the generator: it
    can make more samples like those withheld.

        probablyexists withhold audit/ --from samples/ --to kept/

    Exit code: 0 done, 2 bad input, 3 a failure of the program.
    """
    from probablyexists.tasks.withhold import withhold as do

    done = do(audit, source, to, move=move, progress=progress_of(quiet))
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=1))
        return
    what = "moved" if move else "copied"
    typer.echo(f"{what} to {str(to)!a}: {done.let_through:,} of {done.n_audited:,} samples audited")
    for n, text in (
        (done.no_face, f"{what} without a comparison, as no face was found in them: {{n}}"),
        (done.withheld, "withheld, as copies or likenesses: {n}"),
        (done.unjudged, "held back, as they resemble a person who is neither named nor cleared: {n}"),
        (done.unknown, "held back, as they are no samples of this audit, or changed, or no pictures to it: {n}"),
        (done.unreadable, "held back, as they cannot be read: {n}"),
        (done.missing, "samples of the audit that are not in the folder: {n}"),
        (done.not_moved, "copied and not moved, as links lead to them, or they cannot be removed: {n}"),
    ):
        if n:
            typer.echo(text.format(n=f"{n:,}"))
    if not done.likenesses_claimed:
        typer.echo("caution: the split of that audit is not fair, so that it claims copies alone, and no likeness")
    if done.verdict != "no evidence":
        typer.echo(f"caution: the audit's verdict is {done.verdict}; withholding samples does not mend the generator")
