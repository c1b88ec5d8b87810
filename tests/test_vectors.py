"""Embeddings on disk: slices are what was written, and matching never needs all of them at once."""

from __future__ import annotations

import dataclasses
import errno
import os
import pickle
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import probablyexists
from probablyexists.basis.errors import InputError, WriteError
from probablyexists.embeddings.parquet_vectors import ParquetVectors, TableFolder, table_folder
from probablyexists.matching import neighbours
from probablyexists.matching.neighbours import nearest
from probablyexists.tasks.embed_match import match


def write_vectors(folder: str, name: str, x: NDArray[np.float32]) -> None:
    """Groups of 7 rows."""
    dataclasses.replace(table_folder(folder), rows_a_group=7).write(f"{name}.parquet", {}, {}, embedding=x)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, NDArray[np.float32]]:
    """100 vectors in three files, whose names are not in the order in which they were written."""
    x = np.random.default_rng(0).normal(size=(100, 16)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    for name, rows in (("b", slice(40, 41)), ("c", slice(41, 100)), ("a", slice(0, 40))):
        write_vectors(str(tmp_path), name, x[rows])
    (tmp_path / "note.txt").write_text("no vectors")
    return tmp_path, x


def test_any_slice_is_what_was_written(written: tuple[Path, NDArray[np.float32]]) -> None:
    folder, x = written
    stored = pickle.loads(pickle.dumps(ParquetVectors(str(folder))))
    assert (len(stored), stored.dim) == (100, 16)
    for start in range(0, 101, 3):
        for stop in (start, start + 1, start + 7, start + 60, 100):
            assert np.array_equal(stored[start:stop], x[start:stop])
    assert np.array_equal(stored[-5:], x[-5:])
    assert np.array_equal(ParquetVectors(str(folder / "b.parquet"))[:], x[40:41])


def test_an_address_of_fsspec_is_read_too(written: tuple[Path, NDArray[np.float32]]) -> None:
    pytest.importorskip("fsspec")
    folder, x = written
    assert np.array_equal(ParquetVectors(f"file://{folder}")[10:50], x[10:50])
    write_vectors("memory://embeddings", "part", x)
    assert np.array_equal(ParquetVectors("memory://embeddings")[:], x)
    with pytest.raises(InputError, match=r"nosuch://x"):
        ParquetVectors("nosuch://x")


def test_matching_from_disk_is_matching_in_memory(
    written: tuple[Path, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, x = written
    expected = nearest(x, x, 3)
    monkeypatch.setattr(neighbours, "_TALL", 8)
    monkeypatch.setattr(neighbours, "SMALL", 0)
    stored = ParquetVectors(str(folder))
    found = nearest(stored, stored, 3, memory=1)
    assert np.array_equal(found.index, expected.index)
    assert np.array_equal(found.similarity, expected.similarity)


def test_what_holds_no_vectors_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a Parquet file or a folder of them"):
        ParquetVectors(str(tmp_path))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match=r"bad\.parquet: is not a Parquet file, or damaged"):
        ParquetVectors(str(tmp_path / "bad.parquet"))
    pq.write_table(pa.table({"embedding": [[1.0, 2.0]]}), tmp_path / "lists.parquet")
    with pytest.raises(InputError, match=r"lists\.parquet: needs a column embedding"):
        ParquetVectors(str(tmp_path / "lists.parquet"))
    kind = pa.list_(pa.float32(), 2)
    pq.write_table(pa.table({"embedding": pa.array([[1, 0], None], kind)}), tmp_path / "null.parquet")
    with pytest.raises(InputError, match=r"1 embeddings are missing"):
        ParquetVectors(str(tmp_path / "null.parquet"))[:]
    write_vectors(str(tmp_path / "both"), "a", np.ones((1, 2), np.float32))
    write_vectors(str(tmp_path / "both"), "b", np.ones((1, 3), np.float32))
    with pytest.raises(InputError, match=r"embeddings have 3 numbers, but 2 in the files before it"):
        ParquetVectors(str(tmp_path / "both"))


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow takes it for an address, as in the name of a class that was meant for another option."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^os\.path:join: not a Parquet file or a folder of them; check the path$"):
        ParquetVectors("os.path:join")
    x = np.eye(2, dtype=np.float32)
    write_vectors("of:a", "part", x)
    assert np.array_equal(ParquetVectors("of:a")[:], x)


def test_an_output_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", Path(os.devnull)):
        with pytest.raises(InputError, match=r"is a file; give a folder|is no folder \(.*\); give another"):
            table_folder(str(out)).names()


def test_names_of_recognisers_in_tables_act_on_no_terminal(tmp_path: Path) -> None:
    for name, recogniser in (("one", "\x1b[31m\n"), ("two", "dlib")):
        x = np.eye(2, dtype=np.float32)
        table_folder(str(tmp_path / name)).write("a.parquet", {}, {"recogniser": recogniser}, embedding=x)
    with pytest.raises(InputError, match="embed both with one recogniser") as caught:
        match(tmp_path / "one", tmp_path / "two", tmp_path / "out")
    assert str(caught.value).isprintable()


# --- damaged tables ---------------------------------------------------------------------------------------------------


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """One of the ways in which files get damaged; half of them hit the footer, which no page's checksum covers."""
    data, n = bytearray(whole), len(whole)
    at = draw.choice([draw.randrange(n), n - 1 - draw.randrange(8 + int.from_bytes(whole[-8:-4], "little"))])
    match draw.choice(["flipped", "cut", "zeroed", "longer", "another's"]):
        case "flipped":
            data[at] ^= 1 << draw.randrange(8)
        case "cut":
            del data[at:]
        case "zeroed":
            data[at : at + 512] = bytes(len(data[at : at + 512]))
        case "longer":
            data[at:at] = draw.randbytes(8)
        case _:
            data[at : at + 64] = draw.randbytes(len(data[at : at + 64]))
    return bytes(data)


def test_a_damaged_table_is_refused_and_never_gives_other_numbers(tmp_path: Path) -> None:
    x = unit(60, 8)
    write_vectors(str(tmp_path / "t"), "a", x)
    file = tmp_path / "t" / "a.parquet"
    whole, draw = file.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(150):
        file.write_bytes(damaged(whole, draw))
        try:
            assert np.array_equal(ParquetVectors(str(tmp_path / "t"))[:], x)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    assert refused > 100


def unit(n: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    x = np.random.default_rng(seed).normal(size=(n, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def test_a_row_put_in_place_of_another_is_noticed(tmp_path: Path) -> None:
    """Whole groups exchanged, each with valid pages: only our own checksums can tell."""
    x = unit(14, 4)
    write_vectors(str(tmp_path / "t"), "a", x)
    file = tmp_path / "t" / "a.parquet"
    table = pq.read_table(file)
    exchanged = pa.concat_tables([table.slice(7, 7), table.slice(0, 7)]).replace_schema_metadata(table.schema.metadata)
    pq.write_table(exchanged, file, row_group_size=7)
    with pytest.raises(InputError, match=r"a\.parquet: is damaged; rows from 0 are not what was written"):
        ParquetVectors(str(tmp_path / "t"))[:]


@pytest.mark.parametrize(
    ("value", "says"),
    [(np.nan, "numbers that are not finite"), (np.inf, "numbers that are not finite"), (3.0, r"length 3\.\d+")],
)
def test_a_table_with_a_row_that_is_no_embedding_is_refused_with_its_number(
    tmp_path: Path, value: float, says: str
) -> None:
    """A table that others wrote: without our checksums."""
    x = unit(40, 4)
    x[23, 1] = value
    kind = pa.list_(pa.float32(), 4)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), type=kind)
    pq.write_table(pa.table({"embedding": rows}), tmp_path / "theirs.parquet", row_group_size=10)
    write_vectors(str(tmp_path / "ours"), "part-0", unit(5, 4))
    with pytest.raises(InputError, match=rf"the embedding in row 23 of .*theirs\.parquet has {says}"):
        probablyexists.match(tmp_path / "ours", tmp_path / "theirs.parquet", tmp_path / "out")


def test_a_table_with_a_number_missing_inside_a_row_is_refused(tmp_path: Path) -> None:
    rows = pa.array([[1, 0], [None, 1]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"embedding": rows}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"the embedding in row 1 of .* has numbers that are not finite"):
        ParquetVectors(str(tmp_path / "t.parquet"))[:]


def test_matches_that_were_damaged_are_not_kept_as_done(tmp_path: Path) -> None:
    for name in ("q", "r"):
        write_vectors(str(tmp_path / name), "part-0", unit(30, 4))
    at = [tmp_path / name for name in ("q", "r", "out")]
    assert probablyexists.match(*at) == 30
    assert probablyexists.match(*at) == 0
    (file,) = (tmp_path / "out").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes(50) + whole[150:])
    with pytest.raises(InputError, match=r"matches-0+\.parquet: is not a Parquet file, or damaged"):
        probablyexists.match(*at)


# --- who may read them, and full disks --------------------------------------------------------------------------------


def test_nobody_else_can_read_tables_of_embeddings(tmp_path: Path) -> None:
    """A folder made for them is closed; in a folder that was there, the files are."""
    (tmp_path / "mine").mkdir(mode=0o755)
    for folder in (tmp_path / "mine", tmp_path / "new" / "t"):
        write_vectors(str(folder), "a", unit(5, 4))
        assert (folder / "a.parquet").stat().st_mode & 0o777 == 0o600
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "mine", tmp_path / "new" / "t")] == [0o755, 0o700]


def test_a_full_disk_at_a_table_is_one_line_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(table: object, sink: Any, **_: object) -> None:
        sink.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(InputError, match=r"\(No space left on device\); free some space, or give") as said:
        write_vectors(str(tmp_path / "t"), "a", unit(5, 4))
    assert "\n" not in str(said.value)
    assert list((tmp_path / "t").iterdir()) == []


def test_a_stopped_embed_is_done_by_the_same_command_and_a_done_one_is_kept(
    population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the second file; a kill may also leave a file that was not moved into place."""
    monkeypatch.setattr("probablyexists.tasks.embed_match.ROWS", 20)
    out, photos = tmp_path / "out", population
    write = TableFolder.write

    def until_full(self: TableFolder, name: str, *given: object, **lists: object) -> None:
        if "20" in name:
            raise WriteError(self.where, OSError(28, "No space left on device"))
        write(self, name, *given, **lists)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(TableFolder, "write", until_full)
        with pytest.raises(InputError, match="No space left on device"):
            probablyexists.embed(photos, out, faces="aligned")
    assert [path.name for path in out.iterdir()] == ["part-000000000000.parquet"]
    (out / ".part-000000000020.parquet.part").write_bytes(b"half")
    assert len(probablyexists.embed(photos, out, faces="aligned")) == 50
    assert sorted(path.name for path in out.iterdir()) == [f"part-{at:012d}.parquet" for at in (0, 20, 40)]
    with pytest.raises(InputError, match="already holds all 50 embeddings"):
        probablyexists.embed(photos, out, faces="aligned")
    shutil.copy(out / "part-000000000000.parquet", tmp_path / "other.parquet")
    (tmp_path / "held").mkdir()
    os.replace(tmp_path / "other.parquet", tmp_path / "held" / "part-0.parquet")
    with pytest.raises(InputError, match="holds embeddings of other images"):
        probablyexists.embed(photos / "person-0000", tmp_path / "held", faces="aligned")
