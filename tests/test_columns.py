"""Images in tables: what the table says and no more, row by row, as if they were files."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.sources import tables
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, left_of, open_source

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def rows(n: int, path: bool = True) -> list[dict[str, Any]]:
    return [{"bytes": f"picture {i}".encode(), "path": f"{i:03d}.jpg" if path else None} for i in range(n)]


def read(source: Source) -> dict[str, bytes | str]:
    found = {photo.path: data for photo, data in source.stream(source.photos)}
    return {path: data.reason if isinstance(data, ImageError) else data for path, data in found.items()}


def class_label(table: pa.Table, column: str, names: list[str]) -> pa.Table:
    said = {"info": {"features": {column: {"names": names, "_type": "ClassLabel"}}}}
    return table.replace_schema_metadata({b"huggingface": json.dumps(said).encode()})


@pytest.mark.parametrize("kind", ["struct", "binary", "img", "only"])
def test_a_parquet_file_of_images(tmp_path: Path, kind: str) -> None:
    person = ["ann"] * 3 + ["bob"] * 4
    if kind == "struct":
        table = pa.table({"image": pa.array(rows(7), IMAGE), "person": person})
    else:
        name = {"binary": "image", "img": "img", "only": "jpeg"}[kind]
        table = pa.table({name: [row["bytes"] for row in rows(7)], "person": person})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    source = open_source(tmp_path / "a.parquet")
    named = [f"{i:03d}.jpg" if kind == "struct" else f"row-{i:09d}" for i in range(7)]
    assert source.photos == tuple(map(Photo, named, person))
    assert read(source) == {name: f"picture {i}".encode() for i, name in enumerate(named)}
    some = [source.photos[5], source.photos[1]]
    assert [(p, d) for p, d in source.stream(some)] == [(some[1], b"picture 1"), (some[0], b"picture 5")]
    assert pickle.loads(pickle.dumps(source)).photos == source.photos
    assert {p.person for p in open_source(tmp_path / "a.parquet", named=False).photos} == {None}


def test_rows_of_a_role(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": pa.array(rows(4), IMAGE),
            "identity": ["ann", "bob", "cy", "dee"],
            "role": ["train", "heldout", "member", "generated"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert [p.person for p in open_source(tmp_path / "a.parquet", role="training").photos] == ["ann", "cy"]
    assert read(open_source(tmp_path / "a.parquet", role="heldout")) == {"001.jpg": b"picture 1"}
    with pytest.raises(InputError, match="no images whose role is unseen"):
        open_source(tmp_path / "a.parquet", role="unseen")


@pytest.mark.parametrize("layout", ["hub", "pattern"])
def test_the_layout_of_the_hub_and_the_names_of_its_labels(tmp_path: Path, layout: str) -> None:
    (tmp_path / "data").mkdir()
    for part in range(2):
        table = pa.table({"image": pa.array(rows(3, path=False), IMAGE), "label": [0, 1, part]})
        table = class_label(table, "label", ["ann", "bob"])
        pq.write_table(table, tmp_path / "data" / f"train-0000{part}-of-00002.parquet", row_group_size=2)
    (tmp_path / "README.md").write_text("a card")
    source = open_source(tmp_path if layout == "hub" else tmp_path / "data" / "train-*.parquet")
    assert [p.person for p in source.photos] == ["ann", "bob", "ann", "ann", "bob", "bob"]
    assert source.photos[4].path == "train-00001-of-00002.parquet/row-000000001"
    assert list(read(source).values()) == [b"picture 0", b"picture 1", b"picture 2"] * 2
    pq.write_table(table, tmp_path / "data" / "test-00000-of-00001.parquet")
    with pytest.raises(InputError, match=r"several splits \(test, train\); give one, such as .*test-\*\.parquet"):
        open_source(tmp_path)


def test_people_given_as_whole_numbers_are_people(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array(rows(2), IMAGE), "label": [3, 4]}), tmp_path / "a.parquet")
    assert [p.person for p in open_source(tmp_path / "a.parquet").photos] == ["3", "4"]
    pq.write_table(pa.table({"image": pa.array(rows(2), IMAGE), "celeb_id": [3, 4]}), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert {p.person for p in source.photos} == {None}
    assert left_of(source).names == ("column 'celeb_id'",)
    with pytest.raises(InputError, match="no column of person, identity, label"):
        open_source(tmp_path / "a.parquet", named=True)


@pytest.mark.parametrize("form", ["stream", "file"])
def test_a_folder_written_by_save_to_disk(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for part in range(2):
        table = pa.table({"image": pa.array(rows(5, path=False), IMAGE), "label": ["ann", "bob", "ann", "cy", "cy"]})
        path = str(folder / f"data-0000{part}-of-00002.arrow")
        new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with pa.OSFile(path, "wb") as sink, new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    for name in ("state.json", "dataset_info.json"):
        (folder / name).write_text("{}")
    source = open_source(folder)
    assert [p.person for p in source.photos] == ["ann", "bob", "ann", "cy", "cy"] * 2
    assert list(read(source).values()) == [f"picture {i}".encode() for i in range(5)] * 2
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["set"]}')
    with pytest.raises(InputError, match="several splits, one folder each"):
        open_source(tmp_path)


def test_a_manifest_stays_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"one")
    pq.write_table(pa.table({"path": ["1.jpg"], "person": ["ann"]}), tmp_path / "a.parquet")
    assert read(open_source(tmp_path / "a.parquet")) == {"1.jpg": b"one"}


def test_a_strangers_table_names_no_files_to_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    cells = [{"bytes": None, "path": str(secret)}, {"bytes": b"own", "path": "../../x.jpg"}, None]
    pq.write_table(pa.table({"image": pa.array(cells, IMAGE)}), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    found = [data for _, data in source.stream(source.photos)]
    assert found[1] == b"own"
    assert [str(error) for error in (found[0], found[2])] == [
        "unreadable: only a path to a file elsewhere, which is not followed",
        "unreadable: an empty cell",
    ]


def test_damage_is_one_line_and_a_cell_too_large_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.array(rows(50), IMAGE)}), path, row_group_size=10, compression="none")
    with monkeypatch.context() as patch:
        patch.setattr(tables, "MAX_BYTES", 9)
        assert list(read(open_source(path)).values())[9:11] == [b"picture 9", "too large"]
    source, whole = open_source(path), path.read_bytes()
    path.write_bytes(whole[:200] + bytes(len(whole) - 200))
    assert set(read(source).values()) == {"unreadable"}
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "b.parquet").write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"b\.parquet is damaged or no table"):
        open_source(tmp_path / "set")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "set" / "b.parquet")
    with pytest.raises(InputError, match=r"needs one column of images .* has x"):
        open_source(tmp_path / "set")


def test_some_without_a_person_are_refused(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"image": pa.array(rows(3), IMAGE), "person": ["ann", None, "bob"]}), tmp_path / "a.parquet"
    )
    with pytest.raises(InputError, match="1 of 3 rows have no person"):
        open_source(tmp_path / "a.parquet")


def in_arrow(path: Path, table: pa.Table, new: Any = pa.ipc.new_file, rows: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize("forged", [(0, 4, 5_000, 11), (0, 4, 10**8, 2 * 10**9), (0, -100, 9, 11), (9, 4, 0, 11)])
def test_a_forged_arrow_file_reads_no_other_memory(tmp_path: Path, new: Any, forged: tuple[int, ...]) -> None:
    at = tmp_path / "a.arrow"
    in_arrow(at, pa.table({"image": [b"AAAA", b"BBBBB", b"CC"]}), new, 3)
    whole, offsets = at.read_bytes(), struct.pack("<4i", 0, 4, 9, 11)
    assert whole.count(offsets) == 1
    at.write_bytes(whole.replace(offsets, struct.pack("<4i", *forged)))
    assert set(read(open_source(at)).values()) == {"unreadable"}


def test_parts_that_are_not_there_are_missed(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array(rows(2), IMAGE)})
    in_arrow(tmp_path / "s" / "data-00000-of-00002.arrow", table)
    with pytest.raises(InputError, match=r"1 of 2 files called data-\.\.\.-of-00002 are there"):
        open_source(tmp_path / "s")
    assert len(open_source(tmp_path / "s" / "*.arrow").photos) == 2
    in_arrow(tmp_path / "s" / "data-00001-of-00002.arrow", table)
    in_arrow(tmp_path / "s" / "cache-0a1b.arrow", table)
    assert len(open_source(tmp_path / "s").photos) == 4


def test_tables_of_one_name_are_told_apart_and_splits_without_numbers_are_splits(tmp_path: Path) -> None:
    for name in ("x/data/train.parquet", "y/data/train.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        pq.write_table(pa.table({"image": [b"1"]}), tmp_path / name)
    found = [photo.path for photo in open_source(tmp_path / "*" / "data" / "train.parquet").photos]
    assert found == ["x/data/train.parquet/row-000000000", "y/data/train.parquet/row-000000000"]
    pq.write_table(pa.table({"image": [b"1"]}), tmp_path / "x" / "data" / "test.parquet")
    with pytest.raises(InputError, match=r"several splits \(test, train\)"):
        open_source(tmp_path / "x")


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("role", ["train", "bogus"], "row 2 has the role 'bogus'; known are training"),
        ("person", [1.5, 2.5], "column person is of type double"),
        ("person", ["ann", "  "], "1 of 2 rows have no person"),
        ("image", [b"x", b"y"], "column image is there twice"),
    ],
)
def test_columns_are_held_to_what_manifests_are(tmp_path: Path, column: str, values: list[Any], said: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([pa.array(rows(2), IMAGE), pa.array(values)], names=["image", column]), path)
    with pytest.raises(InputError, match=said) as caught:
        open_source(path)
    assert str(caught.value).startswith(str(path))


def test_people_in_other_columns_of_text_and_rows_without_a_role(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for people in (pa.array(["ann", "bob"]).dictionary_encode(), pa.array(["ann", "bob"], pa.large_string())):
        pq.write_table(pa.table({"image": pa.array(rows(2), IMAGE), "person": people}), path)
        assert [photo.person for photo in open_source(path).photos] == ["ann", "bob"]
    pq.write_table(pa.table({"image": pa.array(rows(2), IMAGE), "person": [7, 8], "role": ["train", None]}), path)
    assert open_source(path, role="training").photos == (Photo("000.jpg", "7"),)
    deep = pa.table({"image": [b"1"]}).replace_schema_metadata({b"huggingface": b"[" * 100_000})
    pq.write_table(deep, path)
    assert open_source(path).photos == (Photo("row-000000000", None),)


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_an_arrow_file_that_unpacks_to_many_times_its_size_is_refused(tmp_path: Path, new: Any) -> None:
    at = tmp_path / "a.arrow"
    table = pa.table({"image": pa.array([bytes(2**20)] * 257, pa.binary())})
    with new(at, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match=r"unpacks to 0\.3 GiB, many times its size"):
        open_source(at)


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_compressed_arrow_files_are_read(tmp_path: Path, new: Any, compression: str | None) -> None:
    at = tmp_path / "a.arrow"
    table = pa.table({"image": [b"AAAA" * 99, b"B", b"CC"], "person": pa.array(["x", "y", "x"]).dictionary_encode()})
    with new(at, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    source = open_source(at)
    assert [photo.person for photo in source.photos] == ["x", "y", "x"]
    assert [data for _, data in source.stream(source.photos)] == [b"AAAA" * 99, b"B", b"CC"]
