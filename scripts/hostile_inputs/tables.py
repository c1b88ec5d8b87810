"""Manifests, tables with image columns, arrays and records."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from hostile_inputs.harm import JSON_TEXTS, harm, name
from hostile_inputs.kind import MARK, OUTSIDE, Draw, Kind, Planted, chance, pick
from hostile_inputs.members import PEOPLE, Mark, members, read, write_members
from hostile_inputs.pictures import face, saved


def _cells(draw: Draw) -> list[list[str]]:
    rows = [[path, path.partition("/")[0], "training"] for path in members()]
    for _ in range(int(draw.integers(0, 4))):
        row, column = int(draw.integers(len(rows))), int(draw.integers(3))
        odd = (
            "",
            "heldout",
            "anna/0.png",
            "/dev/zero",
            "/dev/stdin",
            "anna",
            ".",
            "./anna/0.png",
            "9" * 5000,
            "x" * 200_000,
        )
        rows[row][column] = str(pick(draw, (name(draw), *odd)))
    return rows


def plant_csv(draw: Draw, folder: Path, _: Any) -> Planted:
    write_members(folder)
    at = folder / "set.csv"
    buffer = io.StringIO()
    head = pick(
        draw,
        (
            ["path", "person", "role"],
            ["path", "person", "role"],
            ["Path ", "PERSON", "role"],
            ["path", "path", "role"],
            [name(draw), "person", "role"],
        ),
    )
    comma = pick(draw, (",", ",", ",", ";", "\t", "|"))
    writer = csv.writer(buffer, delimiter=comma, lineterminator=pick(draw, ("\r\n", "\n", "\r")), escapechar="\\")
    writer.writerows([head, *_cells(draw)])
    data = buffer.getvalue().encode(pick(draw, ("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")), "replace")
    note = f"head {head}, delimiter {comma!r}"
    if chance(draw, 0.4):
        data, more = harm(draw, data)
        note += f"; {more}"
    odd = pick(draw, ("", "", "", "", "", "", "fifo", "quote", "sparse", "wide", "nul"))
    if odd == "quote":
        data += b'"' + b"x" * 300_000
    elif odd == "wide":
        data = b"," * 1_000_000 + b"\n" + data
    elif odd == "nul":
        data += bytes(1000)
    if odd == "fifo":
        os.mkfifo(at)
    else:
        at.write_bytes(data)
    if odd == "sparse":
        os.truncate(at, 20 << 30)
    ascii_note = f"{note}; {odd}".encode("ascii", "backslashreplace").decode()[:300]
    return Planted(ascii_note, lambda: read(at), follows_paths=True)


def _odd_table(draw: Draw, columns: dict[str, Any]) -> Any:
    import pyarrow as pa

    kinds = (
        pa.int64(),
        pa.float64(),
        pa.bool_(),
        pa.null(),
        pa.list_(pa.string()),
        pa.timestamp("s"),
        pa.large_string(),
        pa.dictionary(pa.int8(), pa.string()),
    )
    if chance(draw, 0.3):
        column, kind = pick(draw, tuple(columns)), pick(draw, kinds)
        n = len(next(iter(columns.values())))
        value = {
            pa.int64(): 7,
            pa.float64(): float("nan"),
            pa.bool_(): True,
            pa.list_(pa.string()): ["x"],
            pa.timestamp("s"): 0,
        }
        text = "anna" if kind in (pa.large_string(), kinds[-1]) else value.get(kind)
        columns[column] = pa.array([text] * n, kind)
    return pa.table(columns)


def plant_parquet(draw: Draw, folder: Path, _: Any) -> Planted:
    import pyarrow.parquet as pq

    write_members(folder)
    at = folder / "set.parquet"
    rows = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in _cells(draw)]
    table = _odd_table(draw, dict(zip(("path", "person", "role"), map(list, zip(*rows, strict=True)), strict=True)))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=pick(draw, ("none", "snappy", "zstd", "gzip")))
    data, note = buffer.getvalue(), "odd cells"
    if chance(draw, 0.7):
        data, note = harm(draw, data, saved("png"))
    at.write_bytes(data)
    return Planted(note, lambda: read(at), follows_paths=True)


@cache
def _image_table(form: str, variant: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells: list[Any] = list(members().values())
    paths = list(members())
    if variant % 2:
        cells = [{"bytes": data, "path": path} for path, data in members().items()]
    features = {"info": {"features": {"label": {"_type": "ClassLabel", "names": list(PEOPLE)}}}}
    labels: Any = [path.partition("/")[0] for path in paths] if variant % 3 else pa.array([i // 3 for i in range(9)])
    meta = {} if variant % 3 else {b"huggingface": json.dumps(features).encode()}
    table = pa.table({"image": cells, "label": labels}).replace_schema_metadata(meta)
    buffer = io.BytesIO()
    if form == "parquet":
        pq.write_table(
            table,
            buffer,
            compression=("none", "snappy", "zstd")[variant % 3],
            row_group_size=4,
            write_page_checksum=bool(variant % 2),
        )
    else:
        kind = pa.ipc.new_stream if variant % 2 else pa.ipc.new_file
        with kind(buffer, table.schema) as writer:
            writer.write_table(table, 4)
    return buffer.getvalue()


def plant_columns(form: str, draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / f"set.{form}"
    if chance(draw, 0.8):
        data, note = harm(draw, _image_table(form, int(draw.integers(6))), saved("png"))
        at.write_bytes(data)
        return Planted(note, lambda: read(at))
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells: list[Any] = [
        pick(draw, (data, None, b"", b"x", {"bytes": None, "path": "/etc/passwd"})) for data in members().values()
    ]
    as_struct = [
        cell if isinstance(cell, dict) else {"bytes": cell, "path": name(draw).encode("utf-8", "replace").decode()}
        for cell in cells
    ]
    columns: dict[str, Any] = {
        "image": as_struct,
        "label": [pick(draw, ("a", "b", name(draw).encode("utf-8", "replace").decode())) for _ in cells],
    }
    features = str(pick(draw, JSON_TEXTS)).encode("utf-8", "surrogatepass")
    table = _odd_table(draw, columns).replace_schema_metadata({b"huggingface": features})
    if form == "parquet":
        pq.write_table(table, at)
    else:
        with pa.ipc.new_file(str(at), table.schema) as writer:
            writer.write_table(table)
    return Planted("odd cells", lambda: read(at))


def plant_arrays(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / pick(draw, ("samples.npz", "samples.npz", "samples.npy"))
    pictures = np.stack([np.asarray(face(i, 0, 32)) for i in range(4)])
    buffer = io.BytesIO()
    how = pick(draw, ("plain", "pickle", "float", "shape", "names", "header", "huge"))
    mark = folder.parent / OUTSIDE / MARK
    if at.suffix == ".npy":
        np.save(buffer, np.array([Mark(mark)], object) if how == "pickle" else pictures, allow_pickle=True)
    elif how == "pickle":
        np.savez(buffer, arr_0=np.array([Mark(mark)], object))
    elif how == "float":
        np.savez(buffer, arr_0=pictures / pick(draw, (1, 255, np.nan)))
    elif how == "shape":
        np.savez(buffer, arr_0=pictures.reshape(pick(draw, ((4, 3, 32, 32), (-1,), (1, 4, 32, 32, 3), (32, 32, 12)))))
    elif how in ("names", "plain"):
        odd = name(draw).replace("\0", "").replace("/", "_")[:50].encode("ascii", "replace").decode() or "x"
        arrays: dict[str, Any] = {"arr_0" if how == "plain" else odd: pictures, "arr_1": np.arange(4)}
        np.savez_compressed(buffer, **arrays)
    if how in ("header", "huge"):
        shape = (
            "(99999999999, 32, 32, 3)"
            if how == "huge"
            else str(pick(draw, ("(" * 9000, "__import__('os')", "(4, 32, 32, 3", "(-4, 32, 32, 3)")))
        )
        head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
        npy = b"\x93NUMPY\1\0" + struct.pack("<H", len(head) % 65536) + head + pictures.tobytes()
        buffer = io.BytesIO(npy)
        if at.suffix == ".npz":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("arr_0.npy", npy)
    whole, note = buffer.getvalue(), how
    data = whole
    if chance(draw, 0.5) and how != "pickle":
        data, note = harm(draw, data)
    at.write_bytes(data)

    def check(found: dict[str, str]) -> str | None:
        """The pictures of a damaged zip of arrays are those of the whole one (CRC)."""
        if data == whole or at.suffix == ".npy":
            return None
        at.write_bytes(whole)
        strange = set(found.values()) - set(read(at).values())
        return f"{len(strange)} pictures that nobody wrote" if any(len(got) == 64 for got in strange) else None

    return Planted(note, lambda: read(at), check)


def plant_records(draw: Draw, folder: Path, _: Any) -> Planted:
    """InsightFace's train.rec and train.idx."""
    body, index = b"", []
    for i, data in enumerate(members().values(), start=1):
        index.append(f"{i}\t{len(body)}\n")
        payload = (
            struct.pack(
                "<IfQQ", pick(draw, (0, 0, 0, 2, 2**31)), float(pick(draw, (i // 3, i // 3, np.nan, -1, 1e30))), i, 0
            )
            + data
        )
        body += struct.pack("<II", 0xCED7230A, len(payload)) + payload + bytes(-len(payload) % 4)
    notes = []
    idx = "".join(index).encode()
    if chance(draw, 0.7):
        body, note = harm(draw, body)
        notes.append(note)
    if chance(draw, 0.5):
        idx, note = harm(draw, idx)
        notes.append(f"index: {note}")
    (folder / "train.rec").write_bytes(body)
    if chance(draw, 0.9):
        (folder / "train.idx").write_bytes(idx)
    (folder / "property").write_text(str(pick(draw, ("3,112,112", "x", "9" * 5000))))
    where = pick(draw, (folder, folder / "train.rec", folder / "train.idx"))
    return Planted("; ".join(notes)[:300], lambda: read(where))


@cache
def _lmdb_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with lmdb.open(folder, map_size=2**24, lock=False) as made, made.begin(write=True) as writing:
            for path, data in (members() | {f"short/{i:03d}": bytes(120 + i) for i in range(200)}).items():
                writing.put(path.encode(), data)
        return (Path(folder) / "data.mdb").read_bytes()


def plant_lmdb(draw: Draw, folder: Path, _: Any) -> Planted:
    """Damage, and numbers in the places of pages and nodes."""
    data, note = harm(draw, _lmdb_bytes())
    for _again in range(int(draw.integers(4))):
        at = 4096 * int(draw.integers(1 + len(data) // 4096)) + 2 * int(draw.integers(60))
        number = struct.pack("<Q", int(pick(draw, (0, 1, 2, 3, 2**16 - 1, 2**31, 2**63, 2**64 - 1))))[
            : pick(draw, (2, 4, 8))
        ]
        data = data[:at] + number + data[at + len(number) :]
        note += f"; {number.hex()} at {at}"
    (folder / "data.mdb").write_bytes(data)
    odd = pick(draw, ("", *[""] * 12, "sparse", "fifo"))
    if odd == "sparse":
        os.truncate(folder / "data.mdb", 20 << 30)
    elif odd:
        (folder / "data.mdb").unlink()
        os.mkfifo(folder / "data.mdb")
    where = pick(draw, (folder, folder / "data.mdb"))
    return Planted(f"{note} {odd}"[:300], lambda: read(where))


KINDS = (
    Kind("source: CSV", "sources", plant_csv, 1.5),
    Kind("source: Parquet manifest", "sources", plant_parquet),
    Kind("source: Parquet images", "sources", lambda d, f, w: plant_columns("parquet", d, f, w), 1.2),
    Kind("source: Arrow images", "sources", lambda d, f, w: plant_columns("arrow", d, f, w), 1.2),
    Kind("source: npz", "sources", plant_arrays, 0.7, "pictures that were written (CRC)"),
    Kind("source: rec", "sources", plant_records, 0.5),
    Kind("source: LMDB", "sources", plant_lmdb, 0.7),
)
