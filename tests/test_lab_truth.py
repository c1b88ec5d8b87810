"""The audit against generators whose truth is known: what is there is found, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import probablyexists
from known_generators import Copycat, Likeness, Null, write_samples
from probablyexists import Findings
from probablyexists.basis.errors import InputError
from probablyexists.drawn.population import draw_person, draw_photo, write_population
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import Generator
from probablyexists.stats.estimate import Estimate

MEMBERS, PLANTED, HELDOUT = 12, 5, 82
"""Five are named for the verdict if each is more alike to the samples than all 82 held-out people, as 5 / 12 * 0.03
lies between 1 / 83 and 2 / 83. Of the 7 others, chance names one who is among the 6 / 12 * 0.05 of
strangers most alike: at this false discovery rate 0.18 wrong names an audit would be no mistake. The seed is fixed."""
PHOTOS, UNSEEN = range(4), range(50, 52)
SHOWN = range(100, 104)
"""Photos of the planted members that the samples of `Likeness` show."""
STRANGERS = range(1000, 1040)
SEEDS = range(64)


def drawn(people: range, photos: range) -> NDArray[np.uint8]:
    return np.stack([draw_photo(draw_person(0, n), photo) for n in people for photo in photos])


@dataclass(frozen=True)
class World:
    """Drawn people on disk, and the generators that know some of them."""

    folder: Path
    copycat: Copycat
    likeness: Likeness
    null: Null

    def audit(self, generator: Generator) -> Findings:
        generated = self.folder / generator.id.partition("/")[0]
        write_samples(generator, SEEDS, generated)
        return probablyexists.audit(
            self.folder / "training",
            self.folder / "heldout",
            generated,
            unseen=self.folder / "unseen",
            threads=1,
            show_names=True,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("truth")
    write_population(folder / "training", range(MEMBERS), PHOTOS, kind="jpg")
    write_population(folder / "unseen", range(MEMBERS), UNSEEN, kind="jpg")
    write_population(folder / "heldout", range(MEMBERS, MEMBERS + HELDOUT), PHOTOS, kind="jpg")
    strangers = drawn(STRANGERS, range(1))
    people = tuple(f"person-{n:04d}" for n in range(PLANTED) for _ in SHOWN)
    return World(
        folder,
        Copycat(drawn(range(MEMBERS), PHOTOS)),
        Likeness(drawn(range(PLANTED), SHOWN), people, strangers, share=0.4),
        Null(strangers),
    )


def named(findings: Findings) -> set[str]:
    return {row["person"] for row in findings.people.to_pylist() if row["exposed"]}


def unseen_by_person(findings: Findings) -> Estimate:
    (figure,) = (m.auroc for m in findings.membership if (m.population, m.level) == ("unseen photos", "person"))
    assert isinstance(figure, Estimate)
    return figure


def test_a_copycat_copies_and_nobody_is_named_by_likeness(world: World, cache: Path) -> None:
    findings = world.audit(world.copycat)
    assert findings.verdict == "leak"
    assert findings.copies.n_copies >= 0.95 * len(SEEDS)
    assert not named(findings)


def test_likenesses_name_the_planted_people_and_at_most_one_other(world: World, cache: Path) -> None:
    findings = world.audit(world.likeness)
    assert findings.verdict == "leak"
    assert named(findings) >= set(world.likeness.people)
    assert len(named(findings)) <= PLANTED + 1
    assert unseen_by_person(findings).low > 0.5
    # By the threshold's own rule 1 in 100 new photos of a person may pass for a copy of an old one.
    assert findings.copies.n_copies <= 2


def test_strangers_expose_nobody(world: World, cache: Path) -> None:
    findings = world.audit(world.null)
    assert findings.verdict != "leak"
    assert findings.copies.n_copies == 0
    assert not named(findings)
    assert unseen_by_person(findings).low <= 0.5 <= unseen_by_person(findings).high


def test_the_truth_of_a_sample_is_in_its_seed(world: World) -> None:
    for generator in (world.copycat, world.likeness, world.null):
        together = generator.sample(SEEDS)
        for seed in (0, 5, 63):
            assert np.array_equal(generator.sample([seed])[0], together[seed])
        assert len({picture.tobytes() for picture in together}) > 10


def test_a_share_of_the_samples_shows_planted_people(world: World) -> None:
    shown = [world.likeness.shows(seed) for seed in range(1000)]
    assert set(shown) == {None, *world.likeness.people}
    assert sum(person is not None for person in shown) == pytest.approx(400, abs=50)


def test_photos_and_names_must_fit() -> None:
    with pytest.raises(InputError, match="2 names for 1 photos"):
        Likeness(drawn(range(1), range(1)), ("a", "b"), drawn(range(1), range(1)), share=0.5)
    with pytest.raises(InputError, match=r"share is 1\.5"):
        Likeness(drawn(range(1), range(1)), ("a",), drawn(range(1), range(1)), share=1.5)


def grey(*levels: int) -> NDArray[np.uint8]:
    """One 16 x 16 photo a level, told apart by it."""
    return np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])


TINY = (
    Copycat(grey(1, 2, 3)),
    Null(grey(1, 2, 3)),
    Likeness(grey(10, 11, 20), ("ann", "ann", "bob"), grey(1, 2), share=0.5),
)


@pytest.mark.parametrize("generator", TINY, ids=lambda g: type(g).__name__)
def test_batch_and_order_change_nothing(generator: Generator) -> None:
    together = generator.sample(SEEDS)
    assert (together.shape, together.dtype) == ((len(SEEDS), 16, 16, 3), np.uint8)
    assert np.array_equal(together[::-1], generator.sample(SEEDS[::-1]))
    assert all(np.array_equal(together[seed], generator.sample([seed])[0]) for seed in SEEDS)
    assert generator.sample([]).shape == (0, 16, 16, 3)


def test_every_photo_is_given_and_no_other() -> None:
    assert [set(g.sample(SEEDS)[:, 0, 0, 0].tolist()) for g in TINY] == [{1, 2, 3}, {1, 2, 3}, {10, 11, 20, 1, 2}]


def test_a_likeness_shows_whom_it_says() -> None:
    owner = {10: "ann", 11: "ann", 20: "bob", 1: None, 2: None}
    for share, low, high in ((0.0, 0, 0), (0.25, 170, 230), (1.0, 800, 800)):  # 200 +- 2.4 standard deviations
        likeness = Likeness(grey(10, 11, 20), ("ann", "ann", "bob"), grey(1, 2), share)
        shown = [likeness.shows(seed) for seed in range(800)]
        assert shown == [owner[level] for level in likeness.sample(range(800))[:, 0, 0, 0].tolist()]
        n = len(shown) - shown.count(None)
        assert low <= n <= high
        # Ann's two photos do not make her twice as likely.
        assert abs(shown.count("ann") - n / 2) <= 3 * (n / 4) ** 0.5


def test_an_id_changes_with_whatever_changes_a_picture() -> None:
    ids = [
        *(generator.id for generator in TINY),
        Copycat(grey(1, 2, 4)).id,
        Likeness(grey(10, 11, 20), ("ann", "bob", "bob"), grey(1, 2), 0.5).id,
        Likeness(grey(10, 11, 20), ("ann", "ann", "bob"), grey(1, 3), 0.5).id,
        Likeness(grey(10, 11, 20), ("ann", "ann", "bob"), grey(1, 2), 0.6).id,
    ]
    assert len(set(ids)) == len(ids)
    assert Copycat(grey(1, 2, 3)).id == TINY[0].id


def test_written_samples_are_those_that_an_audit_would_draw(tmp_path: Path) -> None:
    source = GeneratedSource(TINY[2], "likeness", 5, seed=0)
    write_samples(TINY[2], range(5), tmp_path / "samples")
    written = {path.name: path.read_bytes() for path in (tmp_path / "samples").iterdir()}
    assert written == {photo.path: data for photo, data in source.stream(source.photos)}


def test_photos_that_are_no_photos_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"copycat: photos are uint8 \(0, 16, 16, 3\); give"):
        Copycat(grey(1)[:0])
    with pytest.raises(InputError, match="null: photos are float64"):
        Null(np.zeros((2, 16, 16, 3)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give one size"):
        Likeness(grey(1), ("ann",), grey(1)[:, :8], 0.5)
