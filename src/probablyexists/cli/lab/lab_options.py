"""What the lab's commands share: their options, and what they check first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from probablyexists.basis.errors import InputError, ProbablyExistsError, option, required
from probablyexists.basis.text import one_line, shown

if TYPE_CHECKING:
    from probablyexists.lab.pool import Scores

Checked = TypeVar("Checked", bound=BaseModel)

Experiment = Annotated[Path, typer.Argument(help="A TOML file of runs.")]
Out = Annotated[Path, typer.Option(help="Folder for the runs; large, with names and faces: do not publish.")]
Done = Annotated[Path, typer.Option("--out", help="Folder of the runs, or a .jsonl file of their rows.")]
Faces = Annotated[Path | None, typer.Option(help="Folder that holds lfw/, celeba/ and orl/.")]
Cache = Annotated[Path | None, typer.Option(help="Where crops and embeddings are kept; default: the user's cache.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads, of everything; default: all cores.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]


def checked(kind: type[Checked], **given: object) -> Checked:
    """Settings from options; InputError names the option."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{option('.'.join(map(str, first['loc'])))}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


@contextmanager
def as_written(place: Path) -> Iterator[None]:
    """InputError where what runs wrote below `place` lacks something, or is of another kind."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        if isinstance(error, ProbablyExistsError):
            raise
        raise InputError(
            f"{shown(place)}: holds a run that is damaged, or that another version wrote ({one_line(error)}); delete "
            "its folder and carry it out again"
        ) from error


def fonts_in_cache(cache: Path | None = None) -> None:
    """Let matplotlib keep its list of fonts in our cache, unless the user has said where."""
    from probablyexists.engines.resources import default_cache

    os.environ.setdefault("MPLCONFIGDIR", str((cache or default_cache()) / "matplotlib"))


def finished(experiment: Path, out: Path) -> tuple[list[dict[str, Any]], Scores]:
    """The rows of an experiment's finished runs, and their scores; InputError if there are none."""
    required("torch", "lab")
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.published import scores_of
    from probablyexists.lab.run import rows

    asked = read_experiment(experiment)
    found = rows(asked, out)
    if not found:
        raise InputError(
            f"{option('out', out)}: holds no row of {experiment}; carry it out with: probablyexists lab run"
        )
    if len(found) < len(asked.runs):
        typer.echo(f"{len(found)} of {len(asked.runs)} runs have a row; the others are not here", err=True)
    with as_written(out):
        return found, scores_of(out)
