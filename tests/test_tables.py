"""Tables of embeddings from the command line: what is written is what was embedded, and what matches is exact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from probablyexists.basis.errors import InputError
from probablyexists.cli.app import app
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.parquet_vectors import ParquetVectors, table_folder
from probablyexists.matching.neighbours import nearest
from probablyexists.tasks import embed_match as tables
from probablyexists.tasks.embed_match import embed, match


def unit_rows(n: int, dim: int) -> NDArray[np.float32]:
    x = np.random.default_rng(0).normal(size=(n, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def run(*arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(app, [*map(str, arguments), "-q", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    said: dict[str, object] = json.loads(result.stdout)
    return said


def test_a_set_becomes_a_table_and_is_matched(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 5)
    write_population(tmp_path / "people", range(4), range(3), size=96)
    (tmp_path / "people" / "person-0000" / "bad.png").write_bytes(b"no image")
    said = run("embed", tmp_path / "people", "--out", tmp_path / "table", "--faces", "aligned", "--cache", cache)
    assert said == {"out": str(tmp_path / "table"), "embedded": 12, "set_aside": {"not an image": 1}}
    names = [path.name for path in sorted((tmp_path / "table").iterdir())]
    assert names == ["part-000000000000.parquet", "part-000000000005.parquet", "part-000000000010.parquet"]
    rows = pq.read_table(tmp_path / "table").to_pylist()
    assert [row["person"] for row in rows] == [f"person-{i:04d}" for i in range(4) for _ in range(3)]
    stored = ParquetVectors(str(tmp_path / "table"))[:]
    assert np.allclose(np.linalg.norm(stored, axis=1), 1)

    matched = run("match", tmp_path / "table", tmp_path / "table", "--out", tmp_path / "found", "-k", 2)
    assert matched["matched"] == 12
    found = pq.read_table(tmp_path / "found")
    expected = nearest(stored, stored, 2)
    assert found["reference"].to_pylist() == expected.index.tolist()
    assert found["similarity"].to_pylist() == expected.similarity.tolist()
    again = CliRunner().invoke(app, ["embed", str(tmp_path / "people"), "--out", str(tmp_path / "table"), "-q"])
    assert "already holds all" in str(again.exception)


def test_a_stopped_match_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "QUERIES", 8)
    x = unit_rows(20, 16)
    table_folder(str(tmp_path / "x")).write("a.parquet", {}, {}, embedding=x)
    asked = str(tmp_path / "x"), str(tmp_path / "x"), str(tmp_path / "found")
    assert match(*asked) == 20
    whole = pq.read_table(tmp_path / "found")
    (tmp_path / "found" / "matches-000000000008.parquet").unlink()
    (tmp_path / "found" / ".matches-000000000008.parquet.part").write_bytes(b"half")
    assert match(*asked) == 8
    assert pq.read_table(tmp_path / "found").equals(whole)
    assert match(*asked) == 0


def test_an_address_of_fsspec(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("fsspec")
    write_population(tmp_path / "people", range(2), range(2), size=96)
    embed(tmp_path / "people", "memory://probablyexists/table", faces="aligned", cache=cache)
    assert match("memory://probablyexists/table", "memory://probablyexists/table", "memory://probablyexists/m") == 4
    assert len(ParquetVectors("memory://probablyexists/table")) == 4


def test_what_cannot_be_matched_gets_one_line(tmp_path: Path) -> None:
    for name, dim in (("a", 4), ("b", 5)):
        table_folder(str(tmp_path / name)).write("x.parquet", {}, {}, embedding=np.ones((2, dim), np.float32))

    def refused(*asked: object) -> str:
        result = CliRunner().invoke(app, ["match", *map(str, asked), "--out", str(tmp_path / "m"), "-q"])
        assert result.exception is not None
        return str(result.exception)

    assert "a recogniser of 4 numbers and a recogniser of 5 numbers" in refused(tmp_path / "a", tmp_path / "b")
    assert "not a Parquet file" in refused(tmp_path / "a", tmp_path / "nowhere")
    assert "greater than or equal to 1" in refused(tmp_path / "a", tmp_path / "a", "-k", 0)


def test_matches_of_other_tables_are_neither_kept_nor_mixed(tmp_path: Path) -> None:
    x = unit_rows(6, 4)
    for name, rows, made_by in (("a", x, "one"), ("b", x[:3], "one"), ("c", x, "another")):
        table_folder(str(tmp_path / name)).write("x.parquet", {}, {"recogniser": made_by}, embedding=rows)
    a, b, c, out = (str(tmp_path / name) for name in ("a", "b", "c", "m"))
    assert match(a, b, out) == 6
    assert match(a, b, out) == 0
    for queries, references, k in ((a, b, 2), (a, a, 1), (b, a, 1)):
        with pytest.raises(InputError, match="holds other tables or other matches"):
            match(queries, references, out, k=k)
    with pytest.raises(InputError, match="holds other tables or other matches"):
        match(a, b, a)
    with pytest.raises(InputError, match="are by another and one; embed both with one recogniser"):
        match(a, c, str(tmp_path / "n"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file': is a file; give a folder"):
        match(a, b, str(tmp_path / "file"))
