"""Tars of images, plain, compressed, and WebDataset's."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_inputs.harm import DEEP, JSON_TEXTS, MARKUP, TRAVERSAL, harm, name
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from hostile_inputs.members import PEOPLE, all_ours, members, only_ours, read, small
from hostile_inputs.pictures import saved


def tarred(files: dict[str, bytes] | None = None, form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for path, data in (members() if files is None else files).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@cache
def _tarred(form: int) -> bytes:
    return tarred(form=form)


SQUEEZED: dict[str, Callable[[bytes], bytes]] = {
    ".tar": lambda data: data,
    ".tar.gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".tar.bz2": lambda data: bz2.compress(data, 1),
    ".tar.xz": lambda data: lzma.compress(data, preset=0),
}


def plant_tar(suffix: str, draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / f"set{suffix}"
    form = pick(draw, (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT))
    how = draw.random()
    if how < 0.5:
        data, note = harm(draw, SQUEEZED[suffix](_tarred(form)), saved("png"))
        at.write_bytes(data)
        squeezed = suffix != ".tar"

        def check(found: dict[str, str]) -> str | None:
            strange = only_ours(found) if squeezed else None
            whole = all_ours(found) if squeezed or note.startswith("cut to") else None
            return strange or whole

        return Planted(note, lambda: read(at), check)
    if how < 0.65:
        data, note = harm(draw, _tarred(form), saved("png"))
        at.write_bytes(SQUEEZED[suffix](data))
        return Planted(f"before it was packed: {note}", lambda: read(at))
    what = pick(draw, tuple(_BOMBS) if chance(draw, 0.05) else tuple(what for what in _TAR if what not in _BOMBS))
    data = _TAR[what](draw)
    at.write_bytes(SQUEEZED[suffix](data) if what not in _BOMBS else data)
    return Planted(what, lambda: read(at))


def _header(path: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0, **more: Any) -> bytes:
    info = tarfile.TarInfo(path)
    info.type, info.linkname, info.size = kind, link, size
    for key, value in more.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _with_odd_members(draw: Draw) -> bytes:
    data = b""
    for _ in range(int(draw.integers(1, 6))):
        kind = pick(draw, (b"0", b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"S", b"V", b"M", b"\0", b"Z"))
        link = str(pick(draw, (*TRAVERSAL, "anna/0.png", "anna", ".", "", "zed/x.png"))) if kind in (b"1", b"2") else ""
        path = name(draw).replace("\0", "") + str(pick(draw, (".png", "", "/x.png")))
        content = small(0, 0) if kind in (b"0", b"7", b"\0") else b""
        size = len(content) if chance(draw, 0.8) else int(pick(draw, (2**33, 2**40, 0, 1, 2**62)))
        try:
            data += _header(path, kind, link, size) + content + bytes(-len(content) % 512)
        except (ValueError, UnicodeError):
            continue
    return data + _tarred(tarfile.GNU_FORMAT)


def _pax(draw: Draw) -> bytes:
    key = pick(
        draw,
        ("path", "size", "linkpath", "GNU.sparse.size", "GNU.sparse.map", "mtime", "hdrcharset", "GNU.sparse.major"),
    )
    value = str(pick(draw, ("-1", "9" * 4000, "nan", "../../x.png", "0,99999999999", "BINARY", "1e999", *MARKUP, "\0")))
    record = f" {key}={value}\n".encode()
    length = len(record) + len(str(len(record) + 3))
    body = str(pick(draw, (length, length, length, 0, 10**9, -5))).encode() + record
    kind = pick(draw, (b"x", b"g"))
    return _header("pax", kind, size=len(body)) + body + bytes(-len(body) % 512) + _tarred(tarfile.USTAR_FORMAT)


def _long_name(draw: Draw) -> bytes:
    n = int(pick(draw, (5000, 10_000, 1 << 20, 100 << 20)))
    return _header("././@LongLink", b"L", size=n) + b"a/" * (n // 2) + bytes(-n % 512) + _tarred(tarfile.GNU_FORMAT)


def _sizes(draw: Draw) -> bytes:
    data = bytearray(_tarred(tarfile.GNU_FORMAT))
    starts = [i for i in range(0, len(data), 512) if data[i + 257 : i + 262] == b"ustar"]
    at = pick(draw, starts)
    data[at + 124 : at + 136] = pick(
        draw, (b"\x80" + b"\xff" * 11, b"\xff" * 12, b"77777777777\0", b"-0000000001\0", b"\x80" + bytes(11))
    )
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


@cache
def _bomb(kind: str) -> bytes:
    """A tar whose first member is zeros without end, packed into a little."""
    head = _header("big/zeros.png", size=2**42)
    zeros = bytes(16 << 20)
    if kind == ".tar.gz":
        return gzip.compress(head, mtime=0) + gzip.compress(zeros, 9, mtime=0) * 400
    if kind == ".tar.bz2":
        return bz2.compress(head) + bz2.compress(zeros) * 20_000
    return lzma.compress(head) + lzma.compress(zeros, preset=1) * 400


@cache
def _long_bomb() -> bytes:
    """200 MB of one GNU long name, packed."""
    n = 200 << 20
    return (
        gzip.compress(_header("././@LongLink", b"L", size=n), mtime=0)
        + gzip.compress(b"a" * (20 << 20), 9, mtime=0) * 10
    )


@cache
def _many_tar() -> bytes:
    return tarred({f"{i // 10}/{i}": b"" for i in range(50_000)})


_BOMBS = {"gzip bomb": ".tar.gz", "bzip2 bomb": ".tar.bz2", "xz bomb": ".tar.xz", "long name bomb": ""}
_TAR: dict[str, Callable[[Draw], bytes]] = {
    "odd members": _with_odd_members,
    "more odd members": _with_odd_members,
    "pax": _pax,
    "more pax": _pax,
    "a long name": _long_name,
    "odd sizes": _sizes,
    "no end": lambda _: _tarred(tarfile.GNU_FORMAT).rstrip(b"\0"),
    "zeros in the middle": lambda _: (
        _tarred(tarfile.GNU_FORMAT)[:2048] + bytes(1024) + _tarred(tarfile.GNU_FORMAT)[2048:]
    ),
    "twice": lambda _: _tarred(tarfile.GNU_FORMAT) * 2,
    "only an end": lambda _: bytes(10240),
    "50,000 members": lambda _: _many_tar(),
    "deep": lambda _: tarred({"d/" * 3000 + "x.png": b""}),
    "gzip bomb": lambda _: _bomb(".tar.gz"),
    "bzip2 bomb": lambda _: _bomb(".tar.bz2"),
    "xz bomb": lambda _: _bomb(".tar.xz"),
    "long name bomb": lambda _: _long_bomb(),
}


def plant_shards(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / "shards"
    at.mkdir()
    notes = []
    for shard in range(2):
        files: dict[str, bytes] = {}
        for i, data in enumerate(members().values()):
            key = f"{shard}{i:03d}"
            files[f"{key}.png"] = data
            said: Any = {"person": PEOPLE[i % 3]}
            text = json.dumps(said).encode()
            if chance(draw, 0.04):
                text = str(pick(draw, (*JSON_TEXTS, *_PERSONS))).encode("utf-8", "surrogatepass")
                notes.append(f"{key}: {text[:30]!r}")
            files[f"{key}{pick(draw, (*['.json'] * 40, '.cls', '.txt'))}"] = text
        if chance(draw, 0.1):
            files[name(draw).replace("\0", "").encode("utf-8", "replace").decode()[:5000] + ".json"] = DEEP.encode()
        data = tarred(files)
        if chance(draw, 0.3):
            data, note = harm(draw, data)
            notes.append(note)
        (at / f"s-{shard:05d}.tar").write_bytes(data)
    extra = pick(draw, ("", "", "fifo", "folder", "missing", "link", "info"))
    if extra == "fifo":
        os.mkfifo(at / "s-00002.tar")
    elif extra == "folder":
        (at / "s-00003.tar").mkdir()
    elif extra == "missing":
        (at / "s-00000.tar").rename(at / "s-00000-of-00009.tar")
    elif extra == "link":
        (at / "s-00004.tar").symlink_to("nowhere")
    elif extra == "info":
        (at / "dataset_info.json").write_text(DEEP)
    ranges = (
        "s-{00000..00001}.tar",
        "*.tar",
        "s-{0..99999999999}.tar",
        "s-{1..0}.tar",
        "[",
        "**/*",
        "s-{00000..00005}.tar",
    )
    where = at / pick(draw, ("", "", "", *ranges))
    return Planted("; ".join([*notes, extra])[:300], lambda: read(where))


_PERSONS = (
    '{"person": 17}',
    '{"identity": 17, "person": "  "}',
    '{"person": ["x"]}',
    '{"person": "\\ud800"}',
    '{"person": "a\\u0000b"}',
    '{"person": ' + "9" * 5000 + "}",
    json.dumps({"person": MARKUP[0]}),
    json.dumps({"person": "x" * 100_000}),
    json.dumps({"person": "../../x"}),
)


def _tar_kind(suffix: str) -> Kind:
    oracle = "nothing missing, if it was cut off" if suffix == ".tar" else "the same contents, nothing missing"
    return Kind(f"source: {suffix}", "sources", lambda d, f, w: plant_tar(suffix, d, f, w), 1.0, oracle)


KINDS = (*map(_tar_kind, SQUEEZED), Kind("source: WebDataset", "sources", plant_shards, 1.5))
