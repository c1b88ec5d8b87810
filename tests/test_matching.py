"""Matching: every fast computation against a slow one that anybody can read, on small numbers."""

from __future__ import annotations

import hashlib
import itertools
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from probablyexists.answers.credits import credit
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent, Stage
from probablyexists.copies.duplicates import SamePicture, same_pictures, without
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching import clusters, neighbours
from probablyexists.matching import int8 as rough
from probablyexists.matching.clusters import cluster, strangers
from probablyexists.matching.cosines import pair_similarities, reaching, similarities
from probablyexists.matching.crowd import Crowd, common_count, photos_of
from probablyexists.matching.int8 import Products, RoughReferences
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.neighbours import nearest, nearest_parts
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo

Floats = NDArray[np.float32]


def unit(n: int, dim: int = 16, seed: int = 0) -> Floats:
    """Random unit vectors."""
    x = np.random.default_rng(seed).normal(size=(n, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def textures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random pictures in one view, smooth as photos are."""
    x = gaussian_filter(np.random.default_rng(seed).normal(size=(n, 48, 48)), (0, 2, 2))
    x = (x - x.min(axis=(1, 2), keepdims=True)) / np.ptp(x, axis=(1, 2), keepdims=True)
    return np.asarray(25 + 200 * x, dtype=np.uint8)[:, None]


def table(
    persons: Sequence[str | None],
    embeddings: Floats | None = None,
    pictures: NDArray[np.uint8] | None = None,
    names: list[str] | None = None,
) -> Embedded:
    """A table by hand: photo i is called 000i.png unless named, its content is its name."""
    names = names or [f"{i:04d}.png" for i in range(len(persons))]
    return Embedded(
        tuple(Photo(name, person) for name, person in zip(names, persons, strict=True)),
        tuple(hashlib.sha256(name.encode()).digest() for name in names),
        unit(len(persons)) if embeddings is None else embeddings,
        textures(len(persons)) if pictures is None else pictures,
        np.zeros(len(persons), np.int32),
        (),
        0,
    )


# --- nearest --------------------------------------------------------------------------------------------------------


def slow_cosine(a: Floats, b: Floats) -> float:
    return round(math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True)), 6)


def slow_nearest(queries: Floats, references: Floats, k: int) -> tuple[list[list[float]], list[list[int]]]:
    similarity, index = [], []
    for query in queries:
        ranked = sorted((-slow_cosine(query, reference), j) for j, reference in enumerate(references))[:k]
        missing = k - len(ranked)
        similarity.append([-s for s, _ in ranked] + [-math.inf] * missing)
        index.append([j for _, j in ranked] + [-1] * missing)
    return similarity, index


@pytest.mark.parametrize("k", [1, 2, 5, 29, 30, 33])
@pytest.mark.parametrize("cells", [1, 50, 1 << 24])
def test_nearest_equals_the_plain_ranking(k: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three references stand there twice, so that there are ties; blocks of one reference, a few, all."""
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", cells)
    queries, references = unit(12, seed=1), unit(27, seed=2)
    references = np.concatenate([references, references[[20, 3, 3]]])
    found = nearest(queries, references, k)
    similarity, index = slow_nearest(queries, references, k)
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-12)
    assert found.index.tolist() == index


def test_ties_fall_to_the_lowest_index() -> None:
    same = np.repeat(unit(1), 6, axis=0)
    assert nearest(same[:2], same, 3).index.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert nearest(same[:1], same, 1).index.tolist() == [[0]]


def test_ties_across_blocks_of_references_fall_to_the_lowest_index() -> None:
    """More references than one block is wide (32,768), the best of them in both blocks."""
    references = np.zeros((40_000, 4), np.float32)
    references[:, 1] = 1
    references[[7, 35_000, 39_999]] = (1, 0, 0, 0)
    query = np.array([[1, 0, 0, 0]], np.float32)
    assert nearest(query, references, 4).index.tolist() == [[7, 35_000, 39_999, 0]]
    assert nearest(query, references, 1).index.tolist() == [[7]]


# --- the rough look -------------------------------------------------------------------------------------------------


def alike(n: int, dim: int = 16, seed: int = 0, spread: float = 0.3) -> Floats:
    """Unit vectors around one direction, as faces are; some stand there twice, some nearly."""
    rng = np.random.default_rng(seed)
    x = np.eye(dim)[0] + spread * rng.normal(size=(n, dim)) / math.sqrt(dim)
    x[n // 2 :: 7] = x[: len(x[n // 2 :: 7])]
    x[n // 3 :: 5] = x[: len(x[n // 3 :: 5])] + 1e-7
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every query takes the rough way, over many tiles and blocks."""
    monkeypatch.setattr(neighbours, "SMALL", 0)
    monkeypatch.setattr(neighbours, "_FIRST", 5)
    monkeypatch.setattr(neighbours, "_TALL", 8)
    monkeypatch.setattr(neighbours, "_WIDE", 20)
    monkeypatch.setattr(neighbours, "_PART", 4)
    monkeypatch.setattr(neighbours, "_MANY", 1 / 2)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("k", [1, 3, 9])
@pytest.mark.parametrize(("kind", "dim"), [("random", 16), ("alike", 16), ("alike", 130), ("very alike", 5)])
def test_the_rough_look_loses_no_neighbour(kind: str, dim: int, k: int) -> None:
    make = {
        "random": lambda n, seed: unit(n, dim, seed),
        "alike": lambda n, seed: alike(n, dim, seed),
        "very alike": lambda n, seed: alike(n, dim, seed, spread=1e-3),
    }[kind]
    queries, references = make(21, 1), make(333, 2)
    queries[:4] = references[[10, 200, 201, 332]]
    similarity, index = slow_nearest(queries, references, k)
    for memory, threads in ((1 << 30, 1), (1 << 30, 3), (1, 2)):
        found = nearest(queries, references, k, memory=memory, threads=threads)
        assert found.index.tolist() == index
        assert found.similarity.tolist() == similarity


@pytest.mark.usefixtures("small_tiles")
def test_masses_of_equal_references_fall_to_the_lowest_index() -> None:
    references = np.repeat(unit(3), 100, axis=0)
    assert nearest(references[[0, 150, 299]], references, 2).index.tolist() == [[0, 1], [100, 101], [200, 201]]


def test_large_enough_to_be_looked_at_roughly() -> None:
    """With the sizes as they are, against one block of plain products; 40,000 references are ten tiles."""
    queries, references = alike(300, 32, 1), alike(40_000, 32, 2)
    expected = np.argmax(similarities(queries, references), axis=1)
    assert nearest(queries, references).index[:, 0].tolist() == expected.tolist()


def test_parts_come_in_order_and_make_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_TALL", 8)
    queries, references = alike(30, seed=1), alike(50, seed=2)
    parts = list(nearest_parts(queries, references, 2, memory=1))
    assert [(rows.start, rows.stop) for rows, _ in parts] == [(0, 8), (8, 16), (16, 24), (24, 30)]
    whole = nearest(queries, references, 2)
    assert np.concatenate([part.index for _, part in parts]).tolist() == whole.index.tolist()


class OnDisk:
    """Vectors that are never there all at once."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors
        self.most = 0

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, rows: slice) -> Floats:
        read = self._vectors[rows].copy()
        self.most = max(self.most, len(read))
        return read


def test_vectors_may_come_from_anything_that_gives_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_TALL", 8)
    queries, references = alike(30, seed=1), alike(500, seed=2)
    on_disk = OnDisk(queries), OnDisk(references)
    expected = nearest(queries, references, 2)
    found = nearest(*on_disk, 2, memory=1)
    assert found.index.tolist() == expected.index.tolist()
    assert [source.most for source in on_disk] == [8, 8]


class Counted(Silent):
    """Records progress: totals and steps."""

    def __init__(self) -> None:
        self.totals: list[int | None] = []
        self.steps = 0

    def stage(self, title: str, total: int | None) -> Stage:
        self.totals.append(total)
        return self

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        self.steps += steps


def test_progress_of_a_long_search_ends_at_its_total(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, references, counted = unit(30, seed=1), unit(70, seed=2), Counted()
    nearest(queries, references, progress=counted)
    assert counted.totals == []
    monkeypatch.setattr(neighbours, "_LONG", 2100)
    monkeypatch.setattr(neighbours, "_TALL", 8)
    nearest(queries, references, memory=1, progress=counted)
    assert (counted.totals, counted.steps) == ([2100], 2100)


@pytest.mark.parametrize("most", [127, 63])
@pytest.mark.parametrize("make", [unit, alike])
def test_the_bound_of_the_rough_look_holds(
    make: Callable[..., Floats], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each int8 product, and the bound is not so wide that it says nothing."""
    if most > rough._largest_code():
        pytest.skip("this processor would cut products of such codes off")
    monkeypatch.setattr(rough, "_largest_code", lambda: most)
    queries, references = make(40, 128, seed=1), make(300, 128, seed=2)
    looked = RoughReferences(references, 300)
    its = looked.rough(queries)
    ((_, tile),) = looked.tiles
    about = its.base[:, None] + its.unit[:, None] * Products()(its.codes, its.zero, tile)
    wrong = np.abs(about - queries.astype(np.float64) @ references.astype(np.float64).T)
    assert (wrong <= its.error[:, None]).all()
    assert its.error.max() < 0.03
    assert wrong.max() > its.error.max() / 20


@pytest.mark.parametrize("most", [127, 63])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_whole_numbers_are_multiplied_exactly(n: int, most: int) -> None:
    """The largest there are, also where a processor adds two products in 16 bits: as few signs cancel as can be."""
    if most > rough._largest_code():
        pytest.skip("this processor would cut products of such codes off")
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.choice([1, 2 * most + 1], (n, 128)), np.full((1, 128), 2 * most + 1)]).astype(np.uint8)
    tile = np.concatenate([rng.choice([-127, 127], (128, 50)), np.full((128, 1), 127)], axis=1).astype(np.int8)
    assert (Products()(codes, most + 1, tile) == (codes.astype(int) - most - 1) @ tile.astype(int)).all()


def test_similarity_depends_on_the_two_vectors_alone() -> None:
    """Also where the sum is halfway between two roundings: 2,000 pairs are pushed there."""
    rng = np.random.default_rng(0)
    a, b = unit(2000, 64, seed=1), unit(2000, 64, seed=2)
    a[:, 0], b[:, 0] = 0, 1
    middle = (np.floor(np.einsum("ij,ij->i", a.astype(float), b) * 1e6) + 0.5) / 1e6
    a[:, 0] = middle - np.einsum("ij,ij->i", a[:, 1:].astype(float), b[:, 1:])
    one_by_one = [pair_similarities(a[i : i + 1], b[i : i + 1])[0] for i in range(len(a))]
    assert pair_similarities(a, b).tolist() == one_by_one
    for rows in (slice(0, 2000), slice(3, 40)):
        assert np.diagonal(similarities(a[rows], b[rows])).tolist() == one_by_one[rows]
    shuffled = rng.permutation(2000)
    assert np.diagonal(similarities(a[shuffled], b[shuffled])).tolist() == [one_by_one[i] for i in shuffled]


def test_nothing_to_find() -> None:
    nothing = nearest(unit(3), np.empty((0, 16), np.float32), 2)
    assert nothing.index.tolist() == [[-1, -1]] * 3
    assert np.isneginf(nothing.similarity).all()
    assert nearest(np.empty((0, 16), np.float32), unit(3), 2).index.shape == (0, 2)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 50])
def test_similarities_are_the_same_in_any_block(rows: int) -> None:
    """Bit for bit. In single precision one in a hundred differed in the sixth decimal."""
    queries, references = unit(300, 128, seed=3), unit(500, 128, seed=4)
    parts = [similarities(queries[i : i + rows], references) for i in range(0, 300, rows)]
    assert np.array_equal(np.concatenate(parts), similarities(queries, references))


@pytest.mark.parametrize("dim", [4, 128, 1024])
def test_who_reaches_a_threshold_is_as_the_similarities_say(dim: int) -> None:
    """Thresholds that are similarities themselves, and a step of the sixth decimal above and below."""
    queries, references = unit(60, dim, seed=1), unit(50, dim, seed=2)
    exact = similarities(queries, references)
    for threshold in [*exact[0], *(exact[1] + 1e-6), *(exact[2] - 1e-6), -1.0, 1.0]:
        assert np.array_equal(reaching(queries, references, threshold), exact >= threshold)


# --- credit ---------------------------------------------------------------------------------------------------------


def test_credit_with_everybody_in_the_gallery() -> None:
    """Sample 0 resembles person 0; sample 1 persons 0 and 1; sample 2 nobody; sample 3 person 2."""
    people = np.eye(3, dtype=np.float32)
    samples = np.array([[1, 0, 0], [0.7071, 0.7071, 0], [-1, 0, 0], [0, 0, 1]], np.float32)
    found = credit(people, samples, threshold=0.7, gallery=3)
    assert found.people.tolist() == [1.5, 0.5, 1.0]
    assert found.share == 0.75


def test_the_threshold_itself_counts_as_resembling() -> None:
    people = np.array([[1, 0]], np.float32)
    samples = np.array([[0.5, 0.8660254]], np.float32)
    assert credit(people, samples, 0.5, 1).share == 1.0
    assert credit(people, samples, 0.500001, 1).share == 0.0


@pytest.mark.parametrize("gallery", [1, 2, 3, 5, 6])
def test_credit_is_the_mean_over_all_galleries(gallery: int) -> None:
    """By enumeration: every gallery of that size out of six people, each credit by hand."""
    people, samples, threshold = unit(6, 4, seed=5), unit(40, 4, seed=6), 0.4
    near = np.array([[slow_cosine(s, p) >= threshold for p in people] for s in samples])
    assert {0, 1, 2, 3} <= set(near.sum(axis=1).tolist())
    shares, credited = [], [[] for _ in range(6)]  # type: ignore[var-annotated]
    for chosen in itertools.combinations(range(6), gallery):
        met = [[i for i in chosen if near[s, i]] for s in range(40)]
        shares.append(sum(bool(m) for m in met) / 40)
        for i in chosen:
            credited[i].append(sum(1 / len(m) for m in met if i in m))
    found = credit(people, samples, threshold, gallery)
    assert found.share == pytest.approx(np.mean(shares), abs=1e-12)
    # Over people it holds for each sample's people together: the credit is shared evenly among those it resembles.
    assert found.people.sum() == pytest.approx(sum(np.mean(c) for c in credited), abs=1e-9)
    np.testing.assert_allclose(found.people.sum() * gallery / 6 / 40, found.share, atol=1e-12)


@pytest.mark.parametrize("gallery", [1, 2, 4])
def test_credit_of_each_person_is_the_mean_over_galleries_that_hold_them(gallery: int) -> None:
    people, samples, threshold = unit(5, 4, seed=7), unit(60, 4, seed=8), 0.3
    near = similarities(samples, people) >= threshold
    credited: list[list[float]] = [[] for _ in range(5)]
    for chosen in itertools.combinations(range(5), gallery):
        for i in chosen:
            credited[i].append(sum(1 / sum(row[list(chosen)]) for row in near if row[i]))
    np.testing.assert_allclose(
        credit(people, samples, threshold, gallery).people, [np.mean(c) for c in credited], atol=1e-9
    )


def test_credit_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    people, samples = unit(20, 8, seed=1), unit(50, 8, seed=2)
    whole = credit(people, samples, 0.5, 7)
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 60)
    blocks = credit(people, samples, 0.5, 7)
    np.testing.assert_allclose(blocks.people, whole.people, rtol=1e-12)
    assert blocks.share == pytest.approx(whole.share)


def test_no_samples_or_no_people_resemble_nobody() -> None:
    assert credit(unit(3), np.empty((0, 16), np.float32), 0.5, 2).share == 0.0
    assert credit(np.empty((0, 16), np.float32), unit(3), 0.5, 0).share == 0.0


# --- templates ------------------------------------------------------------------------------------------------------


def test_a_template_is_the_mean_at_unit_length() -> None:
    embeddings = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32)
    photos = table(["ann", "ann", "bob", "cy"], embeddings)
    people = group(photos)
    assert people.names == ("ann", "bob", "cy")
    assert people.counts.tolist() == [2, 1, 1]
    crowd = Crowd(photos, people)
    found, who = crowd.templates(2)
    assert who.tolist() == [0]
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5]], rtol=1e-6)
    found, who = crowd.templates(1)
    assert who.tolist() == [0, 1, 2]
    found, who = crowd.templates(3)
    assert found.shape == (0, 2)
    assert who.size == 0


@pytest.mark.parametrize(("photos", "skip"), [(1, 0), (2, 0), (2, 1), (3, 2), (1, 4)])
def test_templates_equal_the_plain_ones(photos: int, skip: int) -> None:
    persons = list("abacabadabaceb")
    embedded = table(persons, unit(len(persons), 8, seed=3))
    people = group(embedded, seed=5)
    found, who = Crowd(embedded, people).templates(photos, skip)
    expected = []
    for i, rows in enumerate(people.rows):
        if len(rows) >= skip + photos:
            mean = [np.mean([float(embedded.embeddings[r, d]) for r in rows[skip : skip + photos]]) for d in range(8)]
            expected.append((i, np.array(mean) / math.dist(mean, [0] * 8)))
    assert who.tolist() == [i for i, _ in expected]
    np.testing.assert_allclose(found, np.array([e for _, e in expected]).reshape(-1, 8), atol=1e-6)
    faces, same = Crowd(embedded, people).faces(photos, skip)
    assert np.array_equal(faces.templates, found)
    assert np.array_equal(same, who)


def test_probes_are_never_in_their_own_template() -> None:
    persons = ["ann"] * 3 + ["bob"] * 2
    crowd = Crowd(table(persons), group(table(persons)))
    _, who = crowd.templates(1, skip=1)
    for person, probe in zip(who, crowd.probes(who).embeddings, strict=True):
        rows = crowd.people.rows[person]
        assert np.array_equal(probe, crowd.table.embeddings[rows[0]])
        assert rows[0] not in rows[1:2]


def test_the_order_of_a_persons_photos_comes_from_content_and_seed_alone() -> None:
    names = [f"photo {i}" for i in range(20)]
    one = table(["ann"] * 20, names=names)
    other = table(["ann"] * 20, names=names[::-1])
    order = [one.photos[i].path for i in group(one, seed=1).rows[0]]
    assert order == [other.photos[i].path for i in group(other, seed=1).rows[0]]
    assert order != [one.photos[i].path for i in group(one, seed=2).rows[0]]
    assert sorted(order) == sorted(names)


def test_photos_without_a_person_are_in_no_group() -> None:
    people = group(table(["ann", None, "bob"]))
    assert people.names == ("ann", "bob")
    assert [r.tolist() for r in people.rows] == [[0], [2]]
    named = group(table([None] * 3), {0: "x", 1: "y", 2: "x"})
    assert (named.names, named.counts.tolist()) == (("x", "y"), [2, 1])


def test_common_count_is_what_four_of_five_people_have() -> None:
    assert common_count(np.array([5, 4, 3, 2, 1])) == 1
    assert common_count(np.array([5, 4, 3, 2, 2, 1])) == 2  # five of six have two
    assert common_count(np.array([9] * 10), np.array([3] * 10)) == 3
    assert common_count(np.array([], dtype=np.intp)[:0], np.array([4])) == 4


# --- the same picture in two roles ----------------------------------------------------------------------------------


def test_pictures_in_two_roles_are_found() -> None:
    """As they are, mirrored, darker, shifted by two pixels, and by their bytes; nothing else."""
    pictures = textures(60)
    training = table(["t"] * 60, pictures=pictures, names=[f"t{i}" for i in range(60)])
    others = textures(40, seed=9)
    others[3] = pictures[10]
    others[5] = pictures[11, :, :, ::-1]
    others[7] = (pictures[12] * 0.6).astype(np.uint8)
    others[9] = np.roll(pictures[13], 2, axis=2)
    names = [f"h{i}" for i in range(40)]
    names[20] = "t30"  # the same content, however its picture was cut
    heldout = table(["h"] * 40, pictures=others, names=names)
    pairs = same_pictures({"training": training, "heldout": heldout})
    assert [p.rows for p in pairs] == [(10, 3), (11, 5), (12, 7), (13, 9), (30, 20)]
    assert all(p.roles == ("training", "heldout") and p.correlation >= 0.9 for p in pairs)
    assert pairs[-1].correlation == 1.0
    turned = same_pictures({"heldout": heldout, "training": training})
    assert {p.rows[::-1] for p in turned} == {p.rows for p in pairs}


@pytest.mark.parametrize("n_heldout", [20, 200])
def test_every_picture_of_a_role_that_stands_in_the_other_is_found(n_heldout: int) -> None:
    """One training photo, twice among the held-out, whichever role is larger."""
    pictures, others = textures(60), textures(n_heldout, seed=9)
    others[3], others[8] = pictures[10], pictures[10, :, :, ::-1]
    roles = {
        "training": table(["t"] * 60, pictures=pictures, names=[f"t{i}" for i in range(60)]),
        "heldout": table(["h"] * n_heldout, pictures=others, names=[f"h{i}" for i in range(n_heldout)]),
    }
    assert [p.rows for p in same_pictures(roles)] == [(10, 3), (10, 8)]


def pairs_of(rows: range) -> list[SamePicture]:
    return [SamePicture(("training", "heldout"), (i, i), 1.0) for i in rows]


def test_duplicates_are_taken_out_of_both_roles() -> None:
    roles = {"training": table(["t"] * 40), "heldout": table(["h"] * 60)}
    left = without(roles, pairs_of(range(1, 3)))
    assert [p.path for p in left["training"].photos[:2]] == ["0000.png", "0003.png"]
    assert (len(left["training"]), len(left["heldout"])) == (38, 58)
    assert without(roles, [])["training"].photos == roles["training"].photos


def test_one_photo_in_several_pairs_is_counted_once() -> None:
    roles = {"training": table(["t"] * 20), "heldout": table(["h"] * 40)}
    pairs = [SamePicture(("training", "heldout"), (4, j), 0.95) for j in range(2)]
    left = without(roles, pairs)
    assert (len(left["training"]), len(left["heldout"])) == (19, 38)


def test_five_percent_are_set_aside_and_more_are_refused() -> None:
    roles = {"training": table(["t"] * 40), "heldout": table(["h"] * 100)}
    assert len(without(roles, pairs_of(range(2)))["training"]) == 38
    with pytest.raises(InputError, match=r"^training=\.\.\.: 3 of 40 photos are in heldout=\.\.\. too \(over 5 %\)"):
        without(roles, pairs_of(range(3)))


# --- clusters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threshold from 100,000 pairs instead of 2,000,000: quick, and near enough here."""
    monkeypatch.setattr(clusters, "N_PAIRS", 100_000)


def planted(noise: float = 0.3, seed: int = 0) -> tuple[Floats, NDArray[np.intp]]:
    """60 people with 1 to 8 photos each, shuffled; the people stand at right angles to each other."""
    draw = np.random.default_rng(seed)
    who = draw.permutation(np.repeat(np.arange(60), draw.integers(1, 9, 60)))
    people = np.linalg.qr(draw.normal(size=(128, 60)))[0].T
    x = people[who] + noise * unit(len(who), 128, seed + 1)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), who


def partition(labels: NDArray[np.intp]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def test_planted_people_are_recovered(few_pairs: None) -> None:
    embeddings, who = planted()
    labels, limit = cluster(embeddings)
    assert partition(labels) == partition(who)
    assert 0.6 < limit < 1.4  # photos of one person lie 0.4 apart, of two people 1.4


def test_clusters_are_numbered_by_first_appearance(few_pairs: None) -> None:
    labels, _ = cluster(planted()[0])
    firsts = [labels.tolist().index(k) for k in range(labels.max() + 1)]
    assert firsts == sorted(firsts)


def test_the_order_of_photos_changes_nothing_but_the_numbers(few_pairs: None) -> None:
    """Also where groups are loose and the cut falls amid them."""
    for noise in (0.3, 1.1):
        embeddings, _ = planted(noise)
        labels, limit = cluster(embeddings)
        order = np.random.default_rng(4).permutation(len(embeddings))
        shuffled, other_limit = cluster(embeddings[order])
        back = np.empty_like(shuffled)
        back[order] = shuffled
        assert other_limit == limit
        assert partition(back) == partition(labels)


def slow_average_linkage(embeddings: Floats, limit: float) -> NDArray[np.intp]:
    """Join the two groups with the least mean distance until that exceeds the limit."""
    x = embeddings.astype(float)
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)
    groups = [[i] for i in range(len(x))]
    while len(groups) > 1:
        (i, j), least = min(
            (((i, j), distance[np.ix_(groups[i], groups[j])].mean()) for i, j in _pairs(len(groups))),
            key=lambda pair: pair[1],
        )
        if least > limit:
            break
        groups[i] += groups.pop(j)
    labels = np.empty(len(x), dtype=np.intp)
    for number, rows in enumerate(groups):
        labels[rows] = number
    return labels


def _pairs(n: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(n), 2))


def test_clusters_equal_plain_average_linkage(few_pairs: None) -> None:
    """Loose groups, so that the cut falls amid them: dividing into components first changes nothing."""
    embeddings, _ = planted(noise=1.1)
    labels, limit = cluster(embeddings[:60])
    assert 1 < len(partition(labels)) < 60
    assert partition(labels) == partition(slow_average_linkage(embeddings[:60], limit))


def test_a_component_too_large_is_divided_again(few_pairs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, who = planted()
    monkeypatch.setattr(clusters, "LARGEST", 8)
    monkeypatch.setattr(clusters, "GRAPH_FMR", 0.6)  # everybody hangs together at first
    assert partition(cluster(embeddings)[0]) == partition(who)


def test_one_photo_is_one_person(few_pairs: None) -> None:
    assert cluster(unit(1))[0].tolist() == [0]
    assert cluster(unit(1)[:0])[0].tolist() == []


@pytest.mark.parametrize("fmr", [0.003, 0.03])
def test_the_threshold_keeps_its_false_match_rate(few_pairs: None, fmr: float) -> None:
    """1,500 photos of as many people: about the asked share of all pairs is below it."""
    embeddings = unit(1500, 64, seed=2)
    limit = strangers(embeddings, seed=0).distance_at(fmr)
    cosines = (embeddings @ embeddings.T)[np.triu_indices(1500, 1)]
    share = (np.sqrt(2 - 2 * cosines) < limit).mean()
    assert 0.5 * fmr < share < 2 * fmr


# --- references that are searched again -------------------------------------------------------------------------------


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many references were prepared for the int8 pass, search by search."""
    counted: list[int] = []

    class Counted(RoughReferences):
        def __init__(self, references: Floats, width: int) -> None:
            counted.append(len(references))
            super().__init__(references, width)

    monkeypatch.setattr(neighbours, "RoughReferences", Counted)
    return counted


def test_samples_that_an_audit_searches_again_are_prepared_once(
    prepared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "SMALL", 0)
    made = table([None] * 2000, unit(2000, seed=1), np.zeros((2000, 1, 2, 2), np.uint8))
    samples, matcher = photos_of(made).embeddings, Matcher(threads=1)
    for seed in (2, 3, 4):
        queries = unit(40, 16, seed=seed)
        found, alone = matcher.nearest(queries, samples, 2), nearest(queries, samples.copy(), 2)
        assert np.array_equal(found.index, alone.index)
        assert np.array_equal(found.similarity, alone.similarity)
    assert prepared == [1488] * 4  # the first, which is kept, and those of the three copies
    del samples
    assert not matcher.kept._of
    assert not pickle.loads(pickle.dumps(matcher)).kept._of


def test_references_that_can_change_or_are_too_many_are_prepared_for_each_search(
    prepared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "SMALL", 0)
    queries, references, matcher = unit(40, 16, seed=2), unit(2000, 16, seed=1), Matcher(threads=1)
    matcher.nearest(queries, references)
    references[1500] = queries[7]
    assert matcher.nearest(queries, references).index[7] == 1500
    references.flags.writeable = False
    few = replace(matcher, memory=8 * references.size - 8)
    assert [few.nearest(queries, references).index[7, 0] for _ in range(2)] == [1500, 1500]
    assert len(prepared) >= 4
    assert not matcher.kept._of
