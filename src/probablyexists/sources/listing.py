"""Which paths are photos, what lies beside them, and the bytes of a file."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import KNOWN, Role, role_of
from probablyexists.basis.text import shown

MAX_BYTES = 256 * 2**20  # of one file, uncompressed

_IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".pbm"),
    *(".pnm", ".heic", ".heif", ".avif", ".jp2", ".jxl"),
)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
_DATA = (".npz", ".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords", ".rec", ".lmdb", ".mdb", ".parquet", ".arrow")
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg")
_SIDE = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".cls", ".lst")
"""Files that often say who is in a picture."""
_OTHER_SUFFIXES = (
    *(".md", ".rst", ".html", ".htm", ".css", ".js", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".log"),
    *(".xsd", ".toml", ".ini", ".cfg", ".conf", ".feather", ".npy", ".pkl", ".pickle", ".db", ".sqlite"),
    *(".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".py", ".pyc", ".ipynb", ".sh", ".bat", ".lnk", ".url"),
    *(".md5", ".sha1", ".sha256", ".lock", ".pts", ".idx", ".mp3", ".wav"),
)
_NO_IMAGES = frozenset((*_ARCHIVES, *_DATA, *_VIDEOS, *_SIDE, *_OTHER_SUFFIXES))
_SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "__macosx")
_SYSTEM_FOLDERS = (".git", ".svn", ".hg", ".cache", ".ipynb_checkpoints", "__macosx")
_OTHER_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog", "makefile")

Unread = Literal["archives", "data", "videos", "hidden", "special", "nowhere", "again", "twice"]
_UNREAD: dict[Unread, tuple[str, str, str]] = {
    "archives": ("archive is not opened", "archives are not opened", "unpack them, or give them by themselves"),
    "data": ("data file is not read", "data files are not read", "give them by themselves, or write images"),
    "videos": ("video is not read", "videos are not read", "write their frames as images"),
    "hidden": (
        "hidden file or folder is not read",
        "hidden files or folders are not read",
        "rename what counts",
    ),
    "special": ("pipe or device is not read", "pipes or devices are not read", "remove them"),
    "nowhere": ("link leads nowhere", "links lead nowhere", "mend them, or pack with tar --dereference"),
    "again": (
        "link to a folder that is listed already is left out",
        "links to folders that are listed already are left out",
        "remove them",
    ),
    "twice": (
        "name is there twice, and its last image is used",
        "names are there twice, and the last is used",
        "rename one",
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Photo:
    """One image of a source, by name only."""

    path: str
    """Path in the source, with POSIX separators; in a manifest as it is written there."""
    person: str | None
    """Name of the folder, or column of the manifest, in Unicode's composed form (NFC); None in a flat source."""


@dataclass(frozen=True)
class NotRead:
    """Things of one kind that were not read although they may hold photos."""

    what: str
    """"3 archives are not opened"."""
    example: str
    """The path of the first, which may carry a person's name."""
    cure: str

    def __str__(self) -> str:
        return f"{self.what} (such as {shown(self.example)[:120]}); {self.cure}"


@dataclass(frozen=True)
class Left:
    """What a source holds beside its photos."""

    not_read: tuple[NotRead, ...] = ()
    names: tuple[str, ...] = ()
    """What may name people and was not used: "column 'celeb_id'", "12 files .txt"."""


class Aside:
    """Counts what a source holds and does not read."""

    def __init__(self) -> None:
        self._n: Counter[Unread] = Counter()
        self._example: dict[Unread, str] = {}
        self._side: Counter[str] = Counter()

    def add(self, kind: Unread, path: str) -> None:
        """One more of a kind."""
        self._n[kind] += 1
        self._example.setdefault(kind, path)

    def see(self, path: str) -> None:
        """A file that is no candidate."""
        name = path.rpartition("/")[2].lower()
        ending = PurePosixPath(name).suffix
        if is_hidden(name):
            if ending in _IMAGES and not name.startswith("._"):  # macOS writes ._a.jpg beside a.jpg
                self.add("hidden", path)
        elif ending in _SIDE:
            self._side[ending] += 1
        elif kind := _kind_of(ending):
            self.add(kind, path)

    def see_hidden_folder(self, path: str) -> None:
        """A hidden folder, whose content nobody looks at."""
        if path.rpartition("/")[2].lower() not in _SYSTEM_FOLDERS:
            self.add("hidden", path)

    def join(self, other: Aside) -> None:
        """Count what another has counted, too."""
        self._n += other._n
        self._side += other._side
        self._example = other._example | self._example

    def left(self) -> Left:
        """All of it in words."""
        found = []
        for kind, n in sorted(self._n.items()):
            one, many, cure = _UNREAD[kind]
            found.append(NotRead(count(n, one, many), self._example[kind], cure))
        side = tuple(f"{count(n, 'file', 'files')} {ending}" for ending, n in sorted(self._side.items()))
        return Left(tuple(found), side)


def _kind_of(ending: str) -> Unread | None:
    if ending in _ARCHIVES:
        return "archives"
    if ending in _DATA:
        return "data"
    return "videos" if ending in _VIDEOS else None


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
    return _ending(name) not in _NO_IMAGES


def named_like_an_image(name: str) -> bool:
    """Whether a name ends as images' names do."""
    return _ending(name) in _IMAGES


def _ending(name: str) -> str:
    """The ending of a file's name in lower case, with its dot; "" if it has none. As `PurePath.suffix`, which is slow.

    >>> [_ending(name) for name in ("a/b.JPG", "a.b/c", "c.", ".c", "a.tar.gz")]
    ['.jpg', '', '', '', '.gz']
    """
    last = name.rpartition("/")[2]
    at = last.rfind(".")
    return last[at:].lower() if 0 < at < len(last) - 1 else ""


def unreadable(error: Exception) -> ImageError:
    """An ImageError with the reason "unreadable" and the message of `error`."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageError("unreadable", (said or type(error).__name__)[:200])


def read_file(path: str | Path) -> bytes | ImageError:
    """The bytes of a regular file of at most 256 MiB, else an ImageError."""
    try:
        number = os.open(path, _WITHOUT_WAITING)
        try:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):
                return ImageError("unreadable", "not a regular file")
            data = _whole(number, status.st_size) if status.st_size <= MAX_BYTES else None
        finally:
            os.close(number)
    except (OSError, ValueError) as error:
        return unreadable(error)
    if data is None or len(data) > MAX_BYTES:
        return ImageError("too large", f"a file over {MAX_BYTES // 2**20} MiB")
    return data


_WITHOUT_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Also for a pipe without a writer."""


def _whole(number: int, size: int) -> bytes:
    """The bytes of an open file, usually `size`; if it grows while it is read, it may be cut off over 256 MiB."""
    data = os.read(number, size + 1)
    if len(data) != size:
        while len(data) <= MAX_BYTES and (more := os.read(number, 2**20)):
            data += more
    return data


def checked_role(word: str | None, where: str, row: int) -> Role | None:
    """The role that a table says in row number `row`; InputError, which begins with `where`, if it is none."""
    role = None if word is None else role_of(str(word))
    if word is not None and role is None:
        raise InputError(f"{where}: row {row} has the role {shown(repr(word)[:60])}; known are {KNOWN}")
    return role


def no_images(where: str, left: Left | None = None, note: str = "") -> InputError:
    """The error for a source without any candidate image."""
    beside = "" if left is None or not left.not_read else f" ({'; '.join(map(str, left.not_read))})"
    return InputError(
        f"{where}: no images{note}{beside}; give a folder with one sub-folder a person, a flat folder of images, "
        "a zip, a tar or tars of either, Parquet or Arrow files with an image column, an .npz of samples, a .rec, an "
        "LMDB, or a .csv or .parquet manifest"
    )


def count(n: int, one: str, many: str) -> str:
    """`n` with the word in singular or plural.

    >>> count(1, "file", "files"), count(2000, "file", "files")
    ('1 file', '2,000 files')
    """
    return f"{n:,} {one if n == 1 else many}"
