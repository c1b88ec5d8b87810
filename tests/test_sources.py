"""Folder, zip, tar and manifest give the same photos; bad ones say what is wrong and what to do in one line."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import os
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import role_of
from probablyexists.sources import archives, listing, tars
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, left_of, open_source

NAMED = {"ann/1.jpg": b"A1", "ann/deep/2.jpg": b"A2", "bob/1.png": b"B1"}
FLAT = {"b.jpg": b"b", "a": b"a", "c.unknown": b"c"}
NAMED_PHOTOS = (Photo("ann/1.jpg", "ann"), Photo("ann/deep/2.jpg", "ann"), Photo("bob/1.png", "bob"))

Pack = Callable[[Path, Mapping[str, bytes]], Path]


def as_folder(at: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        place = at / "folder" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return at / "folder"


def as_zip(at: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(at / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return at / "images.zip"


def as_tar(at: Path, files: Mapping[str, bytes], mode: str = "w", suffix: str = ".tar") -> Path:
    path = at / f"images{suffix}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def as_tgz(at: Path, files: Mapping[str, bytes]) -> Path:
    return as_tar(at, files, "w:gz", ".tar.gz")


def as_tbz(at: Path, files: Mapping[str, bytes]) -> Path:
    return as_tar(at, files, "w:bz2", ".tar.bz2")


def as_txz(at: Path, files: Mapping[str, bytes]) -> Path:
    return as_tar(at, files, "w:xz", ".tar.xz")


ARCHIVES = [as_zip, as_tar, as_tgz, as_tbz, as_txz]
ALL = [as_folder, *ARCHIVES]


def got(source: Source) -> dict[str, bytes | str]:
    """Path to bytes, or to the reason why there are none."""
    found = {
        photo.path: item.reason if isinstance(item, ImageError) else item
        for photo, item in source.stream(source.photos)
    }
    assert set(found) == {photo.path for photo in source.photos}
    return found


def refused(where: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        open_source(where, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(listing.shown(where))
    return message


# What every kind has in common


@pytest.mark.parametrize("pack", ALL)
def test_one_folder_a_person(pack: Pack, tmp_path: Path) -> None:
    where = pack(tmp_path, NAMED)
    source = open_source(where)
    assert source.name == str(where)
    assert source.photos == NAMED_PHOTOS
    assert got(source) == NAMED
    assert got(open_source(str(where))) == NAMED


@pytest.mark.parametrize("pack", ALL)
def test_flat(pack: Pack, tmp_path: Path) -> None:
    source = open_source(pack(tmp_path, FLAT))
    assert source.photos == (Photo("a", None), Photo("b.jpg", None), Photo("c.unknown", None))
    assert got(source) == FLAT


@pytest.mark.parametrize("pack", ALL)
def test_folders_can_be_ignored(pack: Pack, tmp_path: Path) -> None:
    source = open_source(pack(tmp_path, {**NAMED, "loose.jpg": b"L"}), named=False)
    assert {photo.person for photo in source.photos} == {None}
    assert got(source) == {**NAMED, "loose.jpg": b"L"}


@pytest.mark.parametrize("pack", ALL)
def test_people_can_be_insisted_on(pack: Pack, tmp_path: Path) -> None:
    assert "no sub-folders" in refused(pack(tmp_path, FLAT), named=True)


@pytest.mark.parametrize("pack", ALL)
def test_half_named_is_refused_with_counts(pack: Pack, tmp_path: Path) -> None:
    message = refused(pack(tmp_path, {**NAMED, "x.jpg": b"x", "y.jpg": b"y"}))
    assert "2 images are loose" in message
    assert "2 folders" in message


@pytest.mark.parametrize("pack", ALL)
def test_what_is_no_image_is_not_listed(pack: Pack, tmp_path: Path) -> None:
    other = [
        *("notes.txt", "labels.CSV", "README", "ann/meta.json", "ann/.hidden.jpg", ".git/a.jpg", "ann/Thumbs.db"),
        *("__MACOSX/ann/1.jpg", "ann/desktop.ini", "ann/weights.npy", "LICENSE", "ann/.cache/1.jpg"),
    ]
    source = open_source(pack(tmp_path, {**dict.fromkeys(other, b"?"), **NAMED}))
    assert source.photos == NAMED_PHOTOS


@pytest.mark.parametrize("pack", ALL)
def test_nothing_inside(pack: Pack, tmp_path: Path) -> None:
    assert "no images" in refused(pack(tmp_path, {"notes.txt": b"?"}))


@pytest.mark.parametrize("pack", ALL)
def test_odd_names_survive_and_can_be_written_down(pack: Pack, tmp_path: Path) -> None:
    names = [
        "<script>alert(1)</script>.jpg",
        "two\nlines.jpg",
        'quo"te.jpg',
        "ünï-顔.png",
        " .jpg",
        "-rf.jpg",
        "a,b.jpg",
    ]
    flat = {name.replace("/", "∕"): name.encode() for name in names}
    source = open_source(pack(tmp_path, flat))
    assert got(source) == flat
    json.dumps([photo.path for photo in source.photos], ensure_ascii=False).encode("utf-8")
    named = {f"p{name}/x.jpg": data for name, data in flat.items()}
    (tmp_path / "named").mkdir()
    source = open_source(pack(tmp_path / "named", named))
    assert {photo.person for photo in source.photos} == {f"p{name}" for name in flat}


@pytest.mark.parametrize("pack", [as_folder, as_tar])
def test_names_that_are_no_text(pack: Pack, tmp_path: Path) -> None:
    name = b"caf\xe9/\xff.jpg".decode("utf-8", "surrogateescape")
    try:
        where = pack(tmp_path, {name: b"1", "bob/x.jpg": b"2"})
    except OSError:
        pytest.skip("the file system holds UTF-8 names only")
    source = open_source(where)
    assert source.photos == (Photo("bob/x.jpg", "bob"), Photo(r"caf\udce9/\udcff.jpg", r"caf\udce9"))
    assert got(source) == {"bob/x.jpg": b"2", r"caf\udce9/\udcff.jpg": b"1"}


@pytest.mark.parametrize("pack", ALL)
def test_streaming_a_part_and_again(pack: Pack, tmp_path: Path) -> None:
    source = open_source(pack(tmp_path, NAMED))
    assert list(source.stream([])) == []
    for _ in range(2):
        wanted = [source.photos[2], source.photos[0]]
        assert dict(source.stream(wanted)) == {wanted[0]: b"B1", wanted[1]: b"A1"}


def test_photos_are_sorted_by_path_whatever_the_order_on_disk(tmp_path: Path) -> None:
    names = ["Z.jpg", "a.jpg", "B.jpg", "é.jpg", "a-.jpg", "10.jpg", "9.jpg"]
    for pack in (as_zip, as_tar, as_folder):
        source = open_source(pack(tmp_path, dict.fromkeys(names, b".")))
        assert [photo.path for photo in source.photos] == sorted(names, key=str.encode)


# Folders


def test_links(tmp_path: Path) -> None:
    where = as_folder(tmp_path, NAMED)
    (where / "bob" / "link.jpg").symlink_to(where / "ann" / "1.jpg")
    (where / "bob" / "broken.jpg").symlink_to(where / "gone.jpg")
    (where / "loop").symlink_to(where)
    (where / "ann" / "loop.jpg").symlink_to(where / "ann")
    source = open_source(where)
    assert got(source) == {**NAMED, "bob/link.jpg": b"A1", "bob/broken.jpg": "unreadable"}
    assert [str(some) for some in left_of(source).not_read] == [
        "2 links to folders that are listed already are left out (such as ann/loop.jpg); remove them"
    ]


def test_a_file_that_vanishes_or_grows_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = as_folder(tmp_path, NAMED)
    source = open_source(where)
    (where / "bob/1.png").unlink()
    os.truncate(where / "ann/1.jpg", listing.MAX_BYTES + 1)  # sparse: takes no room
    assert got(source) == {"ann/1.jpg": "too large", "ann/deep/2.jpg": b"A2", "bob/1.png": "unreadable"}


def test_pipes_are_left_alone(tmp_path: Path) -> None:
    where = as_folder(tmp_path, NAMED)
    os.mkfifo(where / "ann" / "pipe.jpg")
    assert open_source(where).photos == NAMED_PHOTOS


def test_missing_empty_and_foreign(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "does not exist" in refused(tmp_path / "no\nwhere")
    (tmp_path / "empty").mkdir()
    assert "no images" in refused(tmp_path / "empty")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    assert "give one of these" in refused(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match="does not exist"):
        open_source("")
    with pytest.raises(InputError, match="cannot be read"):
        open_source("a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in refused(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    where = as_folder(tmp_path, NAMED)
    (where / "ann").chmod(0)
    assert "permission" in refused(where)
    (where / "ann").chmod(0o700)


def test_names_made_safe_stay_apart(tmp_path: Path) -> None:
    names = [b"\xff.jpg".decode("utf-8", "surrogateescape"), r"\udcff.jpg"]
    try:
        where = as_folder(tmp_path, {name: bytes([n]) for n, name in enumerate(names)})
    except OSError:
        pytest.skip("the file system holds UTF-8 names only")
    assert got(open_source(where)) == {r"\udcff.jpg": b"\1", r"\udcff.jpg~": b"\0"}


# Archives


@pytest.mark.parametrize("pack", ARCHIVES)
def test_one_common_top_folder_is_no_person(pack: Pack, tmp_path: Path) -> None:
    source = open_source(pack(tmp_path, {f"set/{name}": data for name, data in NAMED.items()}))
    assert [photo.person for photo in source.photos] == ["ann", "ann", "bob"]
    assert source.photos[0].path == "set/ann/1.jpg"
    (tmp_path / "flat").mkdir()
    source = open_source(pack(tmp_path / "flat", {f"set/{name}": data for name, data in FLAT.items()}))
    assert {photo.person for photo in source.photos} == {None}


@pytest.mark.parametrize("pack", ARCHIVES)
def test_a_leading_dot_is_nothing(pack: Pack, tmp_path: Path) -> None:
    assert got(open_source(pack(tmp_path, {f"./{name}": data for name, data in NAMED.items()}))) == NAMED


@pytest.mark.parametrize("pack", ARCHIVES)
def test_names_that_climb_out_are_only_names(pack: Pack, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    where = pack(inside, {"../../etc/passwd": b"x", "../evil.jpg": b"y"})
    before = sorted(tmp_path.rglob("*"))
    source = open_source(where, named=False)
    assert got(source) == {"../../etc/passwd": b"x", "../evil.jpg": b"y"}
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # zipfile's, on writing it
@pytest.mark.parametrize("pack", ["zip", "tar", "tgz"])
def test_of_two_members_with_one_name_the_last_wins(pack: str, tmp_path: Path) -> None:
    path = tmp_path / f"images.{pack}"
    if pack == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for data in (b"first", b"last"):
                archive.writestr("a.jpg", data)
    else:
        with tarfile.open(path, "w:gz" if pack == "tgz" else "w") as tar:
            for data in (b"first", b"last"):
                info = tarfile.TarInfo("a.jpg")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    assert got(open_source(path)) == {"a.jpg": b"last"}


def test_tar_members_that_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("l.jpg", tarfile.SYMTYPE), ("h.jpg", tarfile.LNKTYPE), ("d.jpg", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("folder.jpg")
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("empty.jpg"))
    source = open_source(path)
    assert got(source) == {"empty.jpg": b"", "h.jpg": "unreadable", "l.jpg": "unreadable"}
    assert [str(some) for some in left_of(source).not_read] == [
        "1 pipe or device is not read (such as d.jpg); remove them"
    ]


def test_zip_members_that_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("folder.jpg")
        archive.writestr("empty.jpg", b"")
    assert got(open_source(path)) == {"empty.jpg": b"", "link.jpg": "unreadable"}


def test_backslashes_of_a_dos_zip_are_separators(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("ann\\1.jpg", "bob\\1.jpg"):
            info = zipfile.ZipInfo(name)
            info.create_system = 0
            archive.writestr(info, b"x")
    assert open_source(path).photos == (Photo("ann/1.jpg", "ann"), Photo("bob/1.jpg", "bob"))


def forge_zip(path: Path, name: bytes, **fields: int) -> None:
    """Overwrite fields of one member in both of a zip's headers."""
    local = {"flags": (6, "<H"), "method": (8, "<H"), "size": (22, "<I")}
    central = {"flags": (8, "<H"), "method": (10, "<H"), "size": (24, "<I")}
    data = bytearray(path.read_bytes())
    for places, start in ((local, data.index(name) - 30), (central, data.rindex(name) - 46)):
        for field, value in fields.items():
            at, form = places[field]
            struct.pack_into(form, data, start + at, value)
    path.write_bytes(data)


def test_zip_encrypted_and_unknown_methods(tmp_path: Path) -> None:
    path = as_zip(tmp_path, {"a.jpg": b"a", "b.jpg": b"b", "c.jpg": b"c"})
    forge_zip(path, b"b.jpg", flags=1)
    forge_zip(path, b"c.jpg", method=97)
    source = open_source(path)
    assert got(source) == {"a.jpg": b"a", "b.jpg": "unreadable", "c.jpg": "unreadable"}
    assert str(dict(source.stream(source.photos))[source.photos[1]]) == "unreadable: encrypted"


def test_zip_bomb_that_says_so(tmp_path: Path) -> None:
    path = as_zip(tmp_path, {"a.jpg": b"a", "bomb.jpg": b"b"})
    forge_zip(path, b"bomb.jpg", size=listing.MAX_BYTES + 1)
    assert got(open_source(path)) == {"a.jpg": b"a", "bomb.jpg": "too large"}


def test_zip_bomb_whose_header_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip(tmp_path, {"a.jpg": b"a", "bomb.jpg": bytes(10**7)})
    forge_zip(path, b"bomb.jpg", size=1000)
    found = dict(open_source(path).stream(open_source(path).photos))
    bomb = found[Photo("bomb.jpg", None)]
    assert isinstance(bomb, ImageError)  # the checksum of what was read is another
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    path = as_zip(tmp_path, {"a.jpg": b"a", "b.jpg": b"b" * 1000, "c.jpg": b"c" * 1001})
    assert got(open_source(path)) == {"a.jpg": b"a", "b.jpg": b"b" * 1000, "c.jpg": "too large"}


def test_tar_member_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MAX_BYTES", 1000)
    for pack in (as_tar, as_tgz):
        path = pack(tmp_path, {"a.jpg": b"a", "b.jpg": b"b" * 1000, "c.jpg": b"c" * 1001, "d.jpg": b"d"})
        assert got(open_source(path)) == {
            "a.jpg": b"a",
            "b.jpg": b"b" * 1000,
            "c.jpg": "too large",
            "d.jpg": b"d",
        }


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_tar_header_bomb(kind: bytes, tmp_path: Path) -> None:
    """A name of gigabytes, in a few kilobytes of gzip: it must not be read into memory."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 8 * 2**30
    path = tmp_path / "images.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(10**6)))
    assert "damaged" in refused(path)


def test_archives_are_known_by_their_content_too(tmp_path: Path) -> None:
    for pack in (as_zip, as_tar):
        path = pack(tmp_path, NAMED)
        assert open_source(path.rename(path.with_suffix(".bin"))).photos == NAMED_PHOTOS


@pytest.mark.parametrize("pack", ARCHIVES)
def test_damaged_archives(pack: Pack, tmp_path: Path) -> None:
    path = pack(tmp_path, {f"{n}.jpg": bytes([n]) * 5000 for n in range(20)})
    data = path.read_bytes()
    for bad in (b"", b"not an archive", data[: len(data) // 2], b"\0\1\2\3" * 200):
        path.write_bytes(bad)
        assert "damaged" in refused(path) or "no images" in refused(path)


def test_a_tar_with_a_bad_header_in_its_middle_is_not_half_read(tmp_path: Path) -> None:
    path = as_tar(tmp_path, {"a.jpg": b"a", "b.jpg": b"b", "c.jpg": b"c"})
    data = bytearray(path.read_bytes())
    data[1024:1034] = b"?" * 10
    path.write_bytes(data)
    assert "damaged" in refused(path)


def test_a_download_that_stopped_between_two_members_is_no_smaller_set(tmp_path: Path) -> None:
    path = as_tar(tmp_path, FLAT)
    whole = path.read_bytes()
    for n in (2 * 1024, 3 * 1024):  # after the second and the last of three members
        path.write_bytes(whole[:n])
        assert "ends early: its end mark is missing" in refused(path)
    path.write_bytes(whole + whole)
    assert "a second archive is joined to its end" in refused(path)


def test_damage_after_listing_is_an_image_error(tmp_path: Path) -> None:
    zipped = as_zip(tmp_path, {"a.jpg": b"a" * 100, "b.jpg": b"b" * 100})
    data = bytearray(zipped.read_bytes())
    data[data.index(b"a.jpg") + 6] ^= 0xFF
    zipped.write_bytes(data)
    assert got(open_source(zipped)) == {"a.jpg": "unreadable", "b.jpg": b"b" * 100}

    packed = as_tgz(tmp_path, {f"{n}.jpg": os.urandom(3000) for n in range(3)})
    source = open_source(packed)
    packed.write_bytes(packed.read_bytes()[:5000])
    found = got(source)
    assert isinstance(found["0.jpg"], bytes)
    assert found["2.jpg"] == "unreadable"
    for gone in (zipped, packed):
        source = open_source(gone) if gone == zipped else source
        gone.unlink()
        assert set(got(source).values()) == {"unreadable"}


@pytest.mark.parametrize("pack", ARCHIVES)
def test_mutated_archives_raise_nothing_else(pack: Pack, tmp_path: Path) -> None:
    path = pack(tmp_path, {f"p{n % 2}/{n}.jpg": bytes([n]) * 200 for n in range(4)})
    good = path.read_bytes()
    draw = random.Random(0)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            bad[draw.randrange(len(bad))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        path.write_bytes(bad)
        with contextlib.suppress(InputError):
            source = open_source(path, named=False)
            assert len(got(source)) == len(source.photos) > 0


def test_bzip2_and_gzip_without_a_tar_inside(tmp_path: Path) -> None:
    for suffix, pack in ((".tar.gz", gzip.compress), (".tar.bz2", bz2.compress), (".tgz", zlib.compress)):
        path = tmp_path / f"x{suffix}"
        path.write_bytes(pack(b"hello " * 1000))
        assert "damaged" in refused(path)


# Manifests


def manifest(at: Path, text: str | bytes, name: str = "m.csv") -> Path:
    as_folder(at, {**NAMED, "x.jpg": b"x"})
    path = at / "folder" / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_manifest_with_people(tmp_path: Path) -> None:
    path = manifest(tmp_path, "note,path,person\nhi,bob/1.png,Bob\n,ann/1.jpg,Ann\nyo,./x.jpg,Ann\n")
    source = open_source(path)
    assert source.photos == (Photo("./x.jpg", "Ann"), Photo("ann/1.jpg", "Ann"), Photo("bob/1.png", "Bob"))
    assert got(source) == {"./x.jpg": b"x", "ann/1.jpg": b"A1", "bob/1.png": b"B1"}
    assert {photo.person for photo in open_source(path, named=False).photos} == {None}
    assert open_source(path, role="heldout").photos == source.photos


@pytest.mark.parametrize(
    "text", ["path\nx.jpg\nann/1.jpg\n", "path,person\nx.jpg,\nann/1.jpg, \n", "\ufeffPath \r\nx.jpg\r\n\r\nann/1.jpg"]
)
def test_manifest_without_people(text: str, tmp_path: Path) -> None:
    path = manifest(tmp_path, text)
    assert open_source(path).photos == (Photo("ann/1.jpg", None), Photo("x.jpg", None))
    assert "person" in refused(path, named=True)


def test_manifest_roles(tmp_path: Path) -> None:
    rows = (
        "path,person,role\nann/1.jpg,ann,Seen\nann/deep/2.jpg,ann,unseen\nbob/1.png,bob,held-out\nx.jpg,eve,members\n"
    )
    path = manifest(tmp_path, rows)
    assert [photo.path for photo in open_source(path, role="training").photos] == ["ann/1.jpg", "x.jpg"]
    assert [photo.path for photo in open_source(path, role="unseen").photos] == ["ann/deep/2.jpg"]
    assert [photo.path for photo in open_source(path, role="heldout").photos] == ["bob/1.png"]
    assert len(open_source(path).photos) == 4
    message = refused(path, role="generated")
    assert "no images of role generated" in message
    assert "2 training" in message


def test_role_words() -> None:
    words = "training member members seen unseen heldout held-out held_out non-member generated"
    roles = ["training"] * 4 + ["unseen"] + ["heldout"] * 4 + ["generated"]
    assert [role_of(word) for word in words.split()] == roles
    assert [role_of(word) for word in ("", "test", "un seen")] == [None] * 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("path,person\n", "no rows"),
        ("file,who\na.jpg,ann\n", "no column path (it has: file, who)"),
        ("path|person\na.jpg|ann\n", "no column path (it has: path|person)"),
        ("path,path\nx.jpg,x.jpg\n", "column path is there twice"),
        ("path,person\nx.jpg,ann\nx.jpg,bob\n", "x.jpg has person ann in row 2 and bob in row 3"),
        ("path,person\nx.jpg,ann\n./x.jpg,bob\n", "in row 2 and bob in row 3"),
        ("path,role\nx.jpg,seen\nx.jpg,heldout\n", "role training in row 2 and heldout in row 3"),
        ("path,role\nx.jpg,trial\n", "row 2 has the role 'trial'"),
        ("path,role\nx.jpg,\n", "row 2 has the role ''"),
        ("path,person\nx.jpg,ann\n,bob\n", "row 3 has no path"),
        ("path,person\nx.jpg,ann\nann/1.jpg,\n", "empty in 1 of 2 rows, first in row 3"),
        ("path,person\na, b.jpg,ann\n", "row 2 has 3 cells, the header 2"),
        ("path,person\nx.jpg\n", "row 2 has 1 cells, the header 2"),
        (b"path\nx.jpg\ncaf\xe9.jpg\n", "row 3 is not UTF-8"),
        ("path\n" + "x" * 200_000 + "\n", "row 2 is no CSV"),
        ("path\nelse/where.jpg\n", "none of its first 1 images is there, such as else/where.jpg"),
        ("path\n\0\n", "is there"),
        ('path,person\n"x\n.jpg",ann\n"x\n.jpg",bob\n', "in row 2 and bob in row 3"),
    ],
)
def test_bad_manifests_name_row_and_remedy(text: str | bytes, says: str, tmp_path: Path) -> None:
    assert says in refused(manifest(tmp_path, text))


def test_manifest_repeated_rows_and_missing_files(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,person\nx.jpg,ann\nx.jpg,ann\ngone.jpg,bob\nann,bob\n/dev/zero,eve\n")
    source = open_source(path)
    assert len(source.photos) == 4
    reasons = {"x.jpg": b"x", "gone.jpg": "unreadable", "ann": "unreadable", "/dev/zero": "unreadable"}
    assert got(source) == reasons


def test_parquet(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    where = as_folder(tmp_path, NAMED)

    def table(**columns: object) -> Path:
        pq.write_table(pa.table(columns), where / "m.parquet")
        return where / "m.parquet"

    paths = ["bob/1.png", "ann/1.jpg"]
    expected = (Photo("ann/1.jpg", "7"), Photo("bob/1.png", "8"))
    assert open_source(table(person=pa.array([8, 7]), other=[1.5, 2.5], path=paths)).photos == expected
    coded = pa.array(["8", "7"]).dictionary_encode()
    assert got(open_source(table(path=paths, person=coded))) == {"bob/1.png": b"B1", "ann/1.jpg": b"A1"}
    assert open_source(table(path=paths, person=pa.nulls(2))).photos[0].person is None
    assert "empty in 1 of 2 rows, first in row 2" in refused(table(path=paths, person=["b", None]))
    assert "row 1 has no path" in refused(table(path=pa.array([None, "x"])))
    assert "column person is of type double" in refused(table(path=paths, person=[1.0, 2.0]))
    assert "no column path" in refused(table(file=paths))
    assert "no rows" in refused(table(path=pa.array([], pa.string())))
    good = table(path=paths, role=["seen", "heldout"])
    assert [photo.path for photo in open_source(good, role="heldout").photos] == ["ann/1.jpg"]
    for bad in (b"", b"PAR1", b"hello" * 100, good.read_bytes()[:-20]):
        good.write_bytes(bad)
        assert "not a readable Parquet file" in refused(good)
