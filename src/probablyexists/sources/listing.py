"""Which paths are photos, who the person of each is, and the bytes of a file."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import KNOWN, Role, role_of
from probablyexists.basis.text import clean, shown

MAX_BYTES = 256 * 2**20  # of one file, uncompressed

_OTHER_SUFFIXES = (
    *(".txt", ".md", ".rst", ".html", ".htm", ".css", ".js", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".log"),
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".xsd", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf"),
    *(".parquet", ".arrow", ".feather", ".npy", ".npz", ".pkl", ".pickle", ".h5", ".hdf5", ".mat", ".db", ".sqlite"),
    *(".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".py", ".pyc", ".ipynb", ".sh", ".bat", ".lnk", ".url"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".md5", ".sha1", ".sha256", ".lock", ".pts", ".cls"),
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".mp3", ".wav"),
)
_SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "__macosx")
_OTHER_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog", "makefile")


@dataclass(frozen=True, slots=True, order=True)
class Photo:
    """One image of a source, by name only."""

    path: str
    """Path in the source, with POSIX separators; in a manifest as it is written there."""
    person: str | None
    """Name of the folder, or column of the manifest; None in a flat source."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder name is the system's, not the user's (".git", "__MACOSX", "Thumbs.db")."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def is_candidate(name: str) -> bool:
    """Whether a file of this name may be an image: all files but hidden ones and those of known other kinds.

    >>> [is_candidate(name) for name in ("a.jpg", "a", "a.jpg.part", "a.txt", ".a.jpg", "README")]
    [True, True, True, False, False, False]
    """
    if is_hidden(name) or name.lower() in _OTHER_NAMES:
        return False
    return PurePosixPath(name).suffix.lower() not in _OTHER_SUFFIXES


def unreadable(error: Exception) -> ImageError:
    """An ImageError with the reason "unreadable" and the message of `error`."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageError("unreadable", (said or type(error).__name__)[:200])


def read_file(path: str | Path) -> bytes | ImageError:
    """The bytes of a regular file of at most 256 MiB, else an ImageError."""
    try:
        with open(path, "rb", buffering=0, opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return ImageError("unreadable", "not a regular file")
            data = file.readall() if status.st_size <= MAX_BYTES else None
    except (OSError, ValueError) as error:
        return unreadable(error)
    if data is None or len(data) > MAX_BYTES:
        return ImageError("too large", f"a file over {MAX_BYTES // 2**20} MiB")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open without blocking, even a pipe without a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def persons_of(where: str, paths: Sequence[str], named: bool | None, *, strip_top: bool) -> list[str | None]:
    """The person of each path, in the given order; all photos of a person share one string.

    The person is the name of the first folder. `strip_top`: a single top folder that holds everything is no person.
    `named`: None = people if there are folders; False = no people; True = people are required.
    Raises InputError if some photos are in folders and some are not, or if people are required and missing.
    """
    if named is False:
        return [None] * len(paths)

    def parts(path: str) -> list[str]:
        return [part for part in path.split("/") if part != ".."]

    top = 0
    if strip_top and paths:
        first = parts(paths[0])[0]
        top = int(all(len(its := parts(path)) > 1 and its[0] == first for path in paths))
    persons = [sys.intern(clean(its[top])) if len(its) > top + 1 else None for its in map(parts, paths)]
    n_loose = persons.count(None)
    if n_loose and n_loose < len(persons):
        example = shown("/".join(parts(paths[persons.index(None)])))
        people = len({person for person in persons if person is not None})
        raise InputError(
            f"{where}: {_count(n_loose, 'image is', 'images are')} loose (such as {example}) beside "
            f"{_count(people, 'folder', 'folders')} with images; give each person a folder, or no folders at all"
        )
    if named and n_loose:
        raise InputError(f"{where}: no sub-folders with images; give one sub-folder a person, or a manifest")
    return persons


def checked_role(word: str | None, where: str, row: int) -> Role | None:
    """The role that a table says in row number `row`; InputError, which begins with `where`, if it is none."""
    role = None if word is None else role_of(str(word))
    if word is not None and role is None:
        raise InputError(f"{where}: row {row} has the role {shown(repr(word)[:60])}; known are {KNOWN}")
    return role


def no_images(where: str, note: str = "") -> InputError:
    """The error for a source without any candidate image."""
    return InputError(
        f"{where}: no images{note}; give a folder with one sub-folder a person, a flat folder of images, "
        "a zip, a tar or tars of either, Parquet or Arrow files with an image column, or a .csv or .parquet manifest"
    )


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
