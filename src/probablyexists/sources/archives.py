"""Images in a zip or a tar, read in place. Nothing is extracted to disk, so a member's name cannot write anywhere."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import MAX_BYTES, Photo, is_candidate, is_hidden, no_images, persons_of, unreadable

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,  # what zipfile raises for a compression that it does not know
)


class ZipSource:
    """The images in a zip. Stored and deflated members are read; members of other compressions are unreadable.

    `max_bytes`: a member that is larger, uncompressed, is too large.
    """

    def __init__(self, where: str | Path, named: bool | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.name = clean(str(where))
        self._path = path = Path(where)
        self._max_bytes = max_bytes
        members: dict[str, zipfile.ZipInfo] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    inside = _inside(info.filename, dos=info.create_system == 0)
                    if inside is not None and _is_plain(info):
                        members[inside] = info  # of members with the same name the last is used
        except _DAMAGE as error:
            raise _damaged(where, error) from error
        self._members = members
        self.photos = _photos(where, members, named)

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        try:
            archive = zipfile.ZipFile(self._path)
        except _DAMAGE as error:
            yield from ((photo, unreadable(error)) for photo in wanted)
            return
        with archive:
            for photo in wanted:
                yield photo, _zip_member(archive, self._members[photo.path], self._max_bytes)


def _is_plain(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    return not info.is_dir() and kind in (0, stat.S_IFREG)


def _too_large(max_bytes: int) -> ImageError:
    return ImageError("too large", f"a member over {max_bytes // 2**20} MiB")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> bytes | ImageError:
    if info.flag_bits & 0x1:
        return ImageError("unreadable", "encrypted")
    if info.file_size > max_bytes:
        return _too_large(max_bytes)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile limits how much it unpacks at once for these two only
        return ImageError("unreadable", f"compression method {info.compress_type}; use deflate")
    try:
        with archive.open(info) as file:
            data = file.read(max_bytes + 1)
    except Exception as error:  # a damaged member may raise any type
        return unreadable(error)
    return data if len(data) <= max_bytes else _too_large(max_bytes)


class TarSource:
    """The images in a tar, plain or compressed with gzip, bzip2 or xz.

    A compressed tar has no random access: it is unpacked once to list it and once for each `stream`.
    `max_bytes`: a larger member is too large.
    """

    def __init__(self, where: str | Path, named: bool | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.name = clean(str(where))
        self._path = Path(where)
        self._max_bytes = max_bytes
        members: dict[str, tuple[int, int]] = {}
        for inside, info, _ in tar_members(where):
            members[inside] = (-1, 0) if info.issparse() else (info.offset_data, info.size)
        self._members = members
        self.photos = _photos(where, members, named)

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order of the archive."""
        return stream_tar(self._path, [(*self._members[photo.path], photo) for photo in wanted], self._max_bytes)


def tar_members(
    where: str | Path, beside: str | None = None
) -> Iterator[tuple[str, tarfile.TarInfo, Callable[[], bytes | None]]]:
    """(path inside, header, function that reads it) of each file in a tar that may be an image or ends in `beside`.

    The function must be called before the next file is taken. Raises InputError for a damaged tar.
    """
    try:
        with _tar_bytes(Path(where)) as file:
            for info in _headers(file):
                inside = _inside(info.name, also=beside)
                if inside is not None and info.isfile():
                    yield inside, info, partial(_now, file, info)
    except _DAMAGE as error:
        raise _damaged(where, error) from error


def _now(file: IO[bytes], info: tarfile.TarInfo) -> bytes | None:
    data = None if info.issparse() else _tar_member(file, info.offset_data, info.size)
    return data if isinstance(data, bytes) else None


def stream_tar(
    path: Path, places: list[tuple[int, int, Photo]], max_bytes: int = MAX_BYTES
) -> Iterator[tuple[Photo, bytes | ImageError]]:
    """The bytes of photos, in the order of the tar. `places`: (offset, size, photo); offset -1: a sparse member."""
    good = []
    for offset, size, photo in places:
        if offset < 0:
            yield photo, ImageError("unreadable", "a sparse member")
        elif size > max_bytes:
            yield photo, _too_large(max_bytes)
        else:
            good.append((offset, size, photo))
    good.sort()
    try:
        opened = _tar_bytes(path)
    except _DAMAGE as error:
        yield from ((photo, unreadable(error)) for _, _, photo in good)
        return
    with opened as file:
        for offset, size, photo in good:
            yield photo, _tar_member(file, offset, size)


def _tar_member(file: IO[bytes], offset: int, size: int) -> bytes | ImageError:
    try:
        file.seek(offset)
        data = file.read(size)
    except _DAMAGE as error:
        return unreadable(error)
    return data if len(data) == size else ImageError("unreadable", "the archive ends early")


class _Bounded:
    """A file that refuses reads of over 256 MiB: a forged tar header may ask for gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.last = b""  # the result of the last read

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _headers(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    bounded = _Bounded(file)
    stand_in: Any = bounded
    with tarfile.TarFile(fileobj=stand_in, mode="r") as archive:
        kept: list[tarfile.TarInfo] = vars(archive)["members"]
        while (info := archive.next()) is not None:
            kept.clear()  # a million headers would fill the memory
            yield info
    if bounded.last.strip(b"\0"):  # tarfile treats a block that it does not understand as the end
        raise tarfile.ReadError("a header in its middle is damaged")


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
    name = path.name.lower()
    if name.endswith(TAR_ENDINGS):
        return True
    with path.open("rb") as file:
        return file.read(265)[257:262] == b"ustar"


def _inside(name: str, *, dos: bool = False, also: str | None = None) -> str | None:
    """A member's path with POSIX separators and without "./"; None if it is hidden or of a known other kind.

    `dos`: backslashes separate folders. `also`: an ending that is accepted beside images.
    """
    name = clean(name.replace("\\", "/") if dos else name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts:
        return None
    wanted = is_candidate(parts[-1]) or (also is not None and parts[-1].endswith(also) and not is_hidden(parts[-1]))
    if not wanted or any(is_hidden(part) for part in parts[:-1] if part != ".."):
        return None
    return "/".join(parts)


def _photos(where: str | Path, members: Iterable[str], named: bool | None) -> tuple[Photo, ...]:
    paths = sorted(members)
    if not paths:
        raise no_images(shown(where))
    persons = persons_of(shown(where), paths, named, strip_top=True)
    return tuple(map(Photo, paths, persons))


def _damaged(where: str | Path, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{shown(where)}: no permission to read it; change its permissions")
    said = shown(str(error) or type(error).__name__)
    return InputError(f"{shown(where)}: the archive is damaged or incomplete ({said}); pack or download it again")
