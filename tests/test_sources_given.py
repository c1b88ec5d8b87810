"""What users gave and lost: links, numbers as names, other spellings, other containers, folders that are not people."""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import os
import stat
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.embed import Embedded
from probablyexists.images.decode import decode
from probablyexists.intake.open_sources import about_sources, open_sources
from probablyexists.intake.people import find_people
from probablyexists.intake.settings import AuditSettings
from probablyexists.sources import archives, manifest
from probablyexists.sources.folder_names import why_not_people
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, left_of, open_source


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def files(at: Path, *names: str) -> Path:
    for name in names:
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_bytes(name.encode())
    return at


def tar(path: Path, *members: str | tuple[str, str] | tuple[str, bytes], hard: bool = False) -> Path:
    """Write a tar of files (a name: that is the content; name and bytes), and of links (name and target)."""
    with tarfile.open(path, "w") as archive:
        for member in members:
            name, content = member if isinstance(member, tuple) else (member, member.encode())
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def content(source: Source) -> dict[str, str]:
    found = source.stream(source.photos)
    return {photo.path: str(data) if isinstance(data, ImageError) else data.decode() for photo, data in found}


def persons(source: Source) -> dict[str, str | None]:
    return {photo.path: photo.person for photo in source.photos}


def not_read(source: Source) -> list[str]:
    return [str(some) for some in left_of(source).not_read]


# Links


def test_people_whose_folders_are_links_are_there(tmp_path: Path) -> None:
    store = files(tmp_path / "store", "7/1.jpg", "8/1.jpg")
    where = files(tmp_path / "people", "ann/1.jpg")
    (where / "bob").symlink_to(store / "7")
    (where / "cy").symlink_to(store / "8")
    source = open_source(where)
    assert persons(source) == {"ann/1.jpg": "ann", "bob/1.jpg": "bob", "cy/1.jpg": "cy"}
    assert content(source) == {"ann/1.jpg": "ann/1.jpg", "bob/1.jpg": "7/1.jpg", "cy/1.jpg": "8/1.jpg"}
    assert not_read(source) == []


def test_links_that_go_round_or_nowhere_are_said(tmp_path: Path) -> None:
    where = files(tmp_path / "people", "ann/1.jpg", "bob/1.jpg")
    (where / "ann" / "up").symlink_to(tmp_path)
    (where / "cy").symlink_to(where / "bob")
    (where / "dee").symlink_to(tmp_path / "gone")
    (where / "eve").symlink_to(where / "eve")
    os.mkfifo(where / "ann" / "2.jpg")
    source = open_source(where)
    assert list(content(source)) == ["ann/1.jpg", "bob/1.jpg"]
    assert not_read(source) == [
        "2 links to folders that are listed already are left out (such as ann/up); remove them",
        "2 links lead nowhere (such as dee); mend them, or pack with tar --dereference",
        "1 pipe or device is not read (such as ann/2.jpg); remove them",
    ]


def test_folders_nested_by_the_hundred_are_refused_in_one_line(tmp_path: Path) -> None:
    files(tmp_path / "deep", "/".join(["d"] * 100) + "/1.jpg")
    with pytest.raises(InputError, match="folders in folders over 64 deep"):
        open_source(tmp_path / "deep")


def test_a_tar_with_hard_links_keeps_peoples_names(tmp_path: Path) -> None:
    path = tar(tmp_path / "h.tar", "ann/1.jpg", ("bob/1.jpg", "ann/1.jpg"), ("cy/1.jpg", "bob/1.jpg"), hard=True)
    source = open_source(path)
    assert persons(source) == {"ann/1.jpg": "ann", "bob/1.jpg": "bob", "cy/1.jpg": "cy"}
    assert set(content(source).values()) == {"ann/1.jpg"}
    side = b'{"person": "ann"}'
    path = tar(tmp_path / "w.tar", ("1.json", side), "1.jpg", "2.jpg", ("2.json", "1.json"), hard=True)
    assert persons(open_source(path)) == {"1.jpg": "ann", "2.jpg": "ann"}


def test_a_tar_with_symbolic_links_reads_what_they_name_in_it_and_nothing_else(tmp_path: Path) -> None:
    members = [
        *("ann/1.jpg", ".store/a/1.jpg", ".store/b", ("ann/2.jpg", "../.store/b"), ("bob", ".store/a")),
        *(("cy/1.jpg", "/etc/passwd"), ("cy/2.jpg", "../../x.jpg"), ("cy/3.jpg", "4.jpg"), ("cy/4.jpg", "3.jpg")),
        *(("dee", "gone"), ("ann/all", "..")),
    ]
    source = open_source(tar(tmp_path / "s.tar", *members))
    broken = "unreadable: a link to nothing in the archive"
    assert content(source) == {
        "ann/1.jpg": "ann/1.jpg",
        "ann/2.jpg": ".store/b",
        "bob/1.jpg": ".store/a/1.jpg",
        **{f"cy/{n}.jpg": broken for n in (1, 2, 3, 4)},
    }
    assert [line.partition(" (")[0] for line in not_read(source) if "hidden" not in line] == [
        "1 link to a folder that is listed already is left out",
        "1 link leads nowhere",
    ]


def test_a_zip_with_links_reads_what_they_name_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr("ann/1.jpg", "one")
        for name, target in (("bob/1.jpg", "../ann/1.jpg"), ("cy/1.jpg", "/etc/passwd"), ("dee/1.jpg", "1.jpg")):
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
    broken = "unreadable: a link to nothing in the archive"
    assert content(open_source(tmp_path / "l.zip")) == {
        "ann/1.jpg": "one",
        "bob/1.jpg": "one",
        "cy/1.jpg": broken,
        "dee/1.jpg": broken,
    }


# Names


@pytest.mark.parametrize(
    "side", [("json", b'{"identity": 17}'), ("json", b'{"label": 17.0}'), ("cls", b"17\n"), ("cls", b'"17"'[1:3])]
)
def test_webdataset_people_who_are_numbers(tmp_path: Path, side: tuple[str, bytes]) -> None:
    ending, said = side
    where = tar(tmp_path / "a.tar", "1.jpg", (f"1.{ending}", said), "2.jpg", (f"2.{ending}", said.replace(b"7", b"8")))
    assert persons(open_source(where)) == {"1.jpg": "17", "2.jpg": "18"}


def test_two_spellings_of_an_accent_are_one_person_in_every_kind_of_source(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    assert one != other
    where = files(tmp_path / "f", f"{one}/1.jpg", f"{other}/2.jpg")
    (where / "m.csv").write_text(f"path,person\n{one}/1.jpg,{one}\n{other}/2.jpg,{other}\n", encoding="utf-8")
    side = [json.dumps({"person": name}, ensure_ascii=False).encode() for name in (one, other)]
    sources = [
        open_source(where),
        open_source(where / "m.csv"),
        open_source(tar(tmp_path / "a.tar", f"{one}/1.jpg", f"{other}/2.jpg")),
        open_source(tar(tmp_path / "b.tar", "1.jpg", ("1.json", side[0]), "2.jpg", ("2.json", side[1]))),
    ]
    for source in sources:
        assert {photo.person for photo in source.photos} == {one}
    assert content(sources[0]) == {f"{one}/1.jpg": f"{one}/1.jpg", f"{other}/2.jpg": f"{other}/2.jpg"}


def audit_of(at: Path, **given: object) -> AuditSettings:
    return AuditSettings(training=at / "t", heldout=at / "h", generated=at / "g", **given)  # type: ignore[arg-type]


def test_a_person_in_two_roles_is_found_in_both_spellings(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    files(tmp_path / "t", f"{one}/1.jpg", "bob/1.jpg")
    files(tmp_path / "h", f"{other}/1.jpg", *(f"p{i}/1.jpg" for i in range(30)))
    files(tmp_path / "g", "1.jpg")
    with pytest.raises(InputError, match="1 people are in both"):
        open_sources(audit_of(tmp_path), Silent())


def test_people_who_become_clusters_are_told_with_the_names_that_were_there(tmp_path: Path) -> None:
    files(tmp_path / "t", "1.jpg", "2.jpg", "1.txt", "2.txt", "x.zip")
    files(tmp_path / "h", *(f"p{i}/1.jpg" for i in range(30)))
    files(tmp_path / "g", "1.jpg")
    heard = Heard()
    sources = open_sources(audit_of(tmp_path), heard)
    told = (
        "people are groups of similar faces, because training photos have no names; there and not used: 2 files .txt "
        "(training photos); the names of held-out photos"
    )
    assert heard.lines == [
        "training photos: 1 archive is not opened (such as x.zip); unpack them, or give them by themselves",
        told,
    ]
    assert about_sources(sources) == ["training photos: 1 archive is not opened", told]


def test_two_file_names_of_other_bytes_are_two_paths_and_two_people_in_a_tar(tmp_path: Path) -> None:
    odd = b"\xff".decode("utf-8", "surrogateescape")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        for name in (f"{odd}/1.jpg", r"\udcff/1.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    assert persons(open_source(tmp_path / "a.tar")) == {r"\udcff/1.jpg": r"\udcff", r"\udcff~/1.jpg": r"\udcff~"}


# Containers


@pytest.mark.parametrize("separator", [";", "\t", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_that_a_spreadsheet_wrote(tmp_path: Path, separator: str, encoding: str) -> None:
    files(tmp_path, "a/1.jpg", "b/1.jpg")
    rows = [("path", "person"), ("a/1.jpg", "Zoë, the first" if separator != "," else "Zoë"), ("b/1.jpg", "bob")]
    text = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))
    assert persons(open_source(tmp_path / "m.csv")) == {"a/1.jpg": rows[1][1], "b/1.jpg": "bob"}


def test_a_csv_in_utf_16_that_is_damaged_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("path\na.jpg\n".encode("utf-16") + b"\x00\xd8\x00")
    with pytest.raises(InputError, match="is not UTF-16 text"):
        open_source(tmp_path / "m.csv")


def pictures(n: int) -> np.ndarray:
    return np.stack([draw_photo(draw_person(0, i), 0, 32) for i in range(n)])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_samples_in_an_npz(tmp_path: Path, save: object) -> None:
    drawn = pictures(4)
    save(tmp_path / "s.npz", drawn, np.arange(4))  # type: ignore[operator]
    source = open_source(tmp_path / "s.npz", named=False)
    wanted = [source.photos[3], source.photos[1]]
    found = {photo: decode(data) for photo, data in source.stream(wanted) if isinstance(data, bytes)}
    assert np.array_equal(found[wanted[0]], drawn[3])
    assert np.array_equal(found[wanted[1]], drawn[1])
    assert left_of(source).names == ("column 'arr_1'",)


def test_an_npz_with_other_pixels_than_were_written_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", pictures(4))
    data = bytearray((tmp_path / "s.npz").read_bytes())
    data[5000] ^= 1
    (tmp_path / "s.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"damaged or incomplete \(Bad CRC-32"):
        open_source(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3, 32, 32), np.uint8), np.zeros((2, 32, 32, 3), np.float32), np.array([{}] * 2, object)]
)
def test_an_npz_of_something_else_is_refused_and_nothing_is_unpickled(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "s.npz", array)
    with pytest.raises(InputError, match="needs one array of images"):
        open_source(tmp_path / "s.npz")


MAGIC = struct.pack("<I", 0xCED7230A)


def record(labels: tuple[float, ...], data: bytes) -> bytes:
    """One record as MXNet writes it: content is cut where it holds the magic number."""
    flag, first = (0, labels[0]) if len(labels) == 1 else (len(labels), 0.0)
    whole = struct.pack("<IfQQ", flag, first, 1, 0) + (struct.pack(f"<{flag}f", *labels) if flag else b"") + data
    parts = whole.split(MAGIC) if MAGIC in whole else [whole]
    kinds = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        MAGIC + struct.pack("<I", kind << 29 | len(part)) + part + bytes(-len(part) % 4)
        for kind, part in zip(kinds, parts, strict=True)
    )


def test_a_face_set_of_insightface(tmp_path: Path) -> None:
    records = [record((3.0, 5.0), b""), record((7.0,), b"one!"), record((7.0,), b"ab12" + MAGIC + b"cd")]
    records += [record((9.0, 0.0), b"three"), record((1.0, 3.0), b"")]
    files(tmp_path / "set", "property", "lfw.bin", "train.idx", "train.lst")
    (tmp_path / "set" / "train.rec").write_bytes(b"".join(records))
    for where in (tmp_path / "set", tmp_path / "set" / "train.rec"):
        source = open_source(where)
        assert [photo.person for photo in source.photos] == ["7", "7", "9"]
        assert [data for _, data in source.stream(source.photos)] == [b"one!", b"ab12" + MAGIC + b"cd", b"three"]
    (tmp_path / "set" / "train.rec").write_bytes(b"".join(records)[:-5])
    with pytest.raises(InputError, match="damaged or incomplete"):
        open_source(tmp_path / "set")


@pytest.mark.parametrize("name", ["a.tfrecord", "a.h5", "a.mat", "a.rar", "a.7z", "a.npy", "a.pkl", "a.idx", "a.txt"])
def test_what_is_not_read_is_named_with_a_cure(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"?" * 1000)
    with pytest.raises(InputError, match=r"write|unpack|give|save") as caught:
        open_source(tmp_path / name)
    assert "give one of these" not in str(caught.value)


def written_lmdb(path: Path, values: dict[str, bytes], *, subdir: bool = True) -> None:
    with lmdb.open(str(path), map_size=2**26, subdir=subdir, lock=False) as made, made.begin(write=True) as writing:
        for key, value in values.items():
            writing.put(key.encode(), value)


@pytest.mark.parametrize("subdir", [True, False], ids=["folder", "file"])
@pytest.mark.parametrize("n", [1, 7, 2000])
def test_an_lmdb_of_images(tmp_path: Path, n: int, subdir: bool) -> None:
    """Short values in the leaves, long ones on pages of their own, and enough of them for a tree of several levels."""
    draw = np.random.default_rng(0)
    images = {f"{i:05d}.jpg": draw.bytes(int(draw.integers(100, 400 if n > 7 else 20_000))) for i in range(n)}
    path = tmp_path / ("set" if subdir else "set.lmdb")
    written_lmdb(path, images | {"length": str(n).encode()}, subdir=subdir)
    source = open_source(path)
    assert {photo.path: data for photo, data in source.stream(source.photos)} == images
    assert left_of(source).not_read == ()


def test_an_lmdb_with_each_image_in_several_sizes_gives_the_largest(tmp_path: Path) -> None:
    values = {f"{size}-{i:05d}": bytes([i]) * size for size in (128, 1024) for i in range(4)}
    written_lmdb(tmp_path / "set", values)
    source = open_source(tmp_path / "set")
    assert [photo.path for photo in source.photos] == [f"1024-{i:05d}" for i in range(4)]
    assert [str(some) for some in left_of(source).not_read] == [
        "4 smaller forms are not read (such as 128-00000); the largest form of each image is"
    ]


def test_a_damaged_lmdb_is_one_line(tmp_path: Path) -> None:
    written_lmdb(tmp_path / "set", {f"{i}": bytes(3000) for i in range(50)})
    file = tmp_path / "set" / "data.mdb"
    whole = file.read_bytes()
    draw = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for at in draw.integers(0, len(whole), 4):
            data[at] = draw.integers(256)
        for at in 16 * draw.integers(0, len(whole) // 16, 2):
            data[at : at + 8] = draw.bytes(8)
        file.write_bytes(data[: draw.integers(len(data)) if draw.random() < 0.3 else None])
        with contextlib.suppress(InputError):
            source = open_source(tmp_path / "set")
            assert all(isinstance(read, bytes | ImageError) for _, read in source.stream(source.photos))
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputError, match="is a pipe, a device or a folder"):
        open_source(tmp_path / "set")
    file.unlink()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"the LMDB is damaged or incomplete \(it ends early"):
        open_source(tmp_path / "set")


def test_archives_inside_are_said(tmp_path: Path) -> None:
    where = files(tmp_path / "f", "ann/1.jpg", "ann/more.zip", "bob/1.jpg", "bob/more.tar.gz", "all.7z")
    said = "3 archives are not opened (such as {}); unpack them, or give them by themselves"
    assert not_read(open_source(where)) == [said.format("all.7z")]
    names = ["ann/1.jpg", "ann/more.zip", "bob/1.jpg", "bob/more.tar.gz", "all.7z"]
    assert not_read(open_source(tar(tmp_path / "a.tar", *names))) == [said.format("ann/more.zip")]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    assert not_read(open_source(tmp_path / "a.zip")) == [said.format("all.7z")]
    with pytest.raises(InputError, match=r"no images \(1 archive is not opened \(such as x/more\.zip\)"):
        open_source(files(tmp_path / "only", "x/more.zip"))


# Small on disk


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_tar_bz2_that_declares_terabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.bz2"
    path.write_bytes(bz2.compress(header("a.jpg", 4 * 2**40) + bytes(2**20)))
    with pytest.raises(InputError, match="unpacks to over 256 MiB"):
        open_source(path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_tar_of_names_of_megabytes(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar.bz2"
    for blob in (header("x", 2**20, kind) + b"a" * 2**20, (header("x", 512, kind) + b"a" * 512) * 3000):
        path.write_bytes(bz2.compress(blob))
        with pytest.raises(InputError, match="damaged or incomplete"):
            open_source(path)


def test_a_tar_with_a_member_of_an_impossible_size(tmp_path: Path) -> None:
    size = b"%d" % 10**400
    record = b"%d size=%s\n" % (len(size) + 10, size)
    blob = header("x", len(record), b"x") + record.ljust(512, b"\0") + header("a.png", 0, b"0") + bytes(1024)
    (tmp_path / "a.tar").write_bytes(blob)
    with pytest.raises(InputError, match="damaged or incomplete"):
        open_source(tmp_path / "a.tar")


def test_a_csv_of_20_gib_that_is_empty_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.csv"
    path.write_text("path\n")
    os.truncate(path, 20 * 2**30)
    with pytest.raises(InputError, match=r"20\.0 GiB; a table of paths has at most 512 MiB"):
        open_source(path)
    os.truncate(path, 3 * 2**20)
    with pytest.raises(InputError, match="line 2 is no CSV"):
        open_source(path)
    monkeypatch.setattr(manifest, "MOST_ROWS", 2)
    path.write_text("path\n1.jpg\n2.jpg\n3.jpg\n")
    with pytest.raises(InputError, match="over 2 rows"):
        open_source(path)


def test_a_zip_of_millions_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.jpg", "x")
    with pytest.raises(InputError, match="over 3 members in one zip"):
        open_source(tmp_path / "a.zip")


def test_a_table_whose_one_name_of_megabytes_stands_in_every_row(tmp_path: Path) -> None:
    name = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["x" * 2**20]))
    for column in ("path", "person"):
        other = {"image": [b"1"] * 50_000} if column == "person" else {}
        pq.write_table(pa.table({column: name, **other}), tmp_path / "m.parquet", compression="zstd")
        assert (tmp_path / "m.parquet").stat().st_size < 100_000
        with pytest.raises(InputError, match="a name of over 64 KiB"):
            open_source(tmp_path / "m.parquet")


def test_a_table_of_one_image_in_every_row_is_read_within_memory(tmp_path: Path) -> None:
    image = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array([bytes(2**22)]))
    pq.write_table(pa.table({"image": image}), tmp_path / "m.parquet", compression="zstd", store_schema=False)
    source = open_source(tmp_path / "m.parquet", named=False)
    before = pa.total_allocated_bytes()
    for n, (_, data) in enumerate(source.stream(source.photos)):
        assert isinstance(data, bytes)
        assert len(data) == 2**22
        assert pa.total_allocated_bytes() - before < 2**26
        if n == 100:
            break


# Folders that are not people


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([f"{split}/p{i}/1.jpg" for split in ("train", "test") for i in range(5)], "hold 10 folders of images"),
        ([f"set/p{i}/{j}.jpg" for i in range(5) for j in range(2)], "holds 5 folders of images"),
        ([f"{letter}/{letter}{i}/1.jpg" for letter in "AB" for i in range(60)], "hold 120 folders of images"),
        ([f"images/{i}.jpg" for i in range(5)], "called like a set, not like a person; rename it if it is one"),
        ([f"{split}/{i}.jpg" for split in ("train", "val") for i in range(5)], "called like sets"),
        ([f"x/{i}.jpg" for i in range(1000)], "all 1,000 photos are in one folder"),
        ([f"{i // 1000:05d}/img{i:08d}.png" for i in range(5, 2500, 100)], "divide a list of images"),
        (["00000/img00000000.png"], "divide a list of images"),
        ([f"{i - i % 1000:05d}/{i:05d}.png" for i in range(0, 3000, 50)], "divide a list of images"),
        ([f"{i:02x}/{i:02x}{'0' * 30}.jpg" for i in range(20)], "by the beginning of its name"),
    ],
)
def test_folders_that_are_no_people_are_asked_about(tmp_path: Path, names: list[str], why: str) -> None:
    files(tmp_path / "t", *names)
    files(tmp_path / "h", *(f"q{i}/1.jpg" for i in range(30)))
    files(tmp_path / "g", "1.jpg")
    with pytest.raises(InputError, match=why) as caught:
        open_sources(audit_of(tmp_path), Silent())
    assert "--flat" in caught.value.on_command_line
    sources = open_sources(audit_of(tmp_path, flat=True), heard := Heard())
    assert {photo.person for photo in sources["training"].photos} == {None}
    assert heard.lines == [
        "people are groups of similar faces, because training photos and held-out photos have no names, as asked"
    ]


@pytest.mark.parametrize(
    "names",
    [
        [f"Aaron_{i}/Aaron_{i}_0001.jpg" for i in range(5)],
        [f"{7201 + i:05d}/{i * 977 % 9000:06d}.jpg" for i in range(30)],
        [f"s{i}/{j}.pgm" for i in range(1, 5) for j in range(1, 11)],
        [f"n{i:06d}/{j:04d}_01.jpg" for i in range(5) for j in range(3)],
        [f"{i}/{j:03d}.png" for i in range(10) for j in range(5)],
        [f"{i:04d}/img_{i * 5 + j:05d}.jpg" for i in range(10) for j in range(5)],
        [f"{i:04d}/{i:04d}{j:03d}.jpg" for i in range(10) for j in range(5)],
        [f"p{i}/{j}/{k}.jpg" for i in range(10) for j in range(3) for k in range(2)],
        [f"p{i}/{j}/1.jpg" for i in range(3) for j in range(30)],
        ["ann/deep/2.jpg", "ann/1.jpg", "bob/1.jpg"],
        [f"sks/{i}.jpg" for i in range(300)],
        [f"member_{i:03d}/{j}.jpg" for i in range(30) for j in range(2)],
        [f"id{i:05d}/video-{i}-{j}/{k}.jpg" for i in range(10) for j in range(18) for k in range(2)],
        ["Val/1.jpg", "Val/2.jpg"],
    ],
)
def test_honest_folders_of_people_pass(tmp_path: Path, names: list[str]) -> None:
    assert why_not_people(open_source(files(tmp_path, *names))) is None


def test_flat_photos_have_no_unseen_photos_of_their_people(tmp_path: Path) -> None:
    for folder in ("t", "h", "u", "g"):
        files(tmp_path / folder, "ann/1.jpg")
    with pytest.raises(InputError) as caught:
        open_sources(audit_of(tmp_path, flat=True, unseen=tmp_path / "u"), Silent())
    assert caught.value.on_command_line == (
        "--unseen: needs people's names, and with --flat photos have none; leave out one of them"
    )


def test_a_split_is_not_drawn_over_folders_that_are_no_people(tmp_path: Path) -> None:
    where = files(tmp_path / "all", *(f"{split}/p{i}/1.jpg" for split in ("train", "test") for i in range(5)))
    asked = CliRunner().invoke(app, ["split", str(where), "--out", str(tmp_path / "split.csv")])
    assert isinstance(asked.exception, InputError)
    assert "hold 10 folders of images" in str(asked.exception)
    assert not (tmp_path / "split.csv").exists()


def test_a_manifest_is_the_cure(tmp_path: Path) -> None:
    files(tmp_path, "train/1.jpg", "train/2.jpg")
    (tmp_path / "m.csv").write_text("path,person\ntrain/1.jpg,train\ntrain/2.jpg,train\n")
    assert why_not_people(open_source(tmp_path)) is not None
    assert why_not_people(open_source(tmp_path / "m.csv")) is None


def table(person_of: Mapping[int, int], faces: np.ndarray) -> Embedded:
    photos = tuple(Photo(f"{who:03d}/{row}.jpg", f"{who:03d}") for row, who in sorted(person_of.items()))
    keys = tuple(struct.pack("<q", row) for row in range(len(faces)))
    return Embedded(photos, keys, faces, None, np.ones(len(faces), np.int32), (), len(faces))


def test_photos_in_a_folder_no_more_alike_than_strangers_are_refused() -> None:
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(50, 64))
    who = np.repeat(np.arange(50), 4)
    faces = (centres[who] + draw.normal(size=(200, 64))).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    honest = table(dict(enumerate(who.tolist())), faces)
    found = find_people({"training": honest, "heldout": honest}, named=True, seed=0)
    assert len(found.training.people) == 50
    for buckets in (draw.permutation(who), np.arange(200) // 40, draw.permutation(np.arange(200) // 20)):
        mixed = table(dict(enumerate(buckets.tolist())), faces)
        with pytest.raises(InputError, match="hardly more alike than photos of two") as caught:
            find_people({"training": mixed, "heldout": honest}, named=True, seed=0)
        assert "--flat" in caught.value.on_command_line
    mixed = table(dict(enumerate(draw.permutation(who).tolist())), faces)
    with pytest.raises(InputError, match="hardly more alike") as caught:
        find_people({"training": honest, "heldout": honest, "reference": mixed}, named=True, seed=0)
    assert "flat" not in caught.value.on_command_line


def test_one_person_alone_and_twins_pass_and_a_single_folder_of_strangers_does_not() -> None:
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(80, 64))
    centres[1] = centres[0]

    def people(who: np.ndarray, folders: np.ndarray) -> Embedded:
        faces = (centres[who] + draw.normal(size=(len(who), 64))).astype(np.float32)
        return table(dict(enumerate(folders.tolist())), faces / np.linalg.norm(faces, axis=1, keepdims=True))

    strangers = np.repeat(np.arange(40, 80), 4)
    heldout = people(strangers, strangers)
    alone, twins = np.zeros(150, int), np.repeat([0, 1], 20)
    for who in (alone, twins):
        found = find_people({"training": people(who, who), "heldout": heldout}, named=True, seed=0)
        assert len(found.training.people) == len(set(who.tolist()))
    one_folder = people(np.arange(150) % 40, alone)
    with pytest.raises(InputError, match="hardly more alike than photos of two"):
        find_people({"training": one_folder, "heldout": heldout}, named=True, seed=0)
