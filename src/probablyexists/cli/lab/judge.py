"""`probablyexists lab judge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.basis.threads import limited_threads
from probablyexists.cli.lab.lab_options import Cache, Threads, as_written
from probablyexists.cli.options import Quiet, progress_of


def judge(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, or the folder they are in.")],
    recogniser: Annotated[str, typer.Option(help="Another recogniser: a name, an .onnx file, or module:Name.")],
    feed: Annotated[
        str | None, typer.Option(help="How an .onnx file is fed, such as RGB,-1..1; needed unless that is certain.")
    ] = None,
    cache: Cache = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Finished runs judged by another recogniser, beside their own, as Markdown on stdout.

        probablyexists lab judge lab/ --recogniser arcface.onnx --feed RGB,-1..1

    The same samples are drawn again, which takes as long as in the run. What a
    run's folder already holds of this recogniser is not computed again. With
    --recogniser dlib, runs of an older version are judged as today's would be.
    """
    required("torch", "lab")
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.judges_table import compared, table
    from probablyexists.lab.judging import judged, same_for_all
    from probablyexists.lab.victims import find_victims

    progress, cache = progress_of(quiet), cache or default_cache()
    with limited_threads(threads), as_written(runs[0]):
        other = same_for_all(recogniser, cache, feed)
        victims = find_victims(runs)
        found = []
        for number, folder in enumerate(victims, start=1):
            progress.say(f"run {number} of {len(victims)}: {folder.name}")
            found.append(judged(folder, other, cache, progress, threads))
        text = table(compared(found), other.id)
    typer.echo(text)
