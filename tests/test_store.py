"""The table of embeddings: computed once, the same however it was computed, and nothing dropped in silence."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Silent
from probablyexists.embeddings import embed as embed_module
from probablyexists.embeddings.embed import Embedded, embed, in_threads, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.embeddings.store import LostError, Row, Store
from probablyexists.engines.resources import Resources
from probablyexists.faces.alignment import Template
from probablyexists.faces.placing import FacesMode
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


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def heard(source: Source, cache: Path) -> tuple[Embedded, list[str]]:
    """The table, and what was said while it was made."""
    recogniser, progress = Averages(), Heard()
    store = open_store(cache, recogniser, "aligned")
    return embed(source, recogniser, store, "aligned", progress, "photos", in_threads(1)), progress.lines


@pytest.mark.parametrize("damage", ["truncated", "empty", "other rows", "truncated, and not listed"])
def test_a_damaged_part_is_removed_and_its_photos_are_embedded_again(
    population: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit of hours does not end for it. Nothing else is embedded again, and it is said."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr(embed_module, "ROWS_A_PART", 20)
    source = open_source(population)
    expected = run(source, tmp_path, threads=1)
    part = next(part for part in parts(tmp_path) if pq.read_metadata(part).num_rows == 10)
    if "not listed" in damage:
        part.with_suffix(".keys").unlink()
    if damage == "other rows":
        pq.write_table(pa.table({"a": [1]}), part)
    else:
        part.write_bytes(b"" if damage == "empty" else part.read_bytes()[:-1000])
    again, said = heard(source, tmp_path)
    assert equal(again, expected)
    assert again.n_computed == 10
    assert said == [f"{part}: a damaged part of the embeddings store was removed; its photos are embedded again"]
    last, said = heard(source, tmp_path)
    assert (last.n_computed, said) == (0, [])
    assert equal(last, expected)


def test_a_flipped_bit_in_a_part_is_noticed(population: Path, tmp_path: Path) -> None:
    """Anywhere in it. (Arrow alone would hang on some of these.)"""
    source = open_source(population)
    run(source, tmp_path)
    (part,) = parts(tmp_path)
    whole, listed = part.read_bytes(), part.with_suffix(".keys").read_bytes()
    keys = [listed[at : at + 32] for at in range(32, len(listed), 32)]
    draw = random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        part.write_bytes(damaged)
        part.with_suffix(".keys").write_bytes(listed)
        with pytest.raises(LostError, match=r"a damaged part .* was removed"):
            open_store(tmp_path, Averages(), "aligned").read(keys)
    part.write_bytes(whole)
    assert run(source, tmp_path).n_computed == 0


def test_a_table_that_is_no_part_but_has_the_name_of_one_is_removed(population: Path, tmp_path: Path) -> None:
    source = open_source(population)
    expected = run(source, tmp_path / "one")
    (ours,) = parts(tmp_path / "one")
    for columns in ({"sha256": [1, 2]}, {"other": ["x"]}):
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        name = f"part-{hashlib.sha256(buffer.getvalue()).hexdigest()}.parquet"
        (ours.parent / name).write_bytes(buffer.getvalue())
    table, said = heard(source, tmp_path / "one")
    assert equal(table, expected)
    assert len(said) == 2
    assert parts(tmp_path / "one") == [ours]


@pytest.mark.parametrize("dim", [48, 16], ids=["as long", "shorter"])
def test_a_part_of_another_store_is_not_read_as_ones_own(population: Path, tmp_path: Path, dim: int) -> None:
    """Copied with its list, and whole: only what stands in it tells that another recogniser made it."""
    source = open_source(population)
    expected = run(source, tmp_path / "one")

    class Other(Averages):
        def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            turned = super().embed(chips)[:, ::-1][:, :dim]
            return np.ascontiguousarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))

    other = Other(name="other")
    other.dim = dim
    run(source, tmp_path / "two", other)
    (theirs,), (ours,) = parts(tmp_path / "two"), parts(tmp_path / "one")
    for path in (theirs, theirs.with_suffix(".keys")):
        shutil.copy(path, ours.parent)
    for path in (ours, ours.with_suffix(".keys")):
        path.unlink()
    table, said = heard(source, tmp_path / "one")
    assert equal(table, expected)
    assert ["belongs to another store" in line for line in said] == [True]


def test_a_store_made_in_another_way_is_refused(population: Path, tmp_path: Path) -> None:
    """A folder renamed by hand: its description tells. A description that is damaged is written again."""
    source = open_source(population)
    run(source, tmp_path)
    about = parts(tmp_path)[0].parent / "made_with.json"
    whole = about.read_text()
    about.write_text(whole[:10])
    assert run(source, tmp_path).n_computed == 0
    assert about.read_text() == whole
    about.write_text(whole.replace("averages", "another"))
    with pytest.raises(InputError, match=r"were made in another way \(made_with.json\); delete it"):
        run(source, tmp_path)


def test_a_part_that_disappears_during_an_audit_is_embedded_again(
    population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted between the listing and the reading, as by another audit with the same cache."""
    monkeypatch.setattr(embed_module, "ROWS_A_PART", 20)
    source, recogniser, progress = open_source(population), Averages(), Heard()
    expected = run(source, tmp_path)
    store = open_store(tmp_path, recogniser, "aligned")
    gone = parts(tmp_path)[1]
    gone.unlink()
    table = embed(source, recogniser, store, "aligned", progress, "photos")
    assert equal(table, expected)
    assert 10 <= table.n_computed <= 20
    assert progress.lines == [
        f"{gone}: a part of the embeddings store was deleted meanwhile; its photos are embedded again"
    ]


def test_a_part_that_another_audit_has_just_written_again_is_left_to_it(
    population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two audits share a cache: one finds a part gone, and before it says so the other has written the same part."""
    source, recogniser = open_source(population), Averages()
    expected = run(source, tmp_path)
    store, (part,) = open_store(tmp_path, recogniser, "aligned"), parts(tmp_path)
    read = Store._read_part

    def too_early(its: Store, path: Path, columns: list[str]) -> Any:
        monkeypatch.setattr(Store, "_read_part", read)
        path.rename(tmp_path / "elsewhere")
        try:
            return read(its, path, columns)
        finally:
            (tmp_path / "elsewhere").rename(path)

    monkeypatch.setattr(Store, "_read_part", too_early)
    wanted = store.known
    with pytest.raises(LostError, match="deleted meanwhile"):
        store.read(wanted)
    assert part.is_file()
    assert equal(run(source, tmp_path), expected)


def test_a_store_that_is_deleted_again_and_again_is_one_line(population: Path, tmp_path: Path) -> None:
    recogniser = Averages()
    store = open_store(tmp_path, recogniser, "aligned")
    add = store.add

    def add_and_delete(rows: list[Row]) -> None:
        add(rows)
        for part in parts(tmp_path):
            part.unlink()

    store.add = add_and_delete  # type: ignore[method-assign, assignment]
    with pytest.raises(InputError, match=r"is damaged or deleted as fast as it is written"):
        embed(open_source(population / "person-0000"), recogniser, store, "aligned", Silent(), "photos", in_threads(1))


# --- who may read and write it ----------------------------------------------------------------------------------------


def modes(folder: Path) -> set[str]:
    """Kinds and modes of a folder's content, such as "file 600"."""
    return {f"{'folder' if p.is_dir() else 'file'} {p.stat().st_mode & 0o7777:o}" for p in folder.rglob("*")}


def test_nobody_else_can_read_the_cache(population: Path, tmp_path: Path) -> None:
    """Templates of faces, and small pictures of them."""
    cache = tmp_path / "new" / "cache"
    run(open_source(population / "person-0000"), cache)
    DlibRecogniser(cache)
    assert {f"{folder.stat().st_mode & 0o7777:o}" for folder in (cache, cache.parent)} == {"700"}
    assert modes(cache) == {"folder 700", "file 600"}


def test_a_cache_of_an_older_version_is_closed_when_it_is_opened(population: Path, tmp_path: Path) -> None:
    """Only what is ours in it: the folder may be one in which the user keeps other things too."""
    source = open_source(population / "person-0000")
    run(source, tmp_path)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    run(source, tmp_path)
    assert modes(tmp_path) == {"folder 700", "file 600"}
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_cache_shared_with_a_group_on_purpose_stays_so(population: Path, tmp_path: Path) -> None:
    """`chmod 2770`: its group reads and writes, others do not."""
    cache = tmp_path / "shared"
    cache.mkdir()
    cache.chmod(0o2770)
    run(open_source(population / "person-0000"), cache)
    assert modes(cache) == {"folder 2770", "file 660"}


@pytest.mark.parametrize("place", ["cache", "above"])
def test_a_cache_that_is_a_file_is_one_clear_error(population: Path, tmp_path: Path, place: str) -> None:
    """Or lies below one: HOME=/nonexistent, for somebody who may not create it."""
    (tmp_path / "file").write_text("in the way")
    cache = tmp_path / "file" if place == "cache" else tmp_path / "file" / "home" / "cache"
    with pytest.raises(InputError, match=r"is a file; give a folder|cannot be written .*cache=... or PROB") as caught:
        run(open_source(population), cache)
    assert "\n" not in str(caught.value)


def test_a_full_disk_at_the_cache_is_one_line_and_the_same_command_goes_on(
    population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full at each of the files in turn: what was written before is not embedded again."""
    monkeypatch.setattr(embed_module, "BATCH", 5)
    monkeypatch.setattr(embed_module, "ROWS_A_PART", 10)
    source = open_source(population)
    write = Path.write_bytes
    left = 0

    def write_until_full(self: Path, data: bytes) -> int:
        nonlocal left
        if not left:
            write(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        left -= 1
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_until_full)
        for left in range(5):  # noqa: B007
            with pytest.raises(InputError, match=r"\(No space left on device\); free some space, or give"):
                run(source, tmp_path, threads=1)
    table = run(source, tmp_path)
    assert table.n_computed < 50
    assert equal(table, run(source, tmp_path / "other"))
    assert not list(tmp_path.rglob(".*"))


def test_a_full_cache_that_can_only_be_read_stays_usable(
    population: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(population)
    expected = run(source, tmp_path)
    shutil.copytree(population / "person-0000", tmp_path / "more" / "a")
    (tmp_path / "more" / "a" / "new.png").write_bytes(b"not seen before")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert equal(run(source, tmp_path), expected)
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\); give another folder"):
        run(open_source(tmp_path / "more"), tmp_path)


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
    with pytest.raises(LostError, match="damaged part"):
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


def test_no_rows_of_anything_when_a_part_is_gone(tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    store = open_store(tmp_path, recogniser, "aligned")
    parts(tmp_path)[1].unlink()
    with pytest.raises(LostError, match=r"part-.*: a part of the embeddings store was deleted meanwhile"):
        store.read(keys)
    assert len(store.known) == 8


def test_a_list_of_photos_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    keys, recogniser = stored(tmp_path)
    listed = parts(tmp_path)[0].with_suffix(".keys")
    listed.unlink()
    listed.mkdir()  # nothing can be written in its place
    store = open_store(tmp_path, recogniser, "aligned")
    assert store.known == frozenset(keys)
    assert store.read(keys).embeddings[:, 0].tolist() == [float(i) for i in range(len(keys))]


def test_without_a_home_folder_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container whose user has no account."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PROBABLYEXISTS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(InputError, match=r"no home folder for the cache; give cache=..., or set PROBABLYEXISTS_CACHE"):
        Resources()
    assert Resources(cache=tmp_path).cache == tmp_path
