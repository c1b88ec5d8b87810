"""Photos that came from the browser: which are taken, under which names, into a folder that only the owner can read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from unicodedata import normalize

from probablyexists.sources.listing import is_candidate

MOST_PHOTOS = 20
_LONGEST = 60
"""Characters of a name."""


def name_of(given: str | None) -> str:
    """The last part of the name a browser gives, with what names no file replaced.

    >>> [name_of(name) for name in ("../../x.jpg", "C:\\\\me.jpg", "<b>me</b>.png", "", ".. ", "ä b.jpg")]
    ['x.jpg', 'me.jpg', 'b_.png', 'photo', 'photo', 'ä b.jpg']
    """
    last = re.split(r"[/\\]", given or "")[-1]
    safe = re.sub(r"[^\w. -]", "_", last).strip(". _")
    if len(safe) > _LONGEST:
        stem, dot, ending = safe.rpartition(".")
        safe = f"{stem[: _LONGEST - 6]}.{ending}" if dot and len(ending) < 6 else safe[:_LONGEST]
    return safe or "photo"


def taken(names: Sequence[str | None]) -> tuple[list[str | None], list[str]]:
    """Of each file its name on disk, None if it is not taken; and why those are not, a line each.

    >>> taken(["me.jpg", "notes.txt", "ME.JPG"])
    (['me.jpg', None, '2 ME.JPG'], ['notes.txt: not used (not an image file)'])
    """
    found: list[str | None] = []
    refused = []
    there: set[str] = set()
    for given in names:
        name = name_of(given)
        image = is_candidate(name)
        found.append(_new(name, there) if image else None)
        if not image:
            refused.append(f"{name}: not used (not an image file)")
    return found, refused


def _new(name: str, there: set[str]) -> str:
    """The name, with a number before it if it is there; some disks take `a.jpg` and `A.jpg` for one."""
    numbered = (name, *(f"{n} {name}" for n in range(2, len(there) + 3)))
    new = next(one for one in numbered if normalize("NFKC", one).casefold() not in there)
    there.add(normalize("NFKC", new).casefold())
    return new


def write(folder: Path, name: str, data: IO[bytes]) -> None:
    """One photo, readable by the owner alone. OSError."""
    handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        data.seek(0)
        shutil.copyfileobj(data, file)
