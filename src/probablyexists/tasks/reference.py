"""Reference people for those who have none: a public set as one folder a person, with its terms beside it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from probablyexists.basis.cache_folder import cache_folder
from probablyexists.basis.errors import ImageError, InputError, WriteError, option
from probablyexists.basis.owner_only import make_folder
from probablyexists.basis.progress import Progress
from probablyexists.sources.open_source import Source, left_of
from probablyexists.sources.public_sets import ABOUT, NOT_TRAINED, SetName, at_place, fetch

TERMS = "TERMS.txt"
INSTEAD = (
    f"try again later; or give ask people of your own, {option('reference', 'FOLDER')}: 20 people or more (for blind "
    f"50), one sub-folder of photos for each; or a copy of scikit-learn's folder, {option('from', 'FOLDER')}"
)
_FIRST = "Written by: probablyexists reference"
"""How the text begins: by it an earlier result is known."""


@dataclass(frozen=True)
class Written:
    """What was written, and what was not."""

    people: int
    photos: int
    set_aside: Mapping[str, int]
    """Reason -> photos that could not be read."""
    not_read: tuple[str, ...]
    """Other things in the folder that was given."""


def claim_reference(out: Path, *, overwrite: bool = False) -> None:
    """Put right what a killed run left. InputError if `out` holds anything but, with `overwrite`, an earlier set."""
    if not out.name:
        raise InputError(f"{option('out', out)}: is the working folder; give a folder of its own")
    try:
        make_folder(out.parent)
        if not out.exists() and _beside(out, "old").is_dir():
            _beside(out, "old").rename(out)
        shutil.rmtree(_beside(out, "part"), ignore_errors=True)
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            make_folder(_beside(out, "part"))
            return
        if not out.is_dir():
            raise InputError(f"{option('out', out)}: is a file; give a folder")
        terms = out / TERMS
        if not terms.is_file() or not terms.read_bytes().startswith(_FIRST.encode()):
            raise InputError(f"{option('out', out)}: is not empty and holds no earlier reference; give another folder")
        if not overwrite:
            what = terms.read_text(encoding="utf-8", errors="replace").partition("\n")[0].removeprefix(_FIRST)
            when = f"{datetime.fromtimestamp(terms.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
            raise InputError(
                f"{option('out', out)}: already holds{what} of {when}; give another folder, or "
                f"{option('overwrite', True)} to replace it"
            )
        make_folder(_beside(out, "part"))
    except NotADirectoryError:
        raise InputError(f"{option('out', out)}: is below a file; give a folder") from None
    except OSError as error:
        raise WriteError(out, error, "give another folder") from error


def write_reference(name: SetName, out: Path, place: Path | None, cache: Path, progress: Progress) -> Written:
    """Write the set to the folder `out`, whole or not at all: its photos as they are, and the terms in a text.

    `out`: as `claim_reference` left it. `place`: scikit-learn's folder, or a copy of it; None: fetch the set, once,
    into `cache`. Raises InputError; WriteError.
    """
    aside = _beside(out, "part")
    try:
        source = _fetched(name, cache, progress) if place is None else at_place(name, place)
        written = _copy(source, aside, progress)
        (aside / TERMS).write_text(f"{_FIRST} {name}\n\n{ABOUT[name]}\n\n{NOT_TRAINED}\n", encoding="utf-8")
        _replace(out, aside)
    except InputError:
        raise
    except OSError as error:
        raise WriteError(out, error, "give another folder") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return written


def _copy(source: Source, folder: Path, progress: Progress) -> Written:
    people, photos, set_aside = set[str](), 0, Counter[str]()
    with progress.stage("copying photos", len(source.photos)) as bar:
        for photo, data in source.stream(source.photos):
            bar.advance()
            if isinstance(data, ImageError):
                set_aside[data.reason] += 1
                continue
            assert photo.person is not None
            at = folder / photo.person
            make_folder(at)
            (at / photo.path.rpartition("/")[2]).write_bytes(data)
            people.add(photo.person)
            photos += 1
    if not photos:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(set_aside.items()))
        raise InputError(f"{source.name}: no photo can be read ({reasons}); give another copy")
    return Written(len(people), photos, dict(sorted(set_aside.items())), tuple(map(str, left_of(source).not_read)))


def _replace(out: Path, aside: Path) -> None:
    """The new folder takes the place of an earlier one, which goes last."""
    old = _beside(out, "old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    os.replace(aside, out)
    shutil.rmtree(old, ignore_errors=True)


def _fetched(name: SetName, cache: Path, progress: Progress) -> Source:
    home = cache_folder(cache, "scikit-learn")
    with progress.stage(f"fetching {name}", None):
        return fetch(name, home, INSTEAD)


def _beside(out: Path, what: str) -> Path:
    return out.parent / f".{out.name}.{what}"
