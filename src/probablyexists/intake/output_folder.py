"""The folder a task writes to: checked before any work, so that no work is lost; a result's files appear together.

A stop or a full disk at any moment leaves the earlier result or the new one, whole, or is put right by the next run
(decision 0025).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from probablyexists.basis.errors import InputError, WriteError, option
from probablyexists.intake.settings import CompareSettings, GeneratorSettings
from probablyexists.results.reading_back import KINDS

RESULTS = {
    "findings.json": (
        *("samples.parquet", "neighbours.parquet", "nearest.parquet", "photos.parquet"),
        *("report.html", "withhold.txt"),
    ),
    "sheet.json": ("sheet.html",),
    "frequent.json": ("frequent.html",),
    "comparison.json": ("comparison.html",),
}
"""The file that marks a result as complete -> the files beside it."""
_VERDICT = re.compile(rb'"(?:verdict|evidence)": ?"([a-z ]{1,40})"')
_MARKS_FIRST = (*RESULTS, *(name for others in RESULTS.values() for name in others))
_ASIDE = ".writing-"
_OLD, _REPLACED = "old", "replaced"
"""In the folder aside: the earlier result while it is being moved there, and once all of it is there."""


def claim_folder(settings: GeneratorSettings | CompareSettings) -> None:
    """Create the output folder, if one is asked for, and put right what a killed run left in it.

    InputError if it cannot be written, is one of the input folders, or, without `overwrite`, holds a task's result.
    """
    out = settings.out
    if out is None:
        return
    given = (getattr(settings, name) for name in type(settings).model_fields if name != "out")
    inputs = (value for value in given if isinstance(value, Path))
    if str(out) == "." or any(value.is_dir() and out.resolve() == value.resolve() for value in inputs):
        raise InputError(f"{option('out', out)}: is the working folder, or holds the images; give a folder of its own")
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        _settle_all(out)
        for name in _MARKS_FIRST:
            if (out / name).is_dir():
                raise InputError(f"{option('out', out)}: holds a folder named {name}; give another folder")
            if name in RESULTS and not settings.overwrite and (out / name).exists():
                raise InputError(
                    f"{option('out', out)}: already holds {name} ({_described(out / name)}); give another folder, or "
                    f"{option('overwrite', True)} to replace it"
                )
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option('out', out)}: is a file, or below one; give a folder") from None
    except OSError as error:
        raise InputError(f"{option('out', out)}: cannot be written ({error.strerror}); give another folder") from None


def _described(mark: Path) -> str:
    """What the result is, of when, and its verdict."""
    with mark.open("rb") as file:
        verdict = _VERDICT.search(file.read(4096))
    when = datetime.fromtimestamp(mark.stat().st_mtime, UTC)
    return f"{KINDS[mark.name]} of {when:%Y-%m-%d %H:%M} UTC" + (f": {verdict[1].decode()}" if verdict else "")


@contextmanager
def written_together(out: Path) -> Iterator[Path]:
    """Yield a hidden folder inside `out` to write a result's files to; then they take the place of the earlier result.

    The file that marks a result as complete comes last. If anything fails, the earlier result stays as it was. Raises
    WriteError.
    """
    aside: Path | None = None
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        _settle_all(out)
        aside = Path(tempfile.mkdtemp(dir=out, prefix=_ASIDE))
        yield aside
        _replace(out, aside)
    except OSError as error:
        place = out / Path(error.filename).name if isinstance(error.filename, str) else out
        raise WriteError(place, error, "give another folder") from error
    finally:
        if aside is not None:
            _settle(out, aside)


def _replace(out: Path, aside: Path) -> None:
    """Move the earlier result aside, its marks first; then the new one to its place, its mark last."""
    written = {path.name for path in aside.iterdir()}
    for name in written:
        with (aside / name).open("r+b") as file:
            os.fsync(file.fileno())
    old = aside / _OLD
    old.mkdir()
    for name in _MARKS_FIRST:
        if (out / name).exists():
            (out / name).replace(old / name)
    old.rename(aside / _REPLACED)
    for name in reversed(_MARKS_FIRST):
        if name in written:  # an error if it is gone: another run in the same folder has put it right
            (aside / name).replace(out / name)


def _settle_all(out: Path) -> None:
    """Put right what killed runs left."""
    for aside in sorted(out.glob(f"{_ASIDE}*")):
        _settle(out, aside)


def _settle(out: Path, aside: Path) -> None:
    """Put the earlier result back unless the new one is complete, and delete `aside`: right after any stop."""
    old, replaced = aside / _OLD, aside / _REPLACED
    if replaced.is_dir() and not any((out / mark).exists() for mark in RESULTS):
        for name in _MARKS_FIRST:
            (out / name).unlink(missing_ok=True)
        replaced.rename(old)
    if old.is_dir():
        for name in reversed(_MARKS_FIRST):
            if (old / name).exists():
                (old / name).replace(out / name)
    shutil.rmtree(aside, ignore_errors=True)
