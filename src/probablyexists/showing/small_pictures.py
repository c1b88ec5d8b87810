"""Pictures of an audit's sources on demand, as small JPEG files; nothing is kept but the last few in memory."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.basis.roles import Role
from probablyexists.images.decode import decode_picture
from probablyexists.sources.listing import Photo, read_file
from probablyexists.sources.open_source import Source

SIDES = (160, 512)
"""Pixels along the longer side: on a wall, and alone."""
MOST_KEPT = 2000
QUALITY = 85

Read = Callable[[str], bytes | ImageError]


class Pictures:
    """JPEG files of pictures, by role and path. Thread-safe."""

    def __init__(self, readers: Mapping[Role, Read]) -> None:
        self._readers = readers
        self._small = lru_cache(MOST_KEPT)(self._made)

    def has(self, role: Role) -> bool:
        """Whether pictures of this role can be read."""
        return role in self._readers

    def jpeg(self, role: Role, path: str, side: int) -> bytes:
        """The picture, at most `side` pixels long (one of `SIDES`), never enlarged. ImageError with the reason."""
        return self._small(role, path, side) if side == min(SIDES) else self._made(role, path, side)

    def decoded(self, role: Role, path: str, side: int) -> Image.Image:
        """The same as pixels, RGB."""
        if role not in self._readers:
            raise ImageError("not given")
        data = self._readers[role](path)
        if isinstance(data, ImageError):
            raise data
        return decode_picture(data, longest=side)

    def _made(self, role: Role, path: str, side: int) -> bytes:
        buffer = io.BytesIO()
        self.decoded(role, path, side).save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()


def folder_reader(folder: Path) -> Read:
    """Reads images below a folder, and nothing outside it but what a link in it leads to; the folder is not listed."""
    inside = os.path.join(os.fspath(folder), "")

    def read(path: str) -> bytes | ImageError:
        parts = path.split("/")
        if not path or os.path.isabs(path) or any(part in ("", ".", "..") for part in parts) or "\0" in path:
            return ImageError("unreadable", "not a path in the folder")
        return read_file(inside + path)

    return read


def source_reader(source: Source) -> Read:
    """Reads images of an archive, a table, or a generator, one at a time."""
    photo_of: dict[str, Photo] = {photo.path: photo for photo in source.photos}
    one_at_a_time = threading.Lock()

    def read(path: str) -> bytes | ImageError:
        if path not in photo_of:
            return ImageError("unreadable", "not in the source")
        with one_at_a_time:
            return next((data for _, data in source.stream([photo_of[path]])), ImageError("unreadable"))

    return read
