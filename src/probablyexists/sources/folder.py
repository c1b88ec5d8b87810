"""Image files on disk: a folder, or files given one by one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from probablyexists.basis.errors import ImageError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Photo, is_candidate, is_hidden, no_images, persons_of, read_file


class FolderSource:
    """A folder of images: one sub-folder a person, at any depth below it, or flat.

    Symbolic links to files are followed, those to folders are not.
    """

    def __init__(self, where: str | Path, named: bool | None = None) -> None:
        self.name = clean(str(where))
        self.folder = Path(where)
        found, n_links = _walk(self.folder)
        if not found:
            note = f" (links to folders are not followed: {n_links:,})" if n_links else ""
            raise no_images(shown(where), note)
        found.sort()
        persons = persons_of(shown(where), found, named, strip_top=False)
        self._real: dict[str, str] = {}  # a photo's path -> its path on disk, where they differ
        if all(clean(path) is path for path in found):
            self.photos = tuple(map(Photo, found, persons))
            return
        taken = set(found)
        photos = []
        for path, person in zip(found, persons, strict=True):
            text = clean(path)
            if text != path:
                while text in taken:
                    text += "~"
                taken.add(text)
                self._real[text] = path
            photos.append(Photo(text, person))
        self.photos = tuple(sorted(photos, key=lambda photo: photo.path))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(os.path.join(self.folder, self._real.get(photo.path, photo.path)))


class FilesSource:
    """Image files given one by one, without people."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files: dict[str, Path] = {}
        for file in sorted(set(files)):
            name = clean(str(file))
            while name in self._files:
                name += "~"
            self._files[name] = file
        self.photos = tuple(sorted((Photo(name, None) for name in self._files), key=lambda photo: photo.path))
        self.name = self.photos[0].path + (f" and {len(self.photos) - 1} more" if len(self.photos) > 1 else "")

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(self._files[photo.path])


def _walk(folder: Path) -> tuple[list[str], int]:
    """The candidate images below `folder`, as POSIX paths relative to it, and the count of links to folders."""
    found: list[str] = []
    n_links = 0
    todo = [("", os.fspath(folder))]
    while todo:
        inside, place = todo.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not is_hidden(entry.name):
                        todo.append((f"{inside}{entry.name}/", entry.path))
                elif not is_candidate(entry.name):
                    continue
                elif entry.is_symlink() and os.path.isdir(entry.path):
                    n_links += 1
                # a broken link is kept: it is reported as unreadable, and counted
                elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
                    found.append(inside + entry.name)
    return found, n_links
