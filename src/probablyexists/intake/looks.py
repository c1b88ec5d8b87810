"""How often a first audit was looked at again, counted in its folder, so that reuse of the same people is paid for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError, WriteError
from probablyexists.basis.files import write_text
from probablyexists.basis.plain_files import json_object
from probablyexists.basis.text import shown
from probablyexists.results.reading_back import FINDINGS
from probablyexists.stats.spending import level_of

REAUDITS = "reaudits.json"
_LOCK = ".reaudits.lock"
_MOST = 2**24
_PUT_BACK = "it counts how often this audit was looked at again: put back a copy of it"


class Look(BaseModel):
    """One audit made again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: str
    """`signature.data_fingerprint` of the first audit: its folder may get another one."""
    look: int = Field(ge=1)
    level: float = Field(gt=0.0, lt=1.0)
    date: str
    """UTC, ISO 8601."""
    out: str
    """The folder of its result."""
    written: bool
    """Whether its result is known to have been written; if not, its folder tells."""


class Looks(BaseModel):
    """What `reaudits.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks: list[Look]


@contextmanager
def next_look(folder: Path, before: str, out: Path) -> Iterator[Look]:
    """Yield the next look at the audit `before` in `folder`; it counts if the block, which writes the result, succeeds.

    One process at a time; others wait. A process that was killed while it wrote counts if its result is in its folder.
    Raises InputError for a damaged count, and WriteError.
    """
    with _alone(folder):
        looks = _done(folder)
        number = _next_number(looks, before)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        level = level_of(number)
        mine = Look(before=before, look=number, level=level, date=date, out=str(out.absolute()), written=False)
        _write(folder, [*looks, mine])
        try:
            yield mine
        except BaseException:
            _write(folder, [*looks, mine] if _is_there(mine) else looks)
            raise
        _write(folder, [*looks, mine.model_copy(update={"written": True})])


def read_looks(folder: Path) -> list[Look]:
    """The looks noted in a first audit's folder; InputError if the file is damaged."""
    path = folder / REAUDITS
    if not path.exists():
        return []
    try:
        return Looks.model_validate(json_object(path, _MOST, _PUT_BACK)).looks
    except ValidationError as error:
        said = " ".join(str(error.errors()[0]["msg"]).split())
        raise InputError(f"{shown(path)}: is damaged ({shown(said)}); {_PUT_BACK}") from None


def claim_count(folder: Path, before: str) -> int:
    """The number of the next look at the audit `before`, not yet counted: whoever ends first has it.

    InputError or WriteError, before any work, if looks cannot be counted in `folder`.
    """
    with _alone(folder):
        return _next_number(_done(folder), before)


def _done(folder: Path) -> list[Look]:
    return [look for look in read_looks(folder) if look.written or _is_there(look)]


def _next_number(looks: list[Look], before: str) -> int:
    return 1 + max((look.look for look in looks if look.before == before), default=0)


def _write(folder: Path, looks: list[Look]) -> None:
    write_text(folder / REAUDITS, Looks(looks=looks).model_dump_json(indent=1) + "\n")


def _is_there(look: Look) -> bool:
    """Whether the result of a look whose process was killed had been written."""
    try:
        again = json_object(Path(look.out) / FINDINGS, 2**30).get("again")
    except InputError:
        return False
    return isinstance(again, dict) and (again.get("before"), again.get("look")) == (look.before, look.look)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; it ends with the process, however it ends."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        what = "looks at it again are counted there: give a folder that can be written"
        raise WriteError(folder, error, what) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
