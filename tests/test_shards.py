"""Many tars as one set: the same photos as in a folder, and nothing that a stranger's tar could do."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source


def write_tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def content(where: str | Path, **given: object) -> dict[str, bytes | str]:
    source = open_source(where, **given)  # type: ignore[arg-type]
    read = {photo.path: data for photo, data in source.stream(source.photos)}
    return {path: data.reason if isinstance(data, ImageError) else data for path, data in read.items()}


def test_shards_are_one_source_sorted_by_path(tmp_path: Path) -> None:
    write_tar(tmp_path / "s" / "b.tar", {"ann/2.jpg": b"two", "bob/1.jpg": b"three"})
    write_tar(tmp_path / "s" / "a.tar", {"ann/1.jpg": b"one"})
    (tmp_path / "s" / "README").write_text("not a photo")
    (tmp_path / "s" / "sizes.json").write_text("{}")
    source = open_source(tmp_path / "s")
    assert source.photos == (
        Photo("a.tar/ann/1.jpg", "ann"),
        Photo("b.tar/ann/2.jpg", "ann"),
        Photo("b.tar/bob/1.jpg", "bob"),
    )
    expected = {"a.tar/ann/1.jpg": b"one", "b.tar/ann/2.jpg": b"two", "b.tar/bob/1.jpg": b"three"}
    assert content(tmp_path / "s") == expected
    assert content(tmp_path / "s" / "*.tar") == expected
    some = [source.photos[2], source.photos[0]]
    assert [photo for photo, _ in source.stream(some)] == [some[1], some[0]]
    assert pickle.loads(pickle.dumps(source)).photos == source.photos
    assert open_source(tmp_path / "s", named=False).photos[0].person is None


def test_a_range_is_written_in_braces(tmp_path: Path) -> None:
    for i in range(8, 12):
        write_tar(tmp_path / f"{i:03d}.tar", {f"{i}.jpg": str(i).encode()})
    assert list(content(tmp_path / "{009..011}.tar").values()) == [b"9", b"10", b"11"]
    with pytest.raises(InputError, match=r"012\.tar is missing"):
        open_source(tmp_path / "{009..012}.tar")
    with pytest.raises(InputError, match=r"a range of -5 files"):
        open_source(tmp_path / "{009..003}.tar")
    with pytest.raises(InputError, match=r"no file is called so"):
        open_source(tmp_path / "x*.tar")
    (tmp_path / "1.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"a pattern must match tars"):
        open_source(tmp_path / "*")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_people_are_read_from_the_json_of_each_sample(tmp_path: Path, mode: str) -> None:
    def sample(name: str, person: object) -> dict[str, bytes]:
        return {f"{name}.jpg": name.encode(), f"{name}.cls": b"7", f"{name}.json": json.dumps(person).encode()}

    end = {"w": ".tar", "w:gz": ".tar.gz", "w:xz": ".tar.xz"}[mode]
    write_tar(tmp_path / f"a{end}", sample("1", {"person": "ann"}) | sample("2", {"identity": "bob"}), mode)
    write_tar(tmp_path / f"b{end}", sample("1", {"person": "bob", "identity": "x"}), mode)
    pattern = tmp_path / f"*{end}"
    assert [(p.path, p.person) for p in open_source(pattern).photos] == [
        (f"a{end}/1.jpg", "ann"),
        (f"a{end}/2.jpg", "bob"),
        (f"b{end}/1.jpg", "bob"),
    ]
    assert content(pattern) == {f"a{end}/1.jpg": b"1", f"a{end}/2.jpg": b"2", f"b{end}/1.jpg": b"1"}
    write_tar(tmp_path / f"c{end}", {"9.jpg": b"nine", "9.json": b"[" * 100_000}, mode)
    with pytest.raises(InputError, match=r"1 of 4 images have no \.json or \.cls that names a person"):
        open_source(pattern)
    assert len(open_source(pattern, named=False).photos) == 4


def test_a_sample_ends_at_the_first_dot(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"x/7.face.png": b"7", "x/7.json": b'{"person": "ann"}', "x/7.notes.json": b"{}"})
    write_tar(tmp_path / "b.tar", {"x/8.png": b"8", "x/8.json": b'{"person": "bob"}'})
    assert [p.person for p in open_source(tmp_path / "*.tar").photos] == ["ann", "bob"]


def test_a_damaged_shard_is_named_and_a_hostile_one_reads_nothing_else(tmp_path: Path) -> None:
    write_tar(tmp_path / "s" / "a.tar", {"1.jpg": b"one"})
    link = tarfile.TarInfo("3.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "s" / "b.tar", "w") as archive:
        up = tarfile.TarInfo("../../2.jpg")
        up.size = 3
        archive.addfile(up, io.BytesIO(b"two"))
        archive.addfile(link)
    assert content(tmp_path / "s") == {
        "a.tar/1.jpg": b"one",
        "b.tar/../../2.jpg": b"two",
        "b.tar/3.jpg": "unreadable",
    }
    whole = (tmp_path / "s" / "a.tar").read_bytes()
    (tmp_path / "s" / "c.tar").write_bytes(whole[:300])
    with pytest.raises(InputError, match=r"c\.tar: the archive is damaged"):
        open_source(tmp_path / "s")


def test_a_shard_that_vanished_gives_unreadable_photos(tmp_path: Path) -> None:
    for name in "ab":
        write_tar(tmp_path / f"{name}.tar", {"1.jpg": name.encode()})
    source = open_source(tmp_path / "*.tar")
    (tmp_path / "a.tar").unlink()
    read = [data.reason if isinstance(data, ImageError) else data for _, data in source.stream(source.photos)]
    assert read == ["unreadable", b"b"]


def test_shards_of_one_name_are_told_apart_by_their_folders_which_are_no_people(tmp_path: Path) -> None:
    write_tar(tmp_path / "x" / "a.tar", {"ann/1.jpg": b"1"})
    write_tar(tmp_path / "y" / "a.tar", {"bob/1.jpg": b"2"})
    source = open_source(tmp_path / "*" / "a.tar")
    assert source.photos == (Photo("x/a.tar/ann/1.jpg", "ann"), Photo("y/a.tar/bob/1.jpg", "bob"))
    write_tar(tmp_path / "x" / "a.tar", {"1.jpg": b"1"})
    write_tar(tmp_path / "y" / "a.tar", {"1.jpg": b"2"})
    assert {photo.person for photo in open_source(tmp_path / "*" / "a.tar").photos} == {None}


def test_folders_name_people_before_json_does(tmp_path: Path) -> None:
    both = {"ann/1.jpg": b"1", "ann/1.json": b'{"person": "x"}', "bob/1.jpg": b"2", "bob/1.json": b'{"person": "y"}'}
    write_tar(tmp_path / "a" / "a.tar", both)
    assert [photo.person for photo in open_source(tmp_path / "a").photos] == ["ann", "bob"]
    top = {
        "set/1.jpg": b"1",
        "set/1.json": b'{"person": " ann "}',
        "set/2.jpg": b"2",
        "set/2.json": b'{"person": "bob"}',
    }
    write_tar(tmp_path / "b" / "a.tar", top)
    assert [photo.person for photo in open_source(tmp_path / "b").photos] == ["ann", "bob"]


@pytest.mark.parametrize("by", ["folder", "pattern"])
def test_what_is_wrong_with_a_shard_begins_with_the_source(tmp_path: Path, by: str) -> None:
    write_tar(tmp_path / "s" / "a.tar", {"1.jpg": b"1"})
    where = str(tmp_path / "s" if by == "folder" else tmp_path / "s" / "*.tar")
    damaged = tmp_path / "s" / "b.tar"
    damaged.write_bytes((tmp_path / "s" / "a.tar").read_bytes()[:300])
    with pytest.raises(InputError) as caught:
        open_source(where)
    assert str(caught.value).startswith(f"{where}: b.tar: the archive is damaged")
    damaged.unlink()
    os.mkfifo(damaged)  # would be waited for
    with pytest.raises(InputError) as caught:
        open_source(where)
    assert str(caught.value).startswith(f"{where}: {damaged} is no file")
