"""A set of pictures through a guard: decisions, and a copy of what may leave."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from probablyexists.basis.errors import ImageError, InputError, option
from probablyexists.basis.files import written_whole
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import shown
from probablyexists.guarding.checking import Decision, Guard
from probablyexists.guarding.looking import AT_ONCE
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source


def checked_pictures(guard: Guard, where: Path, to: Path | None, progress: Progress) -> Iterator[tuple[str, Decision]]:
    """Each picture's path and decision; allowed ones are written to the folder `to`, under their own paths.

    A picture that cannot be read is not allowed. InputError if `to` holds anything.
    """
    if to is not None and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{option('to', to)}: is not empty; give a new folder")
    source = open_source(where, role="generated", named=False)
    files = source.stream(source.photos)
    with progress.stage("checking pictures", len(source.photos)) as bar:
        while some := list(islice(files, AT_ONCE)):
            yield from _some(guard, some, to)
            bar.advance(len(some))


def _some(
    guard: Guard, some: list[tuple[Photo, bytes | ImageError]], to: Path | None
) -> Iterator[tuple[str, Decision]]:
    read = [data for _, data in some if not isinstance(data, ImageError)]
    decisions = iter(guard.check(read))
    for photo, data in some:
        if isinstance(data, ImageError):
            yield photo.path, Decision("unread", reason=data.reason)
            continue
        decision = next(decisions)
        if to is not None and decision.allowed:
            with written_whole(to / _below(photo.path)) as aside:
                aside.write_bytes(data)
        yield photo.path, decision


def _below(path: str) -> Path:
    """The path, which must not lead out of the folder it is written to."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts:
        raise InputError(f"{shown(path)}: leads out of its folder; unpack the pictures and give the folder")
    return Path(*pure.parts)
