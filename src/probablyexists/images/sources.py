"""Where images come from: a folder, a zip, a tar or a manifest, all read the same way.

A source is either wholly named (every photo has a person) or wholly flat. Listing reads names only; bytes come
from `stream`, and an image that cannot be read comes out as an `ImageError` in its place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.images.listing import (
    Photo,
    clean,
    is_candidate,
    is_hidden,
    no_images,
    persons_of,
    read_file,
    shown,
)

__all__ = ["FilesSource", "FolderSource", "Photo", "Source", "open_source"]


class Source(Protocol):
    """Photos by name, and their bytes on demand."""

    @property
    def name(self) -> str:
        """The source as the user gave it."""

    @property
    def photos(self) -> tuple[Photo, ...]:
        """Sorted by path (code points, which is UTF-8 byte order); each path once; never empty."""

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, all of them from `photos`, in an order that suits the source.

        Cheapest when called once with all that is wanted: an archive is opened anew by every call. A photo
        that cannot be read comes with ImageError("unreadable") or ImageError("too large") instead of bytes.
        """


def open_source(where: str | Path, *, role: str | None = None, named: bool | None = None) -> Source:
    """List the images at `where`:

    - a folder of images, or of one sub-folder a person
    - a .zip, a .tar (also .gz, .bz2, .xz)
    - a .csv or .parquet manifest
    - a folder of tars (WebDataset), or a pattern of them: `shards/*.tar`, `shards/{000..099}.tar`
    - a .parquet or .arrow with an image column, a folder or a pattern of them, or a folder that `datasets` wrote with
      `save_to_disk`

    `role`: of a table with a role column only the rows of this role ("training", "unseen", "heldout", "generated");
    anything else has no roles and is taken whole. `named`: None finds out whether folders are people, False ignores
    folders (and a table's people), True refuses a flat source.

    Raises InputError, one line beginning with `where`.
    """
    import zipfile

    from probablyexists.images.archives import TarSource, ZipSource, looks_like_tar
    from probablyexists.images.columns import ColumnsSource, has_images
    from probablyexists.images.manifest import ManifestSource
    from probablyexists.images.packed import expanded, packed
    from probablyexists.images.shards import ShardsSource

    path, name = Path(where), shown(where)
    try:
        files = expanded(where) or (packed(path, name) if path.is_dir() else [])
        if files:
            tars = looks_like_tar(files[0])
            return ShardsSource(where, files, named) if tars else ColumnsSource(where, files, role, named)
        mode = os.stat(where).st_mode
        if stat.S_ISDIR(mode):
            return FolderSource(where, named)
        if not stat.S_ISREG(mode):
            raise InputError(f"{name}: neither a file nor a folder; give a folder, a zip, a tar or a table")
        if path.suffix.lower() == ".arrow":
            return ColumnsSource(where, [path], role, named)
        if path.suffix.lower() in (".csv", ".parquet"):
            images = path.suffix.lower() == ".parquet" and has_images(path)
            return ColumnsSource(where, [path], role, named) if images else ManifestSource(where, role, named)
        if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            return ZipSource(where, named)
        if looks_like_tar(path):
            return TarSource(where, named)
    except FileNotFoundError:
        raise InputError(f"{name}: does not exist; check the path") from None
    except PermissionError as error:
        at = shown(error.filename or where)
        raise InputError(f"{name}: no permission to read {at}; change its permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read ({shown(error)}); check the path") from error
    raise InputError(f"{name}: not a folder, zip, tar, .csv, .parquet or .arrow; give one of these")


class FolderSource:
    """A folder: one sub-folder a person, with whatever lies below it, or flat.

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
        self._real: dict[str, str] = {}  # what lies on disk, where it differs from the photo's path
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
                # a link that leads nowhere is kept: it comes out as unreadable, and is counted
                elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
                    found.append(inside + entry.name)
    return found, n_links
