"""Nine small pictures of three people, how sets of them are read, and what reading them must give."""

from __future__ import annotations

import hashlib
import io
import os
from functools import cache
from pathlib import Path
from typing import Any

from hostile_inputs.kind import SECRET
from hostile_inputs.pictures import face
from probablyexists.sources.open_source import open_source

PEOPLE = ("anna", "bo", "cy")


@cache
def members() -> dict[str, bytes]:
    """Nine small pictures of three people, by path."""
    return {f"{who}/{i}.png": small(n, i) for n, who in enumerate(PEOPLE) for i in range(3)}


@cache
def small(person: int, photo: int) -> bytes:
    buffer = io.BytesIO()
    face(person, photo, 32).save(buffer, "PNG")
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


RIGHT = {"digests": None}


def right() -> set[str]:
    return {digest(data) for data in members().values()}


def read(where: Path | str, named: bool | None = None) -> dict[str, str]:
    """Path -> hash of the content, or the reason why it is set aside; of one in three the person too."""
    source = open_source(str(where), named=named)
    found = {}
    for photo, data in source.stream(source.photos):
        found[photo.path] = data.reason if isinstance(data, Exception) else digest(data)
        if not isinstance(data, Exception) and SECRET.encode() in data:
            raise AssertionError("the canary's content was read")
    assert list(found) or not source.photos
    return found


def only_ours(found: dict[str, str]) -> str | None:
    """Each content that was read is one that was written."""
    strange = [path for path, got in found.items() if len(got) == 64 and got not in right()]
    return f"{len(strange)} contents that nobody wrote were read, such as {strange[0]!r:.60}" if strange else None


def all_ours(found: dict[str, str]) -> str | None:
    """Nothing is missing without a word."""
    if len(found) < len(members()):
        return f"{len(found)} of {len(members())} pictures, nothing said"
    return None


def write_members(folder: Path) -> None:
    for path, data in members().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


class Mark:
    """Unpickled, it leaves a mark."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.where),)
