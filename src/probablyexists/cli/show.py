"""`probablyexists show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.cli.options import Quiet, progress_of

Where = Annotated[Path | None, typer.Option(help="Where these pictures are now, if not where the audit read them.")]


def show(
    audit: Annotated[Path, typer.Argument(help="Folder of an audit.")],
    training: Where = None,
    unseen: Where = None,
    heldout: Where = None,
    generated: Where = None,
    compare: Annotated[
        Path | None, typer.Option(help="Folder of another audit of the same people, to compare with this one.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    quiet: Quiet = False,
) -> None:
    """Look at an audit in the browser: generated faces, and who probably exists.

        probablyexists show audit/

        probablyexists show audit/ --generated samples/ --no-browser

        probablyexists show audit/ --compare earlier-audit/

    The page is for this machine alone: it is served on 127.0.0.1 under an
    address that nobody can guess, asks nothing of any other place, and ends
    with Ctrl-C. Faces are veiled until you choose to see them.

    Exit code: 0 stopped, 2 bad input, 3 a failure of the program.
    """
    from probablyexists.showing.serve import show as serve

    serve(
        audit,
        training=training,
        unseen=unseen,
        heldout=heldout,
        generated=generated,
        compare=compare,
        port=port,
        browse=browser,
        said=typer.echo,
        progress=progress_of(quiet),
    )
