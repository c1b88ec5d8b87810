"""One person's question, simulated: what chance explains, what look-alikes explain, and the words for each."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from probablyexists.answers.copying import find_copies
from probablyexists.answers.one_person import Rank, rank
from probablyexists.answers.person_copies import PersonCopies, person_copies
from probablyexists.answers.person_verdict import NOT_AMONG_THEM, PersonJudgement, judge_person, place
from probablyexists.answers.set_aside import Losses
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, Faces, Photos, photos_of
from probablyexists.matching.matcher import HERE
from probablyexists.matching.templates import group
from probablyexists.results.findings import Sampling
from probablyexists.sources.listing import Photo
from probablyexists.stats.estimate import Estimate

DIM = 128


def unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def table(embeddings: NDArray[np.float32], pictures: NDArray[np.uint8] | None = None, photos: int = 1) -> Embedded:
    """So many photos of each person, person after person."""
    n = len(embeddings)
    pictures = np.zeros((n, 1, 48, 48), np.uint8) if pictures is None else pictures
    named = tuple(Photo(f"{i:05d}.png", f"person-{i // photos:05d}") for i in range(n))
    keys = tuple(f"{i}".encode() for i in range(n))
    return Embedded(named, keys, embeddings, pictures, np.zeros(n, np.int32), (), n)


def crowd(embeddings: NDArray[np.float32], pictures: NDArray[np.uint8] | None = None, photos: int = 1) -> Crowd:
    people = table(embeddings, pictures, photos)
    return Crowd(people, group(people))


def faces(draw: np.random.Generator, n: int, alike: float, centre: NDArray[np.float64]) -> NDArray[np.float32]:
    """Faces; this share of them are look-alikes around the centre."""
    of_group = draw.random(n) < alike
    own = draw.normal(0, DIM**-0.5, (n, DIM))
    return unit(np.where(of_group[:, None], 0.7 * own + centre, own))


def ranks(draws: int, *, alike: float, asked: float, shown: bool = False) -> list[Rank]:
    """One person a draw, 200 reference people and 500 samples of the same population; `shown`: a sample shows them."""
    found = []
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        centre = np.asarray(unit(draw.normal(0, 1, DIM)), dtype=np.float64)
        reference, samples = faces(draw, 200, alike, centre), faces(draw, 500, alike, centre)
        person = faces(draw, 1, asked, centre)
        if shown:
            samples[0] = unit(person[0] + 0.4 * draw.normal(0, DIM**-0.5, DIM))
        made = photos_of(table(samples))

        def nearest(of: Faces, made: Photos = made) -> NDArray[np.float64]:
            return np.asarray((of.templates @ made.embeddings.T).max(axis=1), dtype=np.float64)

        found.append(rank(crowd(person), crowd(reference), made, nearest, HERE))
    return found


def is_weak(at: Rank) -> bool:
    return at.p <= 0.05 and at.p_of_look_alikes > NOT_AMONG_THEM


def test_somebody_of_a_small_group_of_look_alikes_is_told_that_a_small_p_is_weaker() -> None:
    """A tenth of the people look alike, nobody is leaked: p is small for half of them, and the sheet says why."""
    found = ranks(60, alike=0.1, asked=1.0)
    small = sum(at.p <= 0.05 for at in found)
    assert small > 18
    assert sum(map(is_weak, found)) > 0.6 * small


def test_without_look_alikes_the_caution_is_rare() -> None:
    """About 1 % is expected: more than 7 of 150 would be a fault."""
    assert sum(map(is_weak, ranks(150, alike=0.0, asked=0.0))) <= 7


@pytest.mark.parametrize("asked", [0.0, 1.0])
def test_whoever_is_shown_is_not_cautioned_about_look_alikes(asked: float) -> None:
    found = ranks(20, alike=0.1, asked=asked, shown=True)
    assert sum(at.p <= 0.05 for at in found) == 20
    assert not any(map(is_weak, found))


def textures(draw: np.random.Generator, n: int) -> NDArray[np.float64]:
    """(n, 1, 48, 48) pictures that have nothing to do with each other."""
    smooth = gaussian_filter(draw.normal(0, 1, (n, 1, 48, 48)), (0, 0, 3, 3))
    return np.asarray(smooth / smooth.std(axis=(2, 3), keepdims=True), dtype=np.float64)


def grey(x: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(128 + 40 * x, 0, 255).astype(np.uint8)


def copies_of(n_reference: int, *, to_all: bool = False, alike: float = 0.92) -> PersonCopies:
    """A sample is nearly a photo of the person (`to_all`: and to a photo of every reference person)."""
    draw = np.random.default_rng(1)
    photos, others, samples = textures(draw, 2), textures(draw, 2 * n_reference), textures(draw, 300)
    samples[0] = alike * photos[1] + (1 - alike**2) ** 0.5 * samples[0]
    if to_all:
        others[1::2] = alike * samples[1 : n_reference + 1] + (1 - alike**2) ** 0.5 * others[1::2]
    asked = crowd(np.tile(np.eye(1, 4, dtype=np.float32), (2, 1)), grey(photos), photos=2)
    reference = crowd(np.tile(np.eye(1, 4, dtype=np.float32), (2 * n_reference, 1)), grey(others), photos=2)
    generated = table(unit(draw.normal(0, 1, (300, 4))), grey(samples))
    found = find_copies(asked, reference, generated)
    assert found.is_copy.tolist() == [True] + [False] * 299
    return person_copies(found, asked, reference, generated, 1)


def test_a_copy_that_is_not_certain_counts_if_no_reference_person_has_one_as_alike() -> None:
    found = copies_of(120)
    assert (found.n, found.beyond_chance, found.p) == (1, True, 1 / 121)


def test_a_copy_that_reference_people_have_too_is_chance() -> None:
    found = copies_of(120, to_all=True)
    assert (found.n, found.beyond_chance) == (1, False)
    assert found.p is not None
    assert found.p > 0.05


def test_with_few_reference_people_only_a_certain_copy_counts() -> None:
    assert copies_of(60).beyond_chance is False
    certain = copies_of(60, alike=0.999)
    assert (certain.beyond_chance, certain.p) == (True, None)


def test_more_photos_of_the_person_than_of_others_make_no_copies() -> None:
    """The photos are compared in parts of as many as the others have, and p is multiplied by their number."""
    draw = np.random.default_rng(2)
    photos, others, samples = textures(draw, 6), textures(draw, 240), textures(draw, 100)
    samples[0] = 0.92 * photos[5] + 0.39 * samples[0]
    asked = crowd(np.tile(np.eye(1, 4, dtype=np.float32), (6, 1)), grey(photos), photos=6)
    reference = crowd(np.tile(np.eye(1, 4, dtype=np.float32), (240, 1)), grey(others), photos=2)
    generated = table(unit(draw.normal(0, 1, (100, 4))), grey(samples))
    found = person_copies(find_copies(asked, reference, generated), asked, reference, generated, 1)
    assert found.p == pytest.approx(3 / 121)


NO_COPIES = PersonCopies(0, 0, 0, None, beyond_chance=False)
COPIED = PersonCopies(1, 1, 1, None, beyond_chance=True)


def judged(
    score: float = 0.5, copies: PersonCopies = NO_COPIES, n_distinct: int = 2000, with_face: float = 1.0
) -> PersonJudgement:
    """200 reference people with scores 0.000 to 0.995."""
    others = np.arange(200) / 200
    p = (1 + int((others >= score).sum())) / 201
    return judge_person(
        copies=copies,
        at=Rank(2, score, 0.0, p, others, others[:20], np.arange(1), np.array([score])),
        level=0.05,
        sampling=Sampling(
            n_samples=2000,
            n_distinct=n_distinct,
            with_face=Estimate(with_face, with_face, with_face, 0.95, "", 64),
            unseen_rate=1 - 0.05 ** (1 / n_distinct),
            curve=[],
        ),
        power=Estimate(0.9, 0.8, 1.0, 0.95, "", 200),
        owner_split=True,
        of_audit=False,
        odd=[],
        n_left_out=0,
        photos=[],
        lost=Losses(),
    )


def test_nobody_is_said_not_to_be_resembled() -> None:
    sentence = judged(0.7125).sentence
    assert "resemble this person more than other people" in sentence
    assert "compared with 200 other people, this person ranks 58th of 201" in sentence
    assert "shows in fewer than 1 in 668 pictures can be missing from those given" in sentence
    assert "do not resemble" not in sentence


def test_a_copy_beside_a_large_p_is_no_contradiction() -> None:
    found = judged(0.1, COPIED)
    assert found.evidence == "copy"
    assert "That stands by itself. Apart from this copy, nothing shows that the pictures resemble" in found.sentence
    assert "chance can explain as well: " in judged(2.0, COPIED).sentence
    again = PersonCopies(50, 1, 50, None, beyond_chance=True)
    assert "50 generated pictures (1 distinct) reproduce photos" in judged(0.1, again).sentence


def test_below_a_certain_copy_it_is_said_to_be_probable() -> None:
    """As the report does: only from a correlation of 0.95 on a picture reproduces a photo."""
    one = judged(0.1, PersonCopies(1, 1, 0, 0.001, beyond_chance=True))
    assert one.evidence == "copy"
    assert "One generated picture probably reproduces a photo that was given" in one.sentence
    two = judged(0.1, PersonCopies(3, 3, 2, None, beyond_chance=True)).sentence
    assert "3 generated pictures reproduce photos that were given (2 certain, the others probable)" in two


def test_a_copy_that_chance_explains_is_a_caution_and_no_finding() -> None:
    found = judged(0.1, PersonCopies(2, 2, 0, 0.2, beyond_chance=False))
    assert found.evidence == "no evidence"
    assert any("2 generated pictures look like a copy of a photo" in c and "(p = 0.2)" in c for c in found.cautions)


def test_a_shared_place_is_said() -> None:
    assert "ranks 99th to 100th of 201 (shared)" in judged(0.505).sentence
    assert place(1, 0, 201) == "1st of 201"
    assert [place(n, 0, 2000).split()[0] for n in (2, 3, 11, 112, 1021)] == ["2nd", "3rd", "11th", "112th", "1,021st"]


@pytest.mark.parametrize(("n_distinct", "said"), [(10, True), (999, True), (1000, False)])
def test_ten_samples_of_which_none_shows_the_person_say_little(n_distinct: int, said: bool) -> None:
    few = f"{n_distinct:,} distinct samples are too few"
    assert any(few in caution for caution in judged(n_distinct=n_distinct).cautions) is said
    assert not any(few in caution for caution in judged(2.0, n_distinct=n_distinct).cautions)


@pytest.mark.parametrize("score", [0.5, 2.0])
def test_samples_without_faces_are_said_whatever_is_found(score: float) -> None:
    assert any(
        "a face can be detected in only 12 % of the samples" in c for c in judged(score, with_face=0.12).cautions
    )
    assert judged(score).cautions == []
