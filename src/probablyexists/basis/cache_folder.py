"""The cache: folders for the owner only, and one line where the disk is full or may not be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probablyexists.basis.errors import InputError, WriteError, option
from probablyexists.basis.files import written_whole
from probablyexists.basis.owner_only import make_folder, share


def cache_folder(cache: Path, *names: str) -> Path:
    """The folder `names` in the cache, created if missing and closed to other users. WriteError; InputError."""
    folder = cache.joinpath(*names)
    with _writing(folder):
        if cache.exists() and not cache.is_dir():
            raise InputError(f"{option('cache', cache)}: is a file; give a folder")
        make_folder(folder, below=cache)
    return folder


def write_cached(path: Path, data: bytes) -> None:
    """Write a file of the cache, whole or not at all. WriteError."""
    with _writing(path.parent), written_whole(path) as aside:
        aside.write_bytes(data)
        share(aside)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        instead = f"give another folder with {option('cache')} or PROBABLYEXISTS_CACHE"
        raise WriteError(folder, error, instead) from error
