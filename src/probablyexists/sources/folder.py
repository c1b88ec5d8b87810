"""Image files on disk: a folder, or files given one by one."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import (
    Aside,
    Photo,
    is_candidate,
    is_hidden,
    named_like_an_image,
    no_images,
    read_file,
)
from probablyexists.sources.persons import persons_of, spelled

DEEPEST = 64
"""Folders within folders."""


class FolderSource:
    """A folder of images: one sub-folder a person, at any depth below it, or flat.

    Symbolic links to files and folders are followed; a folder that several links lead to is listed once.
    """

    def __init__(self, where: str | Path, named: bool | None = None) -> None:
        self.name = clean(str(where))
        self.folder = Path(where)
        walk = _Walk(self.folder, shown(where))
        found, self.left = walk.found, walk.aside.left()
        if not found:
            raise no_images(shown(where), self.left)
        texts = spelled(found)
        persons = persons_of(shown(where), texts, named, strip_top=False)
        self._real = {text: path for text, path in zip(texts, found, strict=True) if text != path}
        self.photos = tuple(sorted(map(Photo, texts, persons), key=lambda photo: photo.path))

    @property
    def is_text(self) -> bool:
        """Whether every path is as on disk; False if UTF-8 cannot hold one."""
        return not self._real

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        inside = os.path.join(self.folder, "")
        for photo in wanted:
            yield photo, read_file(inside + self._real.get(photo.path, photo.path))

    def on_disk(self, path: str) -> str:
        """A photo's path as the file system spells it; it differs where UTF-8 cannot hold the name."""
        return self._real.get(path, path)


class FilesSource:
    """Image files given one by one, without people."""

    def __init__(self, files: Iterable[Path]) -> None:
        paths = sorted({str(file) for file in files})
        self._real = dict(zip(spelled(paths), paths, strict=True))
        self.photos = tuple(Photo(name, None) for name in sorted(self._real))
        self.name = self.photos[0].path + (f" and {len(self.photos) - 1} more" if len(self.photos) > 1 else "")

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(self._real[photo.path])


class _Walk:
    """The candidate images below a folder, as POSIX paths relative to it; links are followed last.

    Raises InputError, which begins with `name`, if folders are nested too deeply.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.found: list[str] = []
        self.aside = Aside()
        at = Path(os.path.realpath(folder))
        self._seen = {_id(at), *map(_id, at.parents)}  # a link that leads up again is not followed
        self._todo = [("", os.fspath(folder))]
        self._linked: list[tuple[str, str]] = []
        while self._todo or self._linked:
            if self._todo:
                inside, place = self._todo.pop()
            else:
                inside, place = heapq.heappop(self._linked)
                if not self._is_new(place, inside.rstrip("/")):
                    continue
            if inside.count("/") > DEEPEST:
                raise InputError(f"{name}: folders in folders over {DEEPEST} deep ({shown(inside)[:80]}); move them up")
            with os.scandir(place) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    self._look(entry, inside + entry.name)
        self.found.sort()

    def _look(self, entry: os.DirEntry[str], path: str) -> None:
        kind = _kind(entry)
        if kind == "folder":
            self._look_in(entry, path)
        elif not is_candidate(entry.name):
            self.aside.see(path)
        elif kind == "file" or (kind == "nowhere" and named_like_an_image(entry.name)):
            self.found.append(path)  # a broken link to an image is reported as unreadable, and counted
        else:
            self.aside.add("nowhere" if kind == "nowhere" else "special", path)

    def _look_in(self, entry: os.DirEntry[str], path: str) -> None:
        if is_hidden(entry.name):
            self.aside.see_hidden_folder(path)
        elif entry.is_symlink():
            heapq.heappush(self._linked, (path + "/", entry.path))
        elif self._is_new(entry.path, path):
            self._todo.append((path + "/", entry.path))

    def _is_new(self, place: str, path: str) -> bool:
        at = _id(place)
        if at in self._seen:
            self.aside.add("again", path)
            return False
        self._seen.add(at)
        return True


def _id(place: str | Path) -> tuple[int, int]:
    status = os.stat(place)
    return status.st_dev, status.st_ino


def _kind(entry: os.DirEntry[str]) -> str:
    """What an entry is, or leads to: folder, file, special; nowhere for a link that is broken or leads to itself."""
    if entry.is_file(follow_symlinks=False):
        return "file"
    try:
        mode = entry.stat().st_mode
    except PermissionError:
        raise
    except OSError:
        return "nowhere"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "special"
