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
from typer.testing import CliRunner

import probablyexists
from drawn_world import World, save
from probablyexists import Findings, InputError
from probablyexists.answers import changes
from probablyexists.answers.change_cautions import about_level
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.intake.looks import REAUDITS, Look, Looks, read_looks
from probablyexists.intake.seen_samples import Seen
from probablyexists.report.again_texts import again_cautions
from probablyexists.results import contents as contents_file
from probablyexists.results.contents import content_of, contents_of, sample_salt
from probablyexists.results.findings import Again
from probablyexists.stats.spending import level_of
from probablyexists.tasks.compare import _refuse_same_samples


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


@pytest.fixture
def few_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "FEWEST_DEALS", 99)
    monkeypatch.setattr(changes, "BELOW", 1)


def again(before: Path, world: World, generated: Any, out: Path, **more: Any) -> Findings:
    return probablyexists.reaudit(before, world.training, world.heldout, generated, out=out, **more)


def refused(*given: Any, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        again(*given, **more)
    assert "\n" not in str(caught.value)
    return caught.value.on_command_line


# --- whole audits ---------------------------------------------------------------------------------------------------


def test_new_samples_of_a_model_that_repeats_itself_are_audited_again_without_a_word(
    before: Path, world: World, tmp_path: Path, few_deals: None
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
    _refuse_same_samples(Findings.read(before), found.model_copy(update={"again": None}))


def test_a_filter_of_the_samples_of_a_model_that_repeats_itself_is_refused(
    before: Path, world: World, tmp_path: Path
) -> None:
    kept = [picture for picture in draws(0) if picture > 5]
    folder = files(tmp_path / "kept", kept)
    assert f"{len(kept)} of {len(kept)} samples were in the first audit" in refused(
        before, world, folder, tmp_path / "after"
    )
    assert read_looks(before) == []
    # The same where two audits were made without reaudit.
    first = Findings.read(before)
    of_kept = [row for row, picture in enumerate(draws(0)) if picture > 5]
    with pytest.raises(InputError, match=r"make the second audit with reaudit and say so \(drawn_anew=True\)"):
        _refuse_same_samples(first, first.model_copy(update={"samples": first.samples.take(of_kept)}))


def test_a_user_states_that_samples_with_old_bytes_were_drawn_anew(
    before: Path, world: World, tmp_path: Path, few_deals: None
) -> None:
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
def test_fresh_draws_of_a_model_that_repeats_itself_are_rarely_refused(n_pictures: int, uniform: bool) -> None:
    rng = np.random.default_rng(n_pictures)
    share = np.ones(n_pictures) if uniform else 1 / np.arange(1, n_pictures + 1)
    lots = ([rng.choice(n_pictures, 200, p=share / share.sum()).tolist() for _ in range(2)] for _ in range(150))
    assert sum(seen(first, second).is_reuse for first, second in lots) <= 12


def test_half_of_the_old_samples_of_a_model_that_repeats_itself_are_known() -> None:
    rng = np.random.default_rng(0)
    lots = [rng.integers(1500, size=1000).tolist() for _ in range(40)]
    assert sum(seen(first, first[:500]).is_reuse for first in lots) >= 36


# --- looks that cannot be decided -----------------------------------------------------------------------------------


class Heard(Silent):
    """Notes what is said, and stops the run where the user would."""

    def __init__(self, at: str) -> None:
        self.said: list[str] = []
        self.at = at

    def say(self, text: str) -> None:
        self.said.append(text)
        if text.startswith(self.at):
            raise KeyboardInterrupt


def looks(folder: Path, n: int) -> None:
    """As if the first audit had been looked at n times."""
    its = Findings.read(folder).signature.data_fingerprint
    each = [Look(before=its, look=k, level=level_of(k), date="", out="x", written=True) for k in range(1, n + 1)]
    (folder / REAUDITS).write_text(Looks(looks=each).model_dump_json())


def stopped(before: Path, world: World, new: Path) -> list[str]:
    heard = Heard("this is look")
    with pytest.raises(KeyboardInterrupt):
        again(before, world, new, new.with_name("after"), progress=heard)
    return heard.said


def test_a_user_hears_before_the_look_is_spent_that_it_cannot_be_decided(
    before: Path, world: World, tmp_path: Path
) -> None:
    looks(before, 55)
    late = (
        'no comparison with the first audit can say "reduced" after look 55, as the levels are too small; make a new '
        "first audit with new held-out people"
    )
    assert stopped(before, world, tmp_path / "new") == [
        f"this is look 56 at the first audit, counted when its result is written: {late}; if you stop now, it is not "
        "counted"
    ]
    assert len(read_looks(before)) == 55
    held = {"before": "f", "before_date": "d", "look": 56, "level": level_of(56), "guard": None, "selection": False}
    made = Again.model_validate({**held, "n_in_before": 0, "n_design": 0, "sample_seed": None, "same_generator": None})
    assert again_cautions(made) == [f"this is look 56: {late}"]


def test_each_look_says_its_number_and_how_many_are_left(before: Path, world: World, tmp_path: Path) -> None:
    looks(before, 1)
    assert stopped(before, world, tmp_path / "new") == [
        "this is look 2 at the first audit, counted when its result is written: a comparison may claim a change if "
        "p <= 0.0038; after it, 53 looks at most can be decided"
    ]


def test_compare_says_before_it_deals_what_a_level_cannot_show(before: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(before, tmp_path / "other"))
    found = Findings.read(other)
    text = pa.array([f"new-{i}" for i in range(found.samples.num_rows)])
    place = found.samples.schema.get_field_index("content")
    samples = found.samples.set_column(place, found.samples.schema.field(place), text)
    found.model_copy(update={"samples": samples}).write(other)
    heard = Heard("at a level of")
    with pytest.raises(KeyboardInterrupt):
        probablyexists.compare(before, other, level=level_of(56), progress=heard)
    assert heard.said == [
        'at a level of 4.8e-06 no result can be "reduced" or "worse": samples are dealt again at most 200,000 times; '
        "after so many looks, make a new first audit with new held-out people"
    ]
    assert about_level(level_of(55))[0].startswith('at a level of 5e-06 no result can be "worse": samples')
    assert about_level(level_of(31)) == []


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
