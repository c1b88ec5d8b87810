"""The small pictures of samples: held once for each content, and copied only where an attack looks at them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces
from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample
from probablyexists.copies.search import find
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.pictures import Pictures, of_rows
from probablyexists.matching.crowd import Photos, photos_of
from probablyexists.sources.folder import FolderSource
from test_matching import textures, unit
from test_store import run


def two_views(n: int, seed: int) -> NDArray[np.uint8]:
    return np.concatenate([textures(n, seed), textures(n, seed + 1)], axis=1)


def test_copies_among_pictures_that_repeat_are_those_of_the_whole_table() -> None:
    held, photos = two_views(30, 1), two_views(40, 3)
    held[::3] = photos[5:15]
    rows = np.random.default_rng(0).integers(0, 30, 200)
    samples = Pictures(held, rows)
    assert samples.shape == (200, 2, 48, 48)
    for one, other in ((samples, photos), (photos, samples)):
        whole = [its.whole if isinstance(its, Pictures) else its for its in (one, other)]
        found, expected = find(one, other), find(*whole)
        assert np.array_equal(found.index, expected.index)
        assert np.array_equal(found.correlation, expected.correlation)
    assert (samples.take(np.arange(10)).whole == held[rows[:10]]).all()
    assert of_rows(held).whole is held
    assert samples[:, 1].held.base is not None  # a view, no copy


def test_samples_of_the_same_content_have_one_picture(tmp_path: Path) -> None:
    write_population(tmp_path / "drawn", range(3), range(1), size=64)
    (tmp_path / "s").mkdir()
    for number in range(12):
        shutil.copy(tmp_path / "drawn" / f"person-{number % 3:04d}" / "000.png", tmp_path / "s" / f"{number:02d}.png")
    table = run(FolderSource(tmp_path / "s"), tmp_path / "cache")
    assert isinstance(table.read_pictures, Pictures)
    assert (len(table), table.read_pictures.held.shape[0]) == (12, 3)
    others = table.take(np.arange(1, 12))
    assert isinstance(others.read_pictures, Pictures)
    assert others.read_pictures.held is table.read_pictures.held
    assert (others.pictures == table.pictures[1:]).all()
    assert (photos_of(others).pictures == table.pictures[1:, 0]).all()


def test_an_attack_that_looks_at_no_pixel_makes_no_table_of_pictures() -> None:
    """Also with photos planted among the samples."""

    def made() -> NDArray[np.uint8]:
        raise AssertionError("the pictures were made")

    samples, planted = Photos(unit(50), made), Photos(unit(5, seed=1), np.zeros((5, 48, 48), np.uint8))
    faces = Faces(unit(6, seed=2)[:, None], np.zeros((6, 1, 48, 48), np.uint8))
    both = samples.and_(planted).take(np.arange(52))
    assert NearestSample().prepare(both)(faces).shape == (6,)
    with pytest.raises(AssertionError, match="the pictures were made"):
        GanLeaks("pixels", calibrated=False).prepare(both)(faces)


def test_photos_planted_among_many_samples_make_no_second_table_of_embeddings() -> None:
    samples, planted = Photos(unit(50), two_views(50, 1)), Photos(unit(5, seed=1), two_views(5, 1))
    faces = Faces(unit(6, seed=2)[:, None], np.zeros((6, 1, 48, 48), np.uint8))
    both = samples.and_(planted)
    assert (len(both), NearestSample().prepare(both)(faces).shape) == (55, (6,))
    assert "embeddings" not in vars(both)
    assert np.array_equal(both.embeddings, np.concatenate([samples.embeddings, planted.embeddings]))
