"""People without names: whose side a group of similar faces is on, and what is set aside for it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.answers.copying import find_copies
from probablyexists.basis.errors import InputError
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Embedded
from probablyexists.intake.people import find_people
from probablyexists.matching import clusters
from probablyexists.matching.clusters import cluster, sides
from probablyexists.matching.matcher import Matcher
from probablyexists.sources.listing import Photo

Floats = NDArray[np.float32]


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "N_PAIRS", 100_000)


def people(n: int, seed: int = 0) -> Floats:
    """People of one photo."""
    return unit(np.random.default_rng(seed).standard_normal((n, 64)))


def unit(x: NDArray[np.floating]) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def like(faces: Floats, seed: int = 1) -> Floats:
    """Another photo of each."""
    return unit(faces + 0.03 * np.random.default_rng(seed).standard_normal(faces.shape))


def table(role: Role, x: Floats) -> Embedded:
    draw = np.random.default_rng(len(x))
    pictures = draw.integers(0, 256, (len(x), 1, 48, 48), dtype=np.uint8)
    photos = tuple(Photo(f"{role}/{i:04d}.png", None) for i in range(len(x)))
    hashes = tuple(f"{role}{i}".encode() for i in range(len(x)))
    return Embedded(photos, hashes, x, pictures, np.ones(len(x), np.int32), (), len(x))


def hashes(n: int, draw: np.random.Generator) -> list[bytes]:
    return [draw.bytes(32) for _ in range(n)]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.2])
def test_look_alikes_are_members_as_often_as_others_however_unequal_the_sides(share: float) -> None:
    """Clusters of one, two and three people; everybody is a member by chance."""
    draw = np.random.default_rng(7)
    labels = np.repeat(np.arange(9000), np.repeat([1, 2, 3], 3000))
    is_training = draw.random(len(labels)) < share
    of_training, of_both = sides(labels, is_training, hashes(len(labels), draw), seed=0)
    for many in np.split(of_training, 3):
        assert abs(many.mean() - share) < 0.03
    assert not of_both[:3000].any()
    assert abs(of_both[3000:6000].mean() - 2 * share * (1 - share)) < 0.03


def test_the_side_of_a_group_does_not_depend_on_the_order_of_photos() -> None:
    draw = np.random.default_rng(8)
    labels, is_training, content = np.arange(300) // 3, draw.random(300) < 0.5, hashes(300, draw)
    order = draw.permutation(300)
    of_training, of_both = sides(labels, is_training, content, seed=0)
    shuffled, both = sides(labels[order], is_training[order], [content[i] for i in order], seed=0)
    assert (shuffled == of_training).all()
    assert (both == of_both).all()
    assert (sides(labels, is_training, content, seed=1)[0] != of_training).any()


def look_alikes_on_both_sides() -> dict[Role, Embedded]:
    """120 and 80 people; 12 of each side have a double on the other."""
    training, heldout = people(120), people(80, seed=2)
    heldout[:12] = like(training[:12])
    return {"training": table("training", training), "heldout": table("heldout", heldout)}


def test_what_is_set_aside_is_counted_on_each_side() -> None:
    tables = look_alikes_on_both_sides()
    found = find_people(tables, named=False, seed=0)
    told = found.clusters
    assert told is not None
    assert told.n_on_both_sides >= 12
    aside, photos = told.n_people_set_aside, told.n_photos_set_aside
    assert aside["training"] > 0
    assert aside["heldout"] > 0
    assert aside["training"] + aside["heldout"] == told.n_on_both_sides
    assert sum(found.training.people.counts) == 120 - photos["training"]
    assert sum(found.heldout.people.counts) == len(found.heldout.table) == 80 - photos["heldout"]
    assert told.n_people_training == len(found.training.people)
    assert told.n_people_heldout == len(found.heldout.people)
    assert not set(found.training.people.names) & set(found.heldout.people.names)


def test_a_copy_of_a_training_photo_that_was_set_aside_is_found() -> None:
    tables = look_alikes_on_both_sides()
    found = find_people(tables, named=False, seed=0)
    (aside, *_) = set(range(120)) - set(found.training.people.owner)
    samples = table("generated", people(1, seed=5))
    assert samples.read_pictures is not None
    samples.pictures[0] = tables["training"].pictures[aside]
    copied = find_copies(found.training, found.heldout, samples, Matcher(threads=1))
    assert copied.is_copy.tolist() == [True]
    assert copied.matches.index.tolist() == [aside]


def test_photos_of_the_same_people_on_both_sides_are_refused() -> None:
    """As where photos were divided at random, not people."""
    faces = people(80)
    tables: dict[Role, Embedded] = {"training": table("training", faces), "heldout": table("heldout", like(faces))}
    with pytest.raises(InputError, match=r"(\d+) groups of similar faces are in both, of \1 in the smaller, as if"):
        find_people(tables, named=False, seed=0)


def test_people_of_one_photo_are_not_joined_with_those_who_look_most_alike() -> None:
    labels, _ = cluster(people(300))
    assert labels.max() + 1 > 0.95 * 300


def test_few_people_of_many_photos_are_not_cut_into_many() -> None:
    """Photos of one person that lie as far apart as those of the nearest strangers in a set of thousands."""
    draw = np.random.default_rng(3)
    centres = draw.standard_normal((40, 64))
    x = unit(np.repeat(centres, 12, axis=0) + 0.9 * draw.standard_normal((480, 64)))
    labels, limit = cluster(x)
    assert limit == pytest.approx(clusters.strangers(x[np.lexsort(x.T)], 0).distance_at(clusters.GRAPH_FMR))
    assert labels.max() + 1 < 120
