"""`probablyexists reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from probablyexists.cli.options import Json, Quiet, progress_of


def reference(
    name: Annotated[Literal["lfw", "olivetti"], typer.Argument(help="The public set.")],
    out: Annotated[Path, typer.Option(help="Folder for the photos: one folder a person, and TERMS.txt.")],
    place: Annotated[
        Path | None, typer.Option("--from", help="Copy of scikit-learn's folder; then nothing is fetched.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier set in the folder.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Get reference people for ask and blind: a public set of faces, fetched by scikit-learn.

    lfw: 5,749 people, 230 MB. olivetti: 40 people, 4 MB, too few for blind.
    The set's terms are said, and written beside the photos.

        probablyexists reference lfw --out R

        probablyexists reference lfw --from ~/scikit_learn_data --out R

    With --from, the folder holds lfw_home/ (lfw_funneled/ or its .tgz) or
    olivetti_py3.pkz, and nothing is asked of the network. Then:

        probablyexists ask me.jpg --reference R --generated G --out sheet/

    Without network, give ask a folder of your own in place of R: 20 people
    or more (blind: 50), one sub-folder of photos for each.

    Exit code: 0 done; 2 bad input or no network, 3 a failure of the program.
    """
    from probablyexists.engines.resources import Resources
    from probablyexists.sources.public_sets import ABOUT, NOT_TRAINED
    from probablyexists.tasks.reference import claim_reference, write_reference

    claim_reference(out, overwrite=overwrite)
    typer.echo(f"{ABOUT[name]}\n{NOT_TRAINED}", err=True)
    written = write_reference(name, out, place, Resources().cache, progress_of(quiet))
    for some in written.not_read:
        typer.echo(f"{place}: {some}", err=True)
    if as_json:
        said = {"out": str(out), "people": written.people, "photos": written.photos, "set_aside": written.set_aside}
        typer.echo(json.dumps(said))
        return
    aside = "".join(f"; {reason}: {n:,}" for reason, n in written.set_aside.items())
    typer.echo(f"{written.people:,} people, {written.photos:,} photos in {out}{aside}; terms: {out / 'TERMS.txt'}")
