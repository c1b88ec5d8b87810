"""Embeddings on disk: slices are what was written, and matching never needs all of them at once."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.embeddings.parquet_vectors import ParquetVectors, table_folder
from probablyexists.matching import neighbours
from probablyexists.matching.neighbours import nearest


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
    pq.write_table(pa.table({"embedding": pa.array([[1, 2], None], kind)}), tmp_path / "null.parquet")
    with pytest.raises(InputError, match=r"1 embeddings are missing"):
        ParquetVectors(str(tmp_path / "null.parquet"))[:]
    write_vectors(str(tmp_path / "both"), "a", np.ones((1, 2), np.float32))
    write_vectors(str(tmp_path / "both"), "b", np.ones((1, 3), np.float32))
    with pytest.raises(InputError, match=r"embeddings have 3 numbers, but 2 in the files before it"):
        ParquetVectors(str(tmp_path / "both"))
