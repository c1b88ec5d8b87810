"""Images in a tar, plain or compressed, read in place: what its headers list, and the bytes of its members."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.sources.archives import (
    BROKEN_LINK,
    DAMAGE,
    MOST_MEMBERS,
    damaged,
    inside_path,
    linked,
    most_unpacked,
    see_others,
    too_large,
    too_much,
    wanted,
)
from probablyexists.sources.links import follow
from probablyexists.sources.listing import MAX_BYTES, Aside, Photo, unreadable

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_BESIDE = 2**20
"""Most bytes of a file beside an image that are read, such as a sample's .json."""
MOST_HEADER = 2**16
"""Bytes of one header, such as a long name; of all headers of one member twice as many."""
MOST_GLOBAL = 1000
"""Values in a tar's global headers."""
Place = tuple[int, int]
"""Offset and size of a member; offset -1: sparse, -2: a link to nothing."""
_BLOCK = 512


class Listed:
    """What a tar holds. Links lead to what they name in the same tar."""

    def __init__(
        self, path: Path, name: str, endings: tuple[str, ...], person: Callable[[str, bytes], str | None]
    ) -> None:
        """`person` gets path and bytes, at most 1 MiB, of each side file with one of the `endings`.

        Raises InputError, which begins with `name`, for a damaged tar.
        """
        self.images: dict[str, Place] = {}
        """Path inside -> place, of each member that may be an image."""
        self.beside: dict[str, str] = {}
        """Path inside -> the person that it names, of side files."""
        self.aside = Aside()
        self._endings, self._person = endings, person
        links: dict[str, str] = {}
        try:
            with _tar_bytes(path) as file:
                for info in _headers(file, path, name):
                    inside = inside_path(info.name)
                    if inside is None or info.isdir():
                        continue
                    if info.issym() or info.islnk():
                        links[inside] = info.linkname if info.issym() else f"/{info.linkname}"
                    else:
                        self._see(file, info, inside)
            if links:
                others = _others(path, name, links, self.images)
                for link, real in linked(links, self.images | others, self.images, self.aside, name).items():
                    self.images[link] = (-2, 0) if real is None else self.images.get(real) or others[real]
                for link in links:
                    if link.endswith(endings) and (real := follow(link, links)) in self.beside:
                        self.beside[link] = self.beside[real]
        except DAMAGE as error:
            raise damaged(name, error) from error

    def _see(self, file: IO[bytes], info: tarfile.TarInfo, inside: str) -> None:
        if not wanted(inside):
            see_others([inside], self.aside)
            if info.isfile() and inside.endswith(self._endings) and info.size <= MOST_BESIDE:
                data = _tar_member(file, *_place(info))
                if isinstance(data, bytes) and (said := self._person(inside, data)) is not None:
                    self.beside[inside] = said
        elif info.isfile():
            if inside in self.images:
                self.aside.add("twice", inside)
            self.images[inside] = _place(info)
        else:
            self.aside.add("special", inside)


def _others(path: Path, name: str, links: dict[str, str], images: dict[str, Place]) -> dict[str, Place]:
    """The members that are no photos by their own names, but to which links lead, or that are in a folder to which
    one leads. They are looked for in a second pass, because most tars have none."""
    sought = {real for link in links if (real := follow(link, links)) is not None and real not in images}
    found: dict[str, Place] = {}
    if not sought:
        return found
    with _tar_bytes(path) as file:
        for info in _headers(file, path, name):
            inside = inside_path(info.name)
            if inside is None or not info.isfile() or inside in images:
                continue
            parts = inside.split("/")
            if any("/".join(parts[:n]) in sought for n in range(1, len(parts) + 1)):
                found[inside] = _place(info)
    return found


def _place(info: tarfile.TarInfo) -> Place:
    if not 0 <= info.size < 2**62:
        raise tarfile.ReadError("a member of an impossible size")
    return (-1 if info.issparse() else info.offset_data), info.size


def stream_tar(path: Path, wanted: list[tuple[list[int], Photo]]) -> Iterator[tuple[Photo, bytes | ImageError]]:
    """The bytes of photos, each given with its place as in `Listed`; fastest in ascending order."""
    try:
        opened = _tar_bytes(path)
    except DAMAGE as error:
        yield from ((photo, unreadable(error)) for _, photo in wanted)
        return
    with opened as file:
        for (offset, size), photo in wanted:
            yield photo, _tar_member(file, offset, size)


def _tar_member(file: IO[bytes], offset: int, size: int) -> bytes | ImageError:
    if offset < 0:
        return ImageError("unreadable", "a sparse member") if offset == -1 else BROKEN_LINK
    if size > MAX_BYTES:
        return too_large()
    try:
        file.seek(offset)
        data = file.read(size)
    except DAMAGE as error:
        return unreadable(error)
    return data if len(data) == size else ImageError("unreadable", "the archive ends early")


class _Bounded:
    """A tar's bytes with limits: forged headers may ask for gigabytes, and little bzip2 may unpack to terabytes."""

    def __init__(self, file: IO[bytes], most: int, name: str) -> None:
        self._file, self._most, self._name = file, most, name
        self.last = b""  # the result of the last read
        self.n_header = 0  # bytes read since the last member

    def read(self, size: int = -1) -> bytes:
        self.n_header += max(size, 0)
        if not 0 <= size <= MOST_HEADER or self.n_header > 2 * MOST_HEADER:
            raise tarfile.ReadError(f"a header of over {MOST_HEADER // 1024} KiB")
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int) -> int:
        if offset > self._most:
            raise too_much(self._name, self._most)
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _headers(file: IO[bytes], path: Path, name: str) -> Iterator[tarfile.TarInfo]:
    is_plain = isinstance(file, io.BufferedReader)
    most = 2**63 if is_plain else most_unpacked(path)
    n = 0
    bounded: Any = _Bounded(file, most, name)
    with tarfile.TarFile(fileobj=bounded, mode="r", encoding="utf-8") as archive:
        kept: list[tarfile.TarInfo] = vars(archive)["members"]
        while (info := archive.next()) is not None:
            kept.clear()  # a million headers would fill the memory
            n += 1
            if n > MOST_MEMBERS and not is_plain:
                raise InputError(f"{name}: over {MOST_MEMBERS:,} members in one compressed tar; pack it as several")
            if len(archive.pax_headers) > MOST_GLOBAL:
                raise tarfile.ReadError(f"over {MOST_GLOBAL:,} global headers")
            bounded.n_header = 0
            yield info
    if bounded.last.strip(b"\0"):  # tarfile treats a block that it does not understand as the end
        raise tarfile.ReadError("a header in its middle is damaged")
    if not bounded.last:
        raise tarfile.ReadError("it ends early: its end mark is missing")
    rest = file.read(20 * _BLOCK)
    if any(rest[at + 257 : at + 262] == b"ustar" for at in range(0, len(rest), _BLOCK)):
        raise tarfile.ReadError("a second archive is joined to its end")


def _tar_bytes(path: Path) -> IO[bytes]:
    """The uncompressed archive; its compression is recognised by its first bytes."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(path, "rb")  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        return bz2.BZ2File(path, "rb")
    if start == b"\xfd7zXZ\0":
        return lzma.LZMAFile(path, "rb")
    return path.open("rb")


def looks_like_tar(path: Path) -> bool:
    """Whether a file is a tar, by its name or by the mark of an uncompressed tar in its first block."""
    if path.name.lower().endswith(TAR_ENDINGS):
        return True
    with path.open("rb") as file:
        return file.read(265)[257:262] == b"ustar"
