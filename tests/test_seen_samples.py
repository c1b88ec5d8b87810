"""Samples that were in the first audit: re-used, or drawn again by a model that repeats itself; and hashed once."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import probablyexists
from drawn_world import World, save
from probablyexists import Findings, InputError
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.intake.looks import REAUDITS, Look, Looks, read_looks
from probablyexists.intake.seen_samples import Seen
from probablyexists.results import contents as contents_file
from probablyexists.results.contents import content_of, contents_of, sample_salt
from probablyexists.stats.spending import level_of


def files(folder: Path, pictures: Sequence[int]) -> Path:
    """A file for each number of a picture: the same number, the same bytes."""
    drawn: dict[int, Path] = {}
    for i, picture in enumerate(pictures):
        path = folder / f"{i:03d}.jpg"
        if picture in drawn:
            shutil.copy(drawn[picture], path)
        else:
            save(path, 3000 + picture, 0)
            drawn[picture] = path
    return folder


def draws(seed: int) -> list[int]:
    """Sixty samples of a model that gives one of thirty pictures."""
    return np.random.default_rng(seed).integers(30, size=60).tolist()


@pytest.fixture(scope="module")
def collapsed(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first audit, of a model that repeats itself. For reading only."""
    folder = tmp_path_factory.mktemp("collapsed")
    probablyexists.audit(world.training, world.heldout, files(folder / "samples", draws(0)), out=folder / "before")
    return folder / "before"


@pytest.fixture
def before(collapsed: Path, tmp_path: Path) -> Path:
    """A copy of it, to count in."""
    return Path(shutil.copytree(collapsed, tmp_path / "before"))


def again(before: Path, world: World, generated: Any, out: Path, **more: Any) -> Findings:
    return probablyexists.reaudit(before, world.training, world.heldout, generated, out=out, **more)


def refused(*given: Any, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        again(*given, **more)
    assert "\n" not in str(caught.value)
    return caught.value.on_command_line


# --- whole audits ---------------------------------------------------------------------------------------------------


def test_new_samples_of_a_model_that_repeats_itself_are_audited_again_without_a_word(
    before: Path, world: World, tmp_path: Path
) -> None:
    new = draws(1)
    shared = sum(picture in draws(0) for picture in new)
    assert shared > 40
    found = again(before, world, files(tmp_path / "new", new), tmp_path / "after")
    assert found.again is not None
    assert (found.again.n_in_before, found.again.drawn_anew, found.again.look) == (shared, False, 1)
    assert found.cautions[0] == (
        f"{shared} samples are in the first audit too, byte by byte: no more than pictures that the first audit has "
        "several times explain; whether they were drawn anew cannot be told from the files"
    )
    page = (tmp_path / "after" / "report.html").read_text()
    assert "none has the content of a sample of the first audit" not in page
    changed = probablyexists.compare(before, tmp_path / "after")
    assert f"{shared} samples of the second audit are in the first too, byte by byte: counted as drawn anew" in (
        changed.cautions
    )
    # The same of two audits that reaudit has not judged.
    probablyexists.audit(world.training, world.heldout, tmp_path / "new", out=tmp_path / "plain")
    assert probablyexists.compare(before, tmp_path / "plain").verdict == "not shown"


def test_a_filter_of_the_samples_of_a_model_that_repeats_itself_is_refused(
    before: Path, world: World, tmp_path: Path
) -> None:
    kept = [picture for picture in draws(0) if picture > 5]
    folder = files(tmp_path / "kept", kept)
    assert f"{len(kept)} of {len(kept)} samples were in the first audit" in refused(
        before, world, folder, tmp_path / "after"
    )
    probablyexists.audit(world.training, world.heldout, folder, out=tmp_path / "plain")
    with pytest.raises(InputError, match=r"make the second audit with reaudit and say so \(drawn_anew=True\)"):
        probablyexists.compare(before, tmp_path / "plain")
    assert read_looks(before) == []


def test_a_user_states_that_samples_with_old_bytes_were_drawn_anew(before: Path, world: World, tmp_path: Path) -> None:
    folder = files(tmp_path / "new", draws(0))
    said = refused(before, world, folder, tmp_path / "after")
    assert "or give --drawn-anew if they are new and the model gave the same pictures again" in said
    both = {"drawn_anew": True, "selection": True}
    assert "--drawn-anew: a selection of the first audit's samples (--selection) was not drawn anew" in refused(
        before, world, folder, tmp_path / "after", **both
    )
    given = ["--training", str(world.training), "--heldout", str(world.heldout), "--generated", str(folder)]
    command = ["reaudit", str(before), *given, "--out", str(tmp_path / "after"), "--drawn-anew", "-q"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    text = "drawn anew, as the user says, by a model that repeats itself"
    assert text in result.stdout
    assert text in (tmp_path / "after" / "report.html").read_text()
    found = Findings.read(tmp_path / "after")
    assert found.signature.settings["drawn_anew"] is True
    assert found.again is not None
    assert (found.again.drawn_anew, found.again.n_in_before) == (True, 60)
    assert found.cautions[0].startswith(f"60 samples are in the first audit too, byte by byte: {text}")
    assert any(
        text.endswith("counted as drawn anew, as the user says")
        for text in probablyexists.compare(before, tmp_path / "after").cautions
    )


class Collapsed:
    """Three pictures, whatever the seed."""

    id = "collapsed/1"

    def sample(self, seeds: list[int]) -> NDArray[np.uint8]:
        return np.stack([draw_photo(draw_person(1, seed % 3), 0, 64) for seed in seeds])


def test_a_generator_that_the_program_samples_cannot_re_use_samples(world: World, cache: Path, tmp_path: Path) -> None:
    probablyexists.audit(world.training, world.heldout, Collapsed(), samples=6, out=tmp_path / "before")
    found = again(tmp_path / "before", world, Collapsed(), tmp_path / "after")
    assert found.again is not None
    assert found.again.n_in_before == 6
    assert "6 samples are in the first audit too, byte by byte: drawn with other seeds" in found.cautions[0]
    said = refused(tmp_path / "before", world, Collapsed(), tmp_path / "x", drawn_anew=True)
    assert said == "--drawn-anew: is for samples, and a generator is given; leave it out"


# --- the rule -------------------------------------------------------------------------------------------------------


def seen(earlier: Sequence[Any], later: Sequence[Any]) -> Seen:
    return Seen(
        *(pa.array([None if one is None else f"{one}" for one in lot], pa.string()) for lot in (earlier, later))
    )


@pytest.mark.parametrize(
    ("earlier", "later", "n", "is_reuse"),
    [
        ([1, 2, 3], [4, 5], 0, False),
        ([1, 2, 3], [1, 4, 5], 1, True),  # nothing repeats there, so nothing explains it
        ([1, 1, 2, 3], [1, 1, 1, 4], 3, False),  # what came several times comes again
        ([None, None, 1], [None, 2], 0, False),  # not read is not alike
        ([1, 1, 1], [1, 1, 1], 3, False),  # one picture alone is no choice
        ([1, 1, 2, 2, 2, 3, 3], [1, 1, 2, 2, 2], 5, True),  # all, each as often: what a filter leaves
        ([1, 1, 2, 2, 2, 3, 3], [1, 1, 2, 2], 4, False),
        ([*range(100), 7], [*range(100, 150), *range(50)], 50, True),  # one repeat does not explain fifty
        ([], [1], 0, False),
        ([1], [], 0, False),
    ],
)
def test_what_is_re_use(earlier: list[Any], later: list[Any], n: int, is_reuse: bool) -> None:
    found = seen(earlier, later)
    assert (found.n, found.is_reuse) == (n, is_reuse)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("n_pictures", [30, 300])
def test_fresh_draws_of_a_model_that_repeats_itself_are_rarely_refused_and_half_of_the_old_ones_are(
    n_pictures: int, uniform: bool
) -> None:
    rng = np.random.default_rng(n_pictures)
    share = np.ones(n_pictures) if uniform else 1 / np.arange(1, n_pictures + 1)
    wrong, found = 0, 0
    for _ in range(150):
        first, second = (rng.choice(n_pictures, 200, p=share / share.sum()).tolist() for _ in range(2))
        wrong += seen(first, second).is_reuse
        found += seen(first, first[:100]).is_reuse if n_pictures == 300 and uniform else 1
    assert wrong <= 6
    assert found >= 140


# --- looks that cannot be decided -----------------------------------------------------------------------------------


class Heard(Silent):
    def __init__(self, stop: bool) -> None:
        self.said: list[str] = []
        self.stop = stop

    def say(self, text: str) -> None:
        self.said.append(text)
        if self.stop:
            raise KeyboardInterrupt


def looks(folder: Path, n: int) -> None:
    """As if the first audit had been looked at n times."""
    its = Findings.read(folder).signature.data_fingerprint
    each = [Look(before=its, look=k, level=level_of(k), date="", out="x", written=True) for k in range(1, n + 1)]
    (folder / REAUDITS).write_text(Looks(looks=each).model_dump_json())


def test_a_user_hears_before_the_look_is_spent_that_it_cannot_be_decided(
    before: Path, world: World, tmp_path: Path
) -> None:
    new = files(tmp_path / "new", draws(1))
    looks(before, 55)
    heard = Heard(stop=True)
    with pytest.raises(KeyboardInterrupt):
        again(before, world, new, tmp_path / "after", progress=heard)
    late = (
        'no comparison with the first audit can say "reduced" after look 55, as the levels are too small; make a new '
        "first audit with new held-out people"
    )
    assert heard.said == [
        "this is look 56 at the first audit, counted when its result is written: " + late + "; if you stop now, it is "
        "not counted"
    ]
    assert len(read_looks(before)) == 55
    found = again(before, world, new, tmp_path / "after")
    assert found.cautions[0] == f"this is look 56: {late}"
    changed = probablyexists.compare(before, tmp_path / "after", progress=(heard := Heard(stop=False)))
    said = (
        'at a level of 4.8e-06 no result can be "reduced" or "worse": samples are dealt again at most 200,000 times; '
        "after so many looks, make a new first audit with new held-out people"
    )
    assert changed.cautions[0] == said
    assert heard.said.index(said) < heard.said.index("dealing the samples of both audits again")


def test_each_look_says_its_number_and_how_many_are_left(before: Path, world: World, tmp_path: Path) -> None:
    new = files(tmp_path / "new", draws(1))
    looks(before, 1)
    heard = Heard(stop=True)
    with pytest.raises(KeyboardInterrupt):
        again(before, world, new, tmp_path / "after", progress=heard)
    assert heard.said == [
        "this is look 2 at the first audit, counted when its result is written: a comparison may claim a change if "
        "p <= 0.0038; after it, 53 looks at most can be decided"
    ]


# --- each content is hashed once ------------------------------------------------------------------------------------


def test_many_files_of_the_same_bytes_are_hashed_once_and_have_the_same_fingerprints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [hashlib.sha256(bytes([i % 7])).digest() for i in range(3000)]
    keys_or_none: list[bytes | None] = [*keys, None, keys[0]]
    salt = sample_salt(b"s")
    wanted = [None if key is None else content_of(key, salt) for key in keys_or_none]
    hashed: Counter[bytes] = Counter()

    def counted(sha256: bytes, salt: str) -> str:
        hashed[sha256] += 1
        return content_of(sha256, salt)

    monkeypatch.setattr(contents_file, "content_of", counted)
    assert contents_of(keys_or_none, salt).to_pylist() == wanted
    assert set(hashed.values()) == {1}
    different = [hashlib.sha256(f"{i}".encode()).digest() for i in range(1500)]
    assert contents_of(different, salt).to_pylist() == [content_of(key, salt) for key in different]
    assert contents_of([], salt).to_pylist() == []
