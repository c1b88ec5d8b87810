"""Zips of images."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_inputs.harm import harm, name
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from hostile_inputs.members import members, only_ours, read, small
from hostile_inputs.pictures import saved


def zipped(method: int = zipfile.ZIP_DEFLATED, more: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in (members() | (more or {})).items():
            archive.writestr(path, data)
    return buffer.getvalue()


@cache
def _zipped(method: int) -> bytes:
    return zipped(method)


def plant_zip(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / pick(draw, ("set.zip", "set.zip", "set", "set.png"))
    if chance(draw, 0.55):
        data, note = harm(draw, _zipped(pick(draw, (0, 8))), saved("png"))
        at.write_bytes(data)
        return Planted(note, lambda: read(at), only_ours)
    how = pick(draw, tuple(_ZIP))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = _ZIP[how](draw)
    at.write_bytes(data)
    return Planted(how, lambda: read(at))


def _named_zip(draw: Draw) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members().items():
            text = name(draw) + ".png" if chance(draw, 0.5) else path
            info = zipfile.ZipInfo("x")
            info.filename = text.replace("\0", "") if chance(draw, 0.5) else text
            info.filename = info.filename.encode("utf-8", "backslashreplace").decode()
            info.create_system = int(draw.integers(4))
            info.external_attr = int(pick(draw, (0, 0o100644, 0o120777, 0o040755, 0o010644, 0o020666, 0o140777))) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


@cache
def _bomb_zip(n: int, megabytes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(n):
            with archive.open(f"p{i}/x.png", "w") as file:
                for _ in range(megabytes):
                    file.write(bytes(1 << 20))
    return buffer.getvalue()


def _patched(draw: Draw, sign: bytes, places: dict[int, int], *, many: bool = False) -> bytes:
    """Fields of the headers that begin with `sign`: offset -> length, one of them overwritten."""
    data = bytearray(_zipped(pick(draw, (0, 8))))
    found = [i for i in range(len(data)) if data[i : i + 4] == sign]
    at, length = pick(draw, tuple(places.items()))
    for start in found if many else [pick(draw, found)]:
        value = pick(draw, (2**32 - 1, 2**31, 0, 1, int(draw.integers(2**32))))
        data[start + at : start + at + length] = (value % (1 << 8 * length)).to_bytes(length, "little")
    return bytes(data)


def zipfile_empty() -> bytes:
    return b"PK\5\6" + bytes(18)


def zipped_twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for _ in range(2):
            for path, data in members().items():
                archive.writestr(path, data)
    return buffer.getvalue()


@cache
def _many_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(60_000):
            archive.writestr(f"{i // 10}/{i}", b"")
    return buffer.getvalue()


@cache
def _overlapping() -> bytes:
    """A thousand entries that name the same compressed 50 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000.png", bytes(50 << 20))
        first = archive.infolist()[0]
        for i in range(1, 200):
            copy = zipfile.ZipInfo(f"{i:04d}.png")
            for key in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(copy, key, getattr(first, key))
            archive.filelist.append(copy)
            archive.NameToInfo[copy.filename] = copy
    return buffer.getvalue()


_CENTRAL = {6: 2, 8: 2, 10: 2, 16: 4, 20: 4, 24: 4, 28: 2, 30: 2, 32: 2, 38: 4, 42: 4}
_ZIP: dict[str, Callable[[Draw], bytes]] = {
    "names": _named_zip,
    "more names": _named_zip,
    "a field of the list": lambda draw: _patched(draw, b"PK\1\2", _CENTRAL),
    "fields of the list": lambda draw: _patched(draw, b"PK\1\2", _CENTRAL, many=True),
    "a field of a member": lambda draw: _patched(draw, b"PK\3\4", {6: 2, 8: 2, 14: 4, 18: 4, 22: 4, 26: 2, 28: 2}),
    "a field of the end": lambda draw: _patched(draw, b"PK\5\6", {4: 2, 8: 2, 10: 2, 12: 4, 16: 4, 20: 2}),
    "250 MB a member": lambda _: _bomb_zip(3, 250),
    "300 MB a member": lambda _: _bomb_zip(1, 300),
    "one member a thousand times": lambda _: _overlapping(),
    "60,000 members": lambda _: _many_zip(),
    "bzip2": lambda _: zipped(zipfile.ZIP_BZIP2),
    "lzma": lambda _: zipped(zipfile.ZIP_LZMA),
    "a zip inside": lambda _: zipped(more={"dora/x.zip": _zipped(8), "dora/y.png": _zipped(0)}),
    "nothing": lambda _: zipfile_empty(),
    "something before it": lambda draw: draw.bytes(5000) + _zipped(8),
    "something after it": lambda draw: _zipped(8) + draw.bytes(50),
    "two of one name": lambda _: zipped_twice(),
    "case": lambda _: zipped(more={"ANNA/0.png": small(2, 2), "Anna/0.PNG": small(1, 1)}),
    "a comment": lambda _: _zipped(8)[:-2] + b"\xff\xff" + bytes(65535),
}
KINDS = (Kind("source: zip", "sources", plant_zip, 1.5, "contents that were written (CRC)"),)
