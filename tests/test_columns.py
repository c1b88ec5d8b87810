"""Images in tables: what the table says and no more, row by row, as if they were files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.images import columns
from probablyexists.images.sources import Photo, Source, open_source

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


def test_whole_numbers_without_names_are_nobody(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array(rows(2), IMAGE), "label": [3, 4]}), tmp_path / "a.parquet")
    assert {p.person for p in open_source(tmp_path / "a.parquet").photos} == {None}
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
    monkeypatch.setattr(columns, "MAX_BYTES", 9)
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
