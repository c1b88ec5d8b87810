"""Crops of the lab's sets: only of those who can have a role, in as many threads as were allowed."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.lab.fetched import fetch
from probablyexists.lab.sets import crops, read


class Watched(Silent):
    """A progress bar that looks how many threads are alive."""

    def __init__(self) -> None:
        self.before, self.most, self.total = threading.active_count(), 0, 0

    def stage(self, title: str, total: int | None) -> Watched:
        self.total = total or 0
        return self

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        self.most = max(self.most, threading.active_count() - self.before)


def cached(cache: Path) -> int:
    return sum(path.is_file() for path in (cache / "lab").rglob("*"))


def test_nothing_is_cut_of_people_with_too_few_photos(tmp_path: Path, population: Path) -> None:
    folder = tmp_path / "set"
    for name, n in (("person-0000", 3), ("person-0001", 2)):
        (folder / name).mkdir(parents=True)
        for photo in sorted((population / name).iterdir())[:n]:
            shutil.copy(photo, folder / name)
    found = crops(str(folder), 16, None, tmp_path / "cache", Silent(), fewest_photos=3)
    assert {crop.person for crop in found} <= {"person-0000"}
    assert cached(tmp_path / "cache") == 3  # crops, or the mark of a photo without a face
    everybody = crops(str(folder), 16, None, tmp_path / "cache", Silent())
    assert [crop for crop in everybody if crop.person == "person-0000"] == found
    assert cached(tmp_path / "cache") == 5
    assert crops(str(folder), 16, None, tmp_path / "cache", Silent(), fewest_photos=4) == []


def test_crops_are_cut_once_and_do_not_depend_on_the_threads(tmp_path: Path) -> None:
    watched = {threads: Watched() for threads in (1, 3)}
    found = {n: crops("people:3x4", 16, None, tmp_path / str(n), its, threads=n) for n, its in watched.items()}
    assert [its.total for its in watched.values()] == [12, 12]
    assert watched[1].most == 0  # the caller's own thread
    assert 1 <= watched[3].most <= 3
    assert np.array_equal(read(found[1]), read(found[3]))
    assert read(found[1]).shape == (12, 16, 16, 3)
    before = {crop.path: crop.path.stat().st_mtime_ns for crop in found[1]}
    assert crops("people:3x4", 16, None, tmp_path / "1", Silent()) == found[1]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_set_that_cannot_be_found_is_one_line(tmp_path: Path, population: Path) -> None:
    with pytest.raises(InputError, match="set celeba: not below --faces None; name the folder that holds celeba/"):
        crops("celeba", 16, None, tmp_path, Silent())
    with pytest.raises(InputError, match="no sub-folders with images"):
        crops(str(population / "person-0000"), 16, None, tmp_path, Silent())


def test_a_fetched_set_that_is_damaged_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that was cut, one that is missing, a fetch that was stopped: never used as they are."""
    fetches = []

    def fetched(data_home: str) -> SimpleNamespace:
        fetches.append(data_home)
        faces = np.random.default_rng(0).random((4, 64, 64))
        return SimpleNamespace(images=faces, target=np.array([0, 0, 1, 1]))

    theirs = SimpleNamespace(fetch_olivetti_faces=fetched, fetch_lfw_people=None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", theirs)  # type: ignore[arg-type]
    photos = fetch("olivetti", tmp_path)
    whole = {path: path.read_bytes() for path in photos.rglob("*.png")}
    assert fetch("olivetti", tmp_path) == photos
    assert (len(fetches), len(whole)) == (1, 4)
    one, other, *_ = whole
    damages = [lambda: one.write_bytes(whole[one][:200]), other.unlink, (photos.parent / "whole").unlink]
    for damage in damages:
        damage()
        fetch("olivetti", tmp_path)
        assert {path: path.read_bytes() for path in photos.rglob("*.png")} == whole
    assert len(fetches) == 4
    assert (tmp_path / "lab").stat().st_mode & 0o777 == 0o700
