"""Images in a zip, read in place; and what a zip and a tar have in common.

Nothing is extracted to disk, so a member's name cannot write anywhere.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.links import below, follow
from probablyexists.sources.listing import (
    MAX_BYTES,
    Aside,
    Photo,
    is_candidate,
    is_hidden,
    named_like_an_image,
    no_images,
    unreadable,
)
from probablyexists.sources.persons import persons_of, spelled

MOST_MEMBERS = 1_000_000
"""Members of a zip: zipfile keeps all of them in memory, about 1 kB each."""
MOST_LISTED = 512 * 2**20
"""Bytes of the list of a zip's members."""
_END = 66_000
"""Bytes at a zip's end that hold where its list is: a comment has at most 65,535."""
MOST_UNPACKED = 256 * 2**20
MOST_TIMES = 20
"""An archive may unpack to the first, or to this multiple of its size: packed photos hardly shrink."""
_FORMATS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
# NotImplementedError is what zipfile raises for a compression that it does not know; RecursionError is tarfile's way to
# end a chain of headers that only announce others.
DAMAGE = (*_FORMATS, EOFError, OSError, ValueError, OverflowError, NotImplementedError, RecursionError)
BROKEN_LINK = ImageError("unreadable", "a link to nothing in the archive")


class ZipSource:
    """The images in a zip. Stored and deflated members are read; members of other compressions are unreadable."""

    def __init__(self, where: str | Path, named: bool | None = None) -> None:
        self.name = clean(str(where))
        self._path = Path(where)
        files: dict[str, zipfile.ZipInfo] = {}
        links: dict[str, str] = {}
        aside = Aside()
        try:
            refuse_many_members(self._path, shown(where))
            with zipfile.ZipFile(self._path) as archive:
                for info in archive.infolist():
                    inside = inside_path(info.filename, dos=info.create_system == 0)
                    kind = stat.S_IFMT(info.external_attr >> 16)
                    if inside is None or info.is_dir():
                        continue
                    if kind == stat.S_IFLNK:
                        target = _zip_member(archive, info, most=4096)
                        links[inside] = "\0" if isinstance(target, ImageError) else target.decode("utf-8", "replace")
                    elif kind in (0, stat.S_IFREG):
                        if inside in files and wanted(inside):
                            aside.add("twice", inside)
                        files[inside] = info
                    elif wanted(inside):
                        aside.add("special", inside)
        except DAMAGE as error:
            raise damaged(shown(where), error) from error
        members: dict[str, zipfile.ZipInfo | None] = {path: info for path, info in files.items() if wanted(path)}
        through = linked(links, files, members, aside, shown(where))
        see_others(files.keys() - members.keys() - set(through.values()), aside)
        members |= {link: None if real is None else files[real] for link, real in through.items()}
        self.left = aside.left()
        if not members:
            raise no_images(shown(where), self.left)
        _refuse_bombs(self._path, members.values(), shown(where))
        raw = sorted(members)
        paths = spelled(raw)
        self._members = {path: members[name] for path, name in zip(paths, raw, strict=True)}
        self.photos = tuple(sorted(map(Photo, paths, persons_of(shown(where), paths, named, strip_top=True))))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        try:
            archive = zipfile.ZipFile(self._path)
        except DAMAGE as error:
            yield from ((photo, unreadable(error)) for photo in wanted)
            return
        with archive:
            for photo in wanted:
                info = self._members[photo.path]
                yield photo, BROKEN_LINK if info is None else _zip_member(archive, info)


def linked(
    links: Mapping[str, str], files: Mapping[str, object], members: Mapping[str, object], aside: Aside, name: str
) -> dict[str, str | None]:
    """The photos that an archive's links give: path -> the file it leads to, None if that is not there.

    `links`: as in `follow`. `files`: all files that links may lead to; `members`: those that are photos themselves.
    A link to a folder gives the folder's photos, unless they are listed already. InputError if links multiply.
    """
    found: dict[str, str | None] = {}
    folders: list[tuple[str, str | None]] = []
    for link in sorted(links):
        real = follow(link, links)
        if real in files:
            if wanted(link):
                found[link] = real
        else:
            folders.append((link, real))
    in_order = sorted([*files, *found]) if folders else []
    for link, real in folders:
        inside = [path for path in below(real, in_order) if wanted(path, within=real)] if real is not None else []
        if inside and any(path in members or path in found for path in inside):
            aside.add("again", link)
        elif inside:
            assert real is not None
            found |= {link + path[len(real) :]: found.get(path, path) for path in inside}
        elif wanted(link):
            if named_like_an_image(link):
                found[link] = None
            else:
                aside.add("nowhere", link)
        if len(found) > MOST_MEMBERS:
            raise InputError(f"{name}: its links give over {MOST_MEMBERS:,} images; pack it without links")
    return found


def refuse_many_members(path: Path, name: str) -> None:
    """InputError if a zip has more members than fit into memory: their list, at the file's end, is counted first."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END))
        end = file.read()
        at, wide = end.rfind(b"PK\5\6"), end.rfind(b"PK\6\6")  # the second is zip64's
        listed = 0 if at < 0 else int.from_bytes(end[at + 12 : at + 16], "little")
        if wide >= 0:
            listed = max(listed % 0xFFFFFFFF, int.from_bytes(end[wide + 40 : wide + 48], "little"))
        n = MOST_MEMBERS + 1 if listed > min(MOST_LISTED, size) and listed <= size else 0
        file.seek(max(0, size - _END - min(listed, MOST_LISTED)))
        while block := file.read(1 << 24):
            n += block.count(b"PK\1\2")
    if n > MOST_MEMBERS:
        raise InputError(f"{name}: over {MOST_MEMBERS:,} members in one zip; pack it as several tars")


def _refuse_bombs(path: Path, members: Iterable[zipfile.ZipInfo | None], name: str) -> None:
    """InputError if the photos unpack to many times the size of the zip."""
    unpacked = sum(info.file_size for info in members if info is not None and info.file_size <= MAX_BYTES)
    if unpacked > most_unpacked(path):
        raise too_much(name, most_unpacked(path))


def most_unpacked(path: Path) -> int:
    """Bytes that an archive may unpack to."""
    return max(MOST_UNPACKED, MOST_TIMES * path.stat().st_size)


def too_much(name: str, most: int) -> InputError:
    """The error for an archive that unpacks to more."""
    return InputError(
        f"{name}: unpacks to over {most // 2**20:,} MiB, many times its size; unpack it and give the folder"
    )


def too_large() -> ImageError:
    """The reason of a member that is not read."""
    return ImageError("too large", f"a member over {MAX_BYTES // 2**20} MiB")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int | None = None) -> bytes | ImageError:
    most = MAX_BYTES if most is None else most
    if info.flag_bits & 0x1:
        return ImageError("unreadable", "encrypted")
    if info.file_size > most:
        return too_large()
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile limits how much it unpacks at once for these two only
        return ImageError("unreadable", f"compression method {info.compress_type}; use deflate")
    try:
        with archive.open(info) as file:
            data = file.read(most + 1)
    except Exception as error:  # a damaged member may raise any type
        return unreadable(error)
    return data if len(data) <= most else too_large()


def inside_path(name: str, *, dos: bool = False) -> str | None:
    """A member's path with POSIX separators and without "./"; None if nothing is left. `dos`: backslashes separate."""
    name = name.replace("\\", "/") if dos else name
    return "/".join(part for part in name.split("/") if part not in ("", ".")) or None


def wanted(inside: str, within: str = "") -> bool:
    """Whether a member may be an image: by its name, and in no hidden folder (below the folder `within`)."""
    *folders, name = inside[len(within) :].strip("/").split("/")
    return is_candidate(name) and not any(is_hidden(folder) for folder in folders if folder != "..")


def see_others(paths: Iterable[str], aside: Aside) -> None:
    """Count the members that are no photos."""
    for path in sorted(paths):
        *folders, _ = path.split("/")
        hidden = [folder for folder in folders if folder != ".." and is_hidden(folder)]
        if not hidden:
            aside.see(path)
        elif named_like_an_image(path):
            aside.see_hidden_folder(f"{path.partition(hidden[0])[0]}{hidden[0]}")


def damaged(name: str, error: Exception) -> InputError:
    """The error for an archive that cannot be listed."""
    if isinstance(error, PermissionError):
        return InputError(f"{name}: no permission to read it; change its permissions")
    said = shown(str(error) or type(error).__name__)[:200]
    return InputError(f"{name}: the archive is damaged or incomplete ({said}); pack or download it again")
