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
        self._real = _respelled(found)
        photo_path = {path: text for text, path in self._real.items()}
        photos = (Photo(photo_path.get(path, path), person) for path, person in zip(found, persons, strict=True))
        self.photos = tuple(sorted(photos, key=lambda photo: photo.path))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(os.path.join(self.folder, self._real.get(photo.path, photo.path)))

    def on_disk(self, path: str) -> str:
        """A photo's path as the file system spells it; it differs where UTF-8 cannot hold the name."""
        return self._real.get(path, path)


class FilesSource:
    """Image files given one by one, without people."""

    def __init__(self, files: Iterable[Path]) -> None:
        paths = {str(file) for file in files}
        self._real = _respelled(sorted(paths))
        names = paths.difference(self._real.values()).union(self._real)
        self.photos = tuple(Photo(name, None) for name in sorted(names))
        self.name = self.photos[0].path + (f" and {len(self.photos) - 1} more" if len(self.photos) > 1 else "")

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(self._real.get(photo.path, photo.path))


def _respelled(paths: list[str]) -> dict[str, str]:
    """Photo's path -> path on disk, for each path that UTF-8 cannot hold; `~` at the end keeps it apart from others."""
    odd = [path for path in paths if clean(path) != path]
    taken = set(paths if odd else ())
    real: dict[str, str] = {}
    for path in odd:
        text = clean(path)
        while text in taken:
            text += "~"
        taken.add(text)
        real[text] = path
    return real


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
