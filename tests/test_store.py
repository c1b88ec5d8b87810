"""The table of embeddings: computed once, the same however it was computed, and nothing dropped in silence."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Silent
from probablyexists.embeddings import embed as embed_module
from probablyexists.embeddings.embed import Embedded, embed, in_threads, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.embeddings.store import Row, Store
from probablyexists.faces.acquire import FacesMode
from probablyexists.faces.alignment import Template
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, open_source


class Stopped(BaseException):
    """The work is interrupted here."""


class Averages:
    """A recogniser for tests: the mean colours of 4 x 4 fields of the chip. Stops after `until` batches."""

    side = 32
    template: Template = "dlib"
    dim = 48

    def __init__(self, until: int | None = None, name: str = "averages") -> None:
        self.id = name
        self.until = until
        self.n_embedded = 0

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.until is not None:
            if self.until == 0:
                raise Stopped
            self.until -= 1
        self.n_embedded += len(chips)
        fields = chips.reshape(len(chips), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(chips), -1)
        return np.asarray(fields / np.linalg.norm(fields, axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class Listed:
    """A source that hands out its photos in the order it was given."""

    name: str
    photos: tuple[Photo, ...]
    content: dict[str, bytes | ImageError]

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        for photo in wanted:
            yield photo, self.content[photo.path]


def run(
    source: Source,
    cache: Path,
    recogniser: Averages | DlibRecogniser | None = None,
    mode: FacesMode = "aligned",
    threads: int | None = 2,
) -> Embedded:
    recogniser = recogniser or Averages()
    return embed(source, recogniser, open_store(cache, recogniser, mode), mode, Silent(), "photos", in_threads(threads))


def equal(one: Embedded, other: Embedded) -> bool:
    """Row for row, bit for bit; how much of it was computed now does not matter."""
    return (
        one.photos == other.photos
        and one.sha256 == other.sha256
        and np.array_equal(one.embeddings, other.embeddings)
        and np.array_equal(one.pictures, other.pictures)
        and np.array_equal(one.n_faces, other.n_faces)
        and one.set_aside == other.set_aside
    )


def parts(cache: Path) -> list[Path]:
    return sorted(cache.glob("embeddings/*/part-*.parquet"))


@pytest.fixture
def mixed(population: Path, tmp_path: Path) -> Path:
    """A folder of 50 photos of which 4 cannot be used."""
    folder = tmp_path / "mixed"
    shutil.copytree(population, folder)
    whole = (folder / "person-0000" / "000.png").read_bytes()
    (folder / "person-0001" / "000.png").write_bytes(whole[: len(whole) // 2])
    (folder / "person-0001" / "001.png").write_bytes(b"")
    (folder / "person-0002" / "002.png").write_bytes(b"GIF, says the name, but it is text")
    (folder / "person-0003" / "003.png").write_bytes(b"the same text nowhere else")
    return folder


# --- once in its life -----------------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing(population: Path, tmp_path: Path, recogniser: DlibRecogniser) -> None:
    source = open_source(population)
    first = run(source, tmp_path, recogniser)
    second = run(source, tmp_path, recogniser)
    assert (len(first), first.n_computed) == (50, 50)
    assert second.n_computed == 0
    assert equal(first, second)
    assert first.embeddings.dtype == np.float32
    assert first.pictures.shape == (50, 2, 48, 48)


def test_the_store_gives_back_what_the_recogniser_gave(
    population: Path, tmp_path: Path, recogniser: DlibRecogniser
) -> None:
    """Bit for bit through Parquet, each embedding with its own photo."""
    from probablyexists.faces.acquire import Face, acquire

    source = open_source(population)
    table = run(source, tmp_path, recogniser)
    for i in (0, 7, 49):
        data = (population / table.photos[i].path).read_bytes()
        (face,) = acquire([data], "aligned")
        assert isinstance(face, Face)
        assert table.sha256[i] == hashlib.sha256(data).digest()
        assert np.array_equal(table.embeddings[i], recogniser.embed(face.chip[None])[0])
        assert np.array_equal(table.pictures[i], face.picture)


def test_the_same_photo_under_two_names_is_embedded_once(population: Path, tmp_path: Path) -> None:
    shutil.copytree(population, tmp_path / "photos" / "a")
    shutil.copytree(population, tmp_path / "photos" / "b")
    recogniser = Averages()
    table = run(open_source(tmp_path / "photos", named=False), tmp_path / "cache", recogniser)
    assert (len(table), table.n_computed, recogniser.n_embedded) == (100, 50, 50)
    assert np.array_equal(table.embeddings[:50], table.embeddings[50:])
    again = run(open_source(population), tmp_path / "cache", recogniser)
    assert again.n_computed == 0


def test_new_photos_are_added_to_the_old(population: Path, tmp_path: Path) -> None:
    recogniser = Averages()
    run(open_source(population / "person-0000"), tmp_path, recogniser)
    table = run(open_source(population), tmp_path, recogniser)
    assert (table.n_computed, recogniser.n_embedded) == (45, 50)
    assert equal(table, run(open_source(population), tmp_path / "other"))


@pytest.mark.parametrize("differs", ["recogniser", "mode"])
def test_what_was_made_differently_is_never_shared(population: Path, tmp_path: Path, differs: str) -> None:
    source = open_source(population / "person-0000")
    run(source, tmp_path, Averages(), "aligned")
    if differs == "recogniser":
        table = run(source, tmp_path, Averages(name="averages, version 2"), "aligned")
    else:
        table = run(source, tmp_path, Averages(), "detect")
    assert table.n_computed == 5
    assert len({part.parent for part in parts(tmp_path)}) == 2


# --- the same table however it came about ---------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("rows_a_part", [1, 7, 256])
def test_threads_and_parts_change_nothing(
    mixed: Path, tmp_path: Path, threads: int, rows_a_part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(open_source(mixed), tmp_path / "expected", threads=1)
    monkeypatch.setattr(embed_module, "ROWS_A_PART", rows_a_part)
    assert equal(run(open_source(mixed), tmp_path / "cache", threads=threads), expected)
    assert len(parts(tmp_path / "cache")) == -(-50 // rows_a_part)


def test_order_of_photos_and_batches_change_no_embedding(
    population: Path, tmp_path: Path, recogniser: DlibRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(population)
    expected = run(source, tmp_path / "expected", recogniser)
    content = dict(_contents(source))
    order = list(range(50))
    random.Random(3).shuffle(order)
    monkeypatch.setattr(embed_module, "BATCH", 3)
    shuffled = Listed("shuffled", tuple(source.photos[i] for i in order), content)
    assert equal(run(shuffled, tmp_path / "cache", recogniser), expected.take(order))


def _contents(source: Source) -> Iterator[tuple[str, bytes | ImageError]]:
    for photo, data in source.stream(source.photos):
        yield photo.path, data


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(0, 12), max_size=4), rows_a_part=st.integers(1, 20))
def test_interrupted_and_resumed_gives_the_same_table(
    mixed: Path, tmp_path: Path, stops: list[int], rows_a_part: int
) -> None:
    """Each run is stopped after so many batches of 4; the next one goes on where it was."""
    expected = run(open_source(mixed), tmp_path / "expected")
    cache = tmp_path / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed_module, "BATCH", 4)
        patch.setattr(embed_module, "ROWS_A_PART", rows_a_part)
        for stop in stops:
            recogniser = Averages(until=stop)
            with contextlib.suppress(Stopped):
                run(open_source(mixed), cache, recogniser)
        last = Averages()
        table = run(open_source(mixed), cache, last)
    assert equal(table, expected)
    assert last.n_embedded <= 46


def test_a_stopped_run_keeps_what_is_done(population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_module, "BATCH", 5)
    monkeypatch.setattr(embed_module, "ROWS_A_PART", 10)
    with pytest.raises(Stopped):
        run(open_source(population), tmp_path, Averages(until=7), threads=1)
    assert len(parts(tmp_path)) == 4  # 35 embedded: three whole parts and what was left
    assert run(open_source(population), tmp_path).n_computed == 15


def test_two_runs_at_once_do_no_harm(population: Path, tmp_path: Path) -> None:
    """Both open the empty store, both write all rows: the table is as if one had."""
    recogniser = Averages()
    source = open_source(population)
    one, other = (open_store(tmp_path, recogniser, "aligned") for _ in range(2))
    tables = [embed(source, recogniser, store, "aligned", Silent(), "", in_threads(1)) for store in (one, other)]
    assert [t.n_computed for t in tables] == [50, 50]
    assert equal(*tables)
    assert equal(run(source, tmp_path), tables[0])


# --- nothing dropped in silence -------------------------------------------------------------------------------------


def test_unusable_images_are_set_aside_counted_and_remembered(mixed: Path, tmp_path: Path) -> None:
    first = run(open_source(mixed), tmp_path)
    assert (len(first), len(first.set_aside)) == (46, 4)
    assert Counter(a.reason for a in first.set_aside) == {"not an image": 2, "truncated": 1, "empty file": 1}
    assert [a.photo.path for a in first.set_aside] == [
        "person-0001/000.png",
        "person-0001/001.png",
        "person-0002/002.png",
        "person-0003/003.png",
    ]
    assert first.n_no_face == 0
    second = run(open_source(mixed), tmp_path)
    assert second.n_computed == 0
    assert equal(first, second)


def test_failures_to_acquire_are_told_from_damaged_images(mixed: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.linear_gradient("L").convert("RGB").save(mixed / "person-0004" / "000.png")
    table = run(open_source(mixed), tmp_path, mode="detect")
    n_no_face = sum(a.reason == "no face found" for a in table.set_aside)
    assert table.n_no_face == n_no_face >= 1
    assert len(table) + len(table.set_aside) == 50
    assert "person-0004/000.png" in [a.photo.path for a in table.set_aside if a.reason == "no face found"]
    assert (table.n_faces >= 1).all()


def test_a_photo_that_cannot_be_read_is_set_aside_but_not_remembered(tmp_path: Path, population: Path) -> None:
    """It may be readable next time."""
    good = (population / "person-0000" / "000.png").read_bytes()
    photos = (Photo("a.png", None), Photo("b.png", None))
    table = run(Listed("", photos, {"a.png": ImageError("unreadable"), "b.png": good}), tmp_path)
    assert [(a.photo.path, a.reason) for a in table.set_aside] == [("a.png", "unreadable")]
    assert [p.path for p in table.photos] == ["b.png"]
    table = run(Listed("", photos, {"a.png": good, "b.png": good}), tmp_path)
    assert (len(table), len(table.set_aside), table.n_computed) == (2, 0, 0)


def test_a_source_without_one_usable_image_gives_an_empty_table(tmp_path: Path) -> None:
    table = run(Listed("", (Photo("a", None),), {"a": b"text"}), tmp_path)
    assert len(table) == 0
    assert table.embeddings.shape == (0, 48)
    assert [a.reason for a in table.set_aside] == ["not an image"]
    assert equal(run(Listed("", (Photo("a", None),), {"a": b"text"}), tmp_path), table)


def test_take_keeps_rows_together(population: Path, tmp_path: Path) -> None:
    table = run(open_source(population), tmp_path)
    taken = table.take([4, 0])
    assert taken.photos == (table.photos[4], table.photos[0])
    assert taken.sha256 == (table.sha256[4], table.sha256[0])
    assert np.array_equal(taken.embeddings, table.embeddings[[4, 0]])
    assert len(table.take([])) == 0


# --- files on disk --------------------------------------------------------------------------------------------------


def row(n: int, reason: str | None = None) -> Row:
    key = hashlib.sha256(str(n).encode()).digest()
    if reason is not None:
        return Row(key, reason, 0, None, None)
    return Row(key, None, n, np.arange(n, n + 4, dtype=np.float32), np.full((2, 48, 48), n % 256, np.uint8))


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Rows without an embedding lie between rows that have one."""
    store = Store(tmp_path, {"made": "by hand"}, 4)
    rows = [row(1, "truncated"), row(2), row(3, "no face found"), row(4), row(5), row(6, "damaged")]
    store.add(rows[:3])
    store.add(rows[3:])
    store.add([])
    assert len(list(store.folder.glob("*.parquet"))) == 2
    for reader in (store, Store(tmp_path, {"made": "by hand"}, 4)):
        found = reader.read(r.sha256 for r in [*rows[1:], row(7), rows[2]])
        assert list(found.row_of) == [r.sha256 for r in rows[1:]]
        for i, r in enumerate(rows[1:]):
            assert (found.reasons[i], found.n_faces[i]) == (r.reason, r.n_faces)
            assert np.array_equal(found.embeddings[i], np.zeros(4) if r.embedding is None else r.embedding)
            assert np.array_equal(found.pictures[i], np.zeros((2, 48, 48)) if r.picture is None else r.picture)
        assert rows[0].sha256 in reader
        assert row(7).sha256 not in reader
        assert len(reader.read([]).reasons) == 0


def test_what_a_killed_run_leaves_behind_is_ignored(population: Path, tmp_path: Path) -> None:
    source = open_source(population)
    expected = run(source, tmp_path)
    folder = parts(tmp_path)[0].parent
    (folder / ".part-0123.parquet.abcd.part").write_bytes(b"half a part")
    (folder / "part-0123.parquet.part").write_bytes(b"")
    again = run(source, tmp_path)
    assert again.n_computed == 0
    assert equal(again, expected)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other rows"])
def test_a_damaged_part_is_one_clear_error(population: Path, tmp_path: Path, damage: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = open_source(population)
    expected = run(source, tmp_path)
    (part,) = parts(tmp_path)
    if damage == "truncated":
        part.write_bytes(part.read_bytes()[:-1000])
    elif damage == "other rows":
        pq.write_table(pa.table({"a": [1]}), part)
    else:
        part.write_bytes(b"" if damage == "empty" else b"not parquet " * 500)
    with pytest.raises(InputError, match=r"a damaged part of the embeddings store; delete it") as caught:
        run(source, tmp_path)
    assert str(part) in str(caught.value)
    assert "\n" not in str(caught.value)
    part.unlink()  # as told
    assert equal(run(source, tmp_path), expected)


def test_a_flipped_bit_in_a_part_is_noticed(population: Path, tmp_path: Path) -> None:
    """Anywhere in it. (Arrow alone would hang on some of these.)"""
    source = open_source(population)
    run(source, tmp_path)
    (part,) = parts(tmp_path)
    whole = part.read_bytes()
    draw = random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        part.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged part"):
            run(source, tmp_path)
    part.write_bytes(whole)
    assert run(source, tmp_path).n_computed == 0


def test_a_cache_that_cannot_be_written_is_one_clear_error(population: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"the embeddings store cannot be written .*PROBABLYEXISTS_CACHE"):
        run(open_source(population), tmp_path / "file")


# --- only what is wanted ----------------------------------------------------------------------------------------------


def stored(cache: Path, n: int = 12) -> tuple[list[bytes], Averages]:
    """Keys of n photos in parts of 4."""
    recogniser, keys = Averages(), [bytes([i]) * 32 for i in range(n)]
    store = open_store(cache, recogniser, "aligned")
    for start in range(0, n, 4):
        rows = [
            Row(keys[i], None, 1, np.full(recogniser.dim, i, np.float32), np.full((2, 48, 48), i, np.uint8))
            for i in range(start, start + 4)
        ]
        store.add(rows)
    return keys, recogniser


def test_only_the_parts_with_wanted_photos_are_read(tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    for part in parts(tmp_path):
        if keys[5] not in part.with_suffix(".keys").read_bytes():
            part.write_bytes(b"never read")
    rows = open_store(tmp_path, recogniser, "aligned").read([keys[5], keys[5], bytes(32 * [99])])
    assert list(rows.row_of) == [keys[5]]
    assert rows.embeddings[0].tolist() == [5.0] * recogniser.dim
    assert rows.pictures is not None
    assert (rows.pictures[0] == 5).all()
    with pytest.raises(InputError, match="damaged part"):
        open_store(tmp_path, recogniser, "aligned").read(keys)


def test_pictures_come_only_when_asked_for(population: Path, tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    assert open_store(tmp_path, recogniser, "aligned").read(keys, pictures=False).pictures is None
    source, store = open_source(population), open_store(tmp_path / "other", recogniser, "aligned")
    table = embed(source, recogniser, store, "aligned", Silent(), "", pictures=False)
    with pytest.raises(ValueError, match="read without its pictures"):
        table.take([1, 0]).pictures  # noqa: B018
    assert np.array_equal(table.embeddings, embed(source, recogniser, store, "aligned", Silent(), "").embeddings)


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "another's", "flipped"])
def test_a_list_of_photos_that_is_damaged_is_made_again(tmp_path: Path, damage: str) -> None:
    keys, recogniser = stored(tmp_path)
    first, second, _ = (part.with_suffix(".keys") for part in parts(tmp_path))
    whole = first.read_bytes()
    if damage == "gone":
        first.unlink()
    elif damage == "flipped":
        first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    else:
        first.write_bytes({"empty": b"", "cut": whole[:-32], "another's": second.read_bytes()}[damage])
    store = open_store(tmp_path, recogniser, "aligned")
    assert store.known == frozenset(keys)
    assert first.read_bytes() == whole


def test_a_part_that_disappears_is_an_error_and_no_rows_of_anything(tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    store = open_store(tmp_path, recogniser, "aligned")
    parts(tmp_path)[1].unlink()
    with pytest.raises(InputError, match=r"part-.*: the embeddings store cannot be read"):
        store.read(keys)


def test_a_list_of_photos_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    listed = parts(tmp_path)[0].with_suffix(".keys")
    listed.unlink()
    listed.mkdir()  # nothing can be written in its place
    store = open_store(tmp_path, recogniser, "aligned")
    assert store.known == frozenset(keys)
    assert store.read(keys).embeddings[:, 0].tolist() == [float(i) for i in range(len(keys))]
