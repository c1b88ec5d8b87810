"""The store of embeddings, and tables of them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import harm
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from probablyexists.embeddings.store import Row, Store

DIM = 16


def rows() -> list[Row]:
    draw = np.random.default_rng(3)
    found = []
    for i in range(12):
        vector = draw.normal(size=DIM).astype(np.float32)
        picture = draw.integers(0, 255, (2, 48, 48)).astype(np.uint8)
        key = hashlib.sha256(bytes([i])).digest()
        found.append(Row(key, "no face found", 0, None, None) if i % 5 == 4 else Row(key, None, 1, vector, picture))
    return found


@cache
def _rows() -> tuple[Row, ...]:
    return tuple(rows())


MADE_WITH: dict[str, str | int] = {"recogniser": "test/1", "faces": "aligned"}


def make_store(folder: Path) -> None:
    for start in range(0, 12, 4):
        Store(folder, MADE_WITH, DIM).add(_rows()[start : start + 4])


def _same_rows(got: Any) -> str | None:
    """Every row that the store gives is the one that was put in."""
    for row in _rows():
        at = got.row_of.get(row.sha256)
        if at is None:
            continue  # it will be embedded again
        same = got.reasons[at] == row.reason and got.n_faces[at] == row.n_faces
        if row.embedding is not None and row.picture is not None:
            same &= np.array_equal(got.embeddings[at], row.embedding) and np.array_equal(got.pictures[at], row.picture)
        if not same:
            return "another row than was stored"
    return None


def plant_store(draw: Draw, folder: Path, world: Any) -> Planted:
    at = folder / "cache"
    shutil.copytree(world.base / "store", at)
    (home,) = (at / "embeddings").iterdir()
    parts, lists = sorted(home.glob("*.parquet")), sorted(home.glob("*.keys"))
    path = pick(draw, (*parts, *lists, home / "made_with.json"))
    how = pick(
        draw,
        ("harm", "harm", "harm", "gone", "fifo", "folder", "empty", "swap", "own hash", "foreign", "link", "sparse"),
    )
    late = chance(draw, 0.4)

    def damage() -> None:
        data = path.read_bytes()
        if how == "harm":
            path.write_bytes(harm(draw, data)[0])
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "swap":
            other = pick(draw, parts if path in parts else lists)
            path.write_bytes(other.read_bytes())
        elif how == "own hash":
            _crafted(draw, home)
        elif how == "foreign":
            (home / pick(draw, ("part-x.parquet", "note.txt", ".part-1.parquet.x.part"))).write_bytes(draw.bytes(100))
        elif how == "sparse":
            os.truncate(path, 20 << 30)
        else:
            path.unlink()
            if how == "fifo":
                os.mkfifo(path)
            elif how == "folder":
                path.mkdir()
            elif how == "link":
                path.symlink_to(pick(draw, (path.name, "nowhere", "/dev/zero")))

    def read() -> Any:
        if not late:
            damage()
        store = Store(at, MADE_WITH, DIM)
        if late:
            damage()
        got = store.read([row.sha256 for row in _rows()])
        store.add([row for row in _rows() if row.sha256 not in store])
        return got

    note = f"{path.name[:9]}{path.suffix}: {how}{', after it was opened' if late else ''}"
    return Planted(note, read, _same_rows, follows_paths=how == "link")


def _crafted(draw: Draw, home: Path) -> None:
    """A part whose name fits its content, but not what a part is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = _rows()[0]
    columns: dict[str, Any] = {
        "sha256": pa.array([b"x" * 32], pa.binary(32)),
        "reason": pa.array([None], pa.string()),
        "n_faces": pa.array([1], pa.int32()),
        "embedding": pa.array([row.embedding], pa.list_(pa.float32(), DIM)),
        "picture": pa.array([bytes(2 * 48 * 48)], pa.binary(2 * 48 * 48)),
    }
    which = pick(draw, tuple(columns))
    if chance(draw, 0.5):
        del columns[which]
    else:
        columns[which] = pa.array([pick(draw, (None, "x", 7, 1.5))])
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    data = pick(draw, (buffer.getvalue(), draw.bytes(500), b""))
    (home / f"part-{hashlib.sha256(data).hexdigest()}.parquet").write_bytes(data)


def make_tables(folder: Path) -> None:
    from probablyexists import match
    from probablyexists.embeddings.parquet_vectors import table_folder

    draw = np.random.default_rng(4)
    for which, n in (("queries", 300), ("references", 500)):
        for start in range(0, n, 250):
            many = min(250, n - start)
            vectors = draw.normal(size=(many, DIM)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            paths = [f"{which}/{start + i}.png" for i in range(many)]
            columns = {
                "path": paths,
                "person": [None] * many,
                "sha256": ["0" * 64] * many,
                "n_faces": np.ones(many, np.int32),
            }
            table_folder(str(folder / which)).write(
                f"part-{start:012d}.parquet", columns, {"recogniser": "test/1"}, embedding=vectors
            )
    match(str(folder / "queries"), str(folder / "references"), str(folder / "matches"), k=2, threads=1)


def matches(folder: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(folder)
    return {column: np.asarray(table[column].combine_chunks().flatten()) for column in ("similarity", "reference")}


def plant_tables(draw: Draw, folder: Path, world: Any) -> Planted:
    from probablyexists import match

    base = world.base / "tables"
    for which in ("queries", "references"):
        shutil.copytree(base / which, folder / which)
    where = pick(draw, ("queries", "references"))
    path = pick(draw, sorted((folder / where).iterdir()))
    how = pick(
        draw, ("harm", "harm", "harm", "harm", "values", "fifo", "folder", "gone", "resumed", "kind", "sparse", "text")
    )
    note, judged, out = f"{where}: {how}", how in ("harm", "resumed"), folder / "out"
    if how == "harm":
        data, said = harm(draw, path.read_bytes())
        path.write_bytes(data)
        note += f": {said}"
    elif how in ("values", "kind"):
        note += _odd_vectors(draw, path, how)
    elif how == "resumed":
        shutil.copytree(base / "matches", out)
        (file,) = out.iterdir()
        data, said = harm(draw, file.read_bytes())
        file.write_bytes(data)
        note += f": {said}"
    elif how == "sparse":
        os.truncate(path, 20 << 30)
    elif how == "text":
        path.write_text("no table")
    else:
        path.unlink()
        if how == "fifo":
            os.mkfifo(path)
        elif how == "folder":
            path.mkdir()
    if how == "gone":
        (folder / where / "part-000000000000.parquet").unlink(missing_ok=True)
        (folder / where / "part-000000000250.parquet").unlink(missing_ok=True)
    right = matches(base / "matches")

    def read() -> Any:
        match(str(folder / "queries"), str(folder / "references"), str(out), k=2, threads=1)
        return matches(out) if how != "resumed" or not _damaged_only(out) else right

    def check(got: Any) -> str | None:
        if not all(np.isfinite(got["similarity"])):
            return "a similarity that is not finite"
        if judged and not all(np.array_equal(got[key], right[key]) for key in right):
            return "other numbers"
        return None

    return Planted(note, read, check)


def _damaged_only(out: Path) -> bool:
    """Whether the earlier matches cannot even be opened: then nothing wrong was read from them."""
    try:
        matches(out)
    except Exception:
        return True
    return False


def _odd_vectors(draw: Draw, path: Path, how: str) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 20
    vectors = np.random.default_rng(5).normal(size=(n, DIM)).astype(np.float32)
    value = pick(draw, (np.nan, np.inf, -np.inf, 0, 1e38, 1e-44, 3.0))
    if chance(draw, 0.5):
        vectors[int(draw.integers(n))] = value
    else:
        vectors[int(draw.integers(n)), 0] = value
    column: Any = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    if how == "kind":
        column = pick(
            draw,
            (
                pa.array(vectors.tolist(), pa.list_(pa.float32())),
                pa.array(vectors.tolist(), pa.list_(pa.float64(), DIM)),
                pa.array([None, *vectors[1:].tolist()], pa.list_(pa.float32(), DIM)),
                pa.array([[None] * DIM, *vectors[1:].tolist()], pa.list_(pa.float32(), DIM)),
                pa.array(["x"] * n),
                pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(0, np.float32)), 1)[:0],
            ),
        )
    meta = pick(draw, ({b"recogniser": b"test/1"}, {b"recogniser": b"\xff\xfe"}, {b"recogniser": b"\x1b[31m\n"}, {}))
    pq.write_table(pa.table({"embedding": column}).replace_schema_metadata(meta), path)
    return f" {value} {meta}"


def _store(world: Any) -> object:
    return world.made("store", make_store)


def _tables(world: Any) -> object:
    return world.made("tables", make_tables)


KINDS = (
    Kind("the store", "store", plant_store, 1.2, "the same rows", heavy=_store),
    Kind("embed/match tables", "store", plant_tables, 1.5, "the same numbers", heavy=_tables),
)
