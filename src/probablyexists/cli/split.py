"""`probablyexists split`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import InputError, option
from probablyexists.cli.options import Json, Seed


def split(
    dataset: Annotated[Path, typer.Argument(help="One folder a person, an archive, or a manifest.")],
    out: Annotated[Path, typer.Option(help="The manifest to write (CSV: path, person, role).")],
    members: Annotated[float, typer.Option(help="Share of people who become members.")] = 0.5,
    unseen: Annotated[float, typer.Option(help="Share of a member's photos kept out of training.")] = 0.3,
    seed: Seed = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier split, which no model was trained on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Draw members, held-out people and unseen photos at random, before training.

        probablyexists split photos/ --members 0.5 --unseen 0.3 --out split.csv

    Train on the rows whose role is "training" only. Later give the same file to the audit:

        probablyexists audit --training split.csv --unseen split.csv \\
            --heldout split.csv --generated G --out audit/
    """
    from probablyexists.sources.folder import FolderSource
    from probablyexists.sources.folder_names import why_not_people
    from probablyexists.sources.manifest import ManifestSource
    from probablyexists.sources.open_source import groups_of, left_of, open_source
    from probablyexists.sources.split import described, draw_roles, write_manifest

    if out.exists() and not out.is_file():
        raise InputError(f"{option('out', out)}: is a folder or a device; give the name of a file")
    if out.exists() and not overwrite:
        raise InputError(
            f"{option('out', out)}: already holds {described(out)}; an audit needs the split that the model was "
            f"trained on: give another name, or {option('overwrite', True)} to draw anew"
        )
    source = open_source(dataset)
    if not isinstance(source, FolderSource | ManifestSource):
        raise InputError(f"{dataset}: is an archive, which a manifest cannot list; unpack it and split the folder")
    if isinstance(source, FolderSource) and not source.is_text:
        raise InputError(f"{dataset}: a manifest cannot hold its file names that are not UTF-8 text; rename them")
    why = why_not_people(source)
    if why is not None:
        raise InputError(f"{dataset}: {why}; give one folder a person, or a manifest with a column person")
    for some in left_of(source).not_read:
        typer.echo(f"{dataset}: {some}", err=True)
    rows = draw_roles(source.photos, members, unseen, seed)
    write_manifest(out, rows, source.folder, groups_of(source))
    photos = Counter(role for _, role in rows)
    people = {role: len({p.person for p, r in rows if r == role}) for role in ("training", "heldout")}
    if as_json:
        typer.echo(json.dumps({"out": str(out), "photos": dict(photos), "people": people}))
        return
    typer.echo(f"{people['training']} members: {photos['training']} photos to train on, {photos['unseen']} unseen")
    typer.echo(f"{people['heldout']} held-out people: {photos['heldout']} photos")
    typer.echo(f"written to {out}; train on the rows whose role is training, and on nothing else")
