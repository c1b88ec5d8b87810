"""Images in a zip or a tar, read in place. Nothing is extracted to disk, so a member's name cannot write anywhere."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import MAX_BYTES, Photo, is_candidate, is_hidden, no_images, persons_of, unreadable

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_BESIDE = 2**20
"""Most bytes of a file beside an image that are read, such as a sample's .json."""
_FORMATS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
# NotImplementedError is what zipfile raises for a compression that it does not know.
_DAMAGE = (*_FORMATS, EOFError, OSError, ValueError, OverflowError, NotImplementedError)


class ZipSource:
    """The images in a zip. Stored and deflated members are read; members of other compressions are unreadable."""

    def __init__(self, where: str | Path, named: bool | None = None) -> None:
        self.name = clean(str(where))
        self._path = Path(where)
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            with zipfile.ZipFile(self._path) as archive:
                for info in archive.infolist():
                    inside = _inside(info.filename, dos=info.create_system == 0)
                    kind = stat.S_IFMT(info.external_attr >> 16)
                    if inside is not None and not info.is_dir() and kind in (0, stat.S_IFREG):
                        self._members[inside] = info  # of members with the same name the last is used
        except _DAMAGE as error:
            raise _damaged(shown(where), error) from error
        paths = sorted(self._members)
        if not paths:
            raise no_images(shown(where))
        self.photos = tuple(map(Photo, paths, persons_of(shown(where), paths, named, strip_top=True)))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        try:
            archive = zipfile.ZipFile(self._path)
        except _DAMAGE as error:
            yield from ((photo, unreadable(error)) for photo in wanted)
            return
        with archive:
            for photo in wanted:
                yield photo, _zip_member(archive, self._members[photo.path])


def _too_large() -> ImageError:
    return ImageError("too large", f"a member over {MAX_BYTES // 2**20} MiB")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | ImageError:
    if info.flag_bits & 0x1:
        return ImageError("unreadable", "encrypted")
    if info.file_size > MAX_BYTES:
        return _too_large()
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile limits how much it unpacks at once for these two only
        return ImageError("unreadable", f"compression method {info.compress_type}; use deflate")
    try:
        with archive.open(info) as file:
            data = file.read(MAX_BYTES + 1)
    except Exception as error:  # a damaged member may raise any type
        return unreadable(error)
    return data if len(data) <= MAX_BYTES else _too_large()


def tar_members(
    path: Path, name: str, beside: str | None = None
) -> Iterator[tuple[str, tuple[int, int], bytes | None]]:
    """(path inside, (offset, size), None) of each file in a tar that may be an image; offset -1: a sparse member.

    Also of each that ends in `beside`; with its bytes, if they are at most 1 MiB. Raises InputError, which begins with
    `name`, for a damaged tar.
    """
    try:
        with _tar_bytes(path) as file:
            for info in _headers(file):
                inside = _inside(info.name, also=beside)
                if inside is None or not info.isfile():
                    continue
                place, data = (-1 if info.issparse() else info.offset_data, info.size), None
                if beside is not None and inside.endswith(beside) and info.size <= MOST_BESIDE:
                    data = _tar_member(file, *place)
                yield inside, place, data if isinstance(data, bytes) else None
    except _DAMAGE as error:
        raise _damaged(name, error) from error


def stream_tar(path: Path, wanted: list[tuple[list[int], Photo]]) -> Iterator[tuple[Photo, bytes | ImageError]]:
    """The bytes of photos, each given with its (offset, size) as in `tar_members`; fastest in ascending order."""
    try:
        opened = _tar_bytes(path)
    except _DAMAGE as error:
        yield from ((photo, unreadable(error)) for _, photo in wanted)
        return
    with opened as file:
        for (offset, size), photo in wanted:
            yield photo, _tar_member(file, offset, size)


def _tar_member(file: IO[bytes], offset: int, size: int) -> bytes | ImageError:
    if offset < 0:
        return ImageError("unreadable", "a sparse member")
    if size > MAX_BYTES:
        return _too_large()
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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _headers(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    bounded: Any = _Bounded(file)
    with tarfile.TarFile(fileobj=bounded, mode="r") as archive:
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
    if path.name.lower().endswith(TAR_ENDINGS):
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


def _damaged(name: str, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{name}: no permission to read it; change its permissions")
    said = shown(str(error) or type(error).__name__)
    return InputError(f"{name}: the archive is damaged or incomplete ({said}); pack or download it again")
