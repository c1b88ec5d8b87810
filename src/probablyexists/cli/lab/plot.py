"""`probablyexists lab plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import InputError, option
from probablyexists.cli.lab.lab_options import Done, Experiment, as_written, finished, fonts_in_cache


def plot(
    experiment: Experiment,
    out: Done,
    to: Annotated[Path, typer.Option(help="Folder for the SVG files.")],
    visible: Annotated[
        Path | None, typer.Option(help="Lines of JSON: what a recogniser sees of real photos of each size.")
    ] = None,
) -> None:
    """What leaks against people, photos, pixels and training time, and exposure against dose, as SVG files.

    probablyexists lab plot experiments/smoke.toml --out lab/ --to plots/
    """
    fonts_in_cache()
    rows, scores = finished(experiment, out)
    from probablyexists.lab.curves import read_visible
    from probablyexists.lab.plot import plot as draw
    from probablyexists.lab.pool import pool

    real = read_visible(visible) if visible else []
    with as_written(out):
        written = draw(pool(rows, scores), to, real)
    for path in written:
        typer.echo(str(path))
    if not written:
        raise InputError(f"{option('out', out)}: no curve has two points yet; carry out more runs")
