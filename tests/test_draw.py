"""A generator's pictures in a folder: what an audit of the generator looks at."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import probablyexists
from drawn_world import World
from known_generators import Null
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import BrokenPictures
from probablyexists.results.draw_again import draw_again, drawn_for
from probablyexists.results.findings import Again
from probablyexists.showing.serve import opened_audit
from test_report import sample_findings


def noise(seeds: Sequence[int]) -> NDArray[np.uint8]:
    """A picture of its own for each seed."""
    drawn = [np.random.default_rng(seed).integers(0, 256, (8, 8, 3)) for seed in seeds]
    return np.array(drawn, dtype=np.uint8)


class Gaps:
    """No picture for every fifth seed."""

    id = "gaps/1"

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        made = noise(seeds)
        if broken := {i: "not finite" for i, seed in enumerate(seeds) if seed % 5 == 4}:
            raise BrokenPictures("gaps", made, broken)
        return made


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder)) if not name.startswith(".")}


class Noise:
    id = "noise/1"

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        return noise(seeds)


def test_the_folder_holds_what_an_audit_of_the_generator_looks_at(tmp_path: Path) -> None:
    drawn = probablyexists.draw(Noise(), tmp_path / "samples", samples=30, seed=2)
    assert (drawn.pictures, drawn.new, drawn.broken) == (30, 30, ())
    source = GeneratedSource(Noise(), "noise", 30, 2)
    assert files(tmp_path / "samples") == {photo.path: data for photo, data in source.stream(source.photos)}
    assert min(files(tmp_path / "samples")) == "seed-20000000.png"


def test_a_stopped_run_goes_on_and_more_are_added(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    probablyexists.draw(Noise(), out, samples=20)
    whole, (first, *_) = files(out), sorted(files(out))
    (out / first).unlink()
    times = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    again = probablyexists.draw(Noise(), out, samples=25)
    assert (again.pictures, again.new) == (25, 6)
    assert {name: data for name, data in files(out).items() if name in whole} == whole
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times


def test_nothing_is_mixed_with_what_something_else_drew(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    probablyexists.draw(Noise(), out, samples=3)
    before = files(out)
    for generator, seed in ((Gaps(), 0), (Noise(), 1)):
        with pytest.raises(InputError, match="was not drawn from this generator with this seed"):
            probablyexists.draw(generator, out, samples=3, seed=seed)
    assert files(out) == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"holds me\.png"):
        probablyexists.draw(Noise(), tmp_path / "photos", samples=3)
    with pytest.raises(InputError, match="is a file; give a folder"):
        probablyexists.draw(Noise(), tmp_path / "photos" / "me.png", samples=3)
    assert os.listdir(tmp_path / "photos") == ["me.png"]


def test_seeds_without_a_picture_are_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "gaps.py").write_text("from test_draw import Gaps\ngaps = Gaps()\n")
    said = CliRunner().invoke(app, ["draw", "gaps:gaps", "--samples", "12", "--out", "samples", "-q"])
    assert said.exit_code == 1, said.output
    assert "10 pictures in 'samples'" in said.stdout
    assert "no picture for 2 seeds: 4, 9" in said.stderr
    assert len(files(tmp_path / "samples")) == 10
    as_json = CliRunner().invoke(app, ["draw", "gaps:gaps", "--samples", "12", "--out", "samples", "-q", "--json"])
    assert json.loads(as_json.stdout) == {"out": "samples", "pictures": 10, "new": 0, "broken": [4, 9]}


@pytest.mark.parametrize("what", ["a folder", "a picture", "nothing"])
def test_what_is_no_generator_is_one_line(tmp_path: Path, what: str) -> None:
    place = tmp_path / "given.png" if what == "a picture" else tmp_path / what
    if what == "a folder":
        place.mkdir()
    elif what == "a picture":
        place.write_bytes(b"picture")
    with pytest.raises(InputError, match="does not exist" if what == "nothing" else "is no generator") as caught:
        probablyexists.draw(place, tmp_path / "samples")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "samples").exists()


def test_an_audit_of_a_generator_is_looked_at_with_the_drawn_folder(world: World, tmp_path: Path, cache: Path) -> None:
    """The page says how to draw, and then has each sample's picture under its name."""
    from probablyexists.images.decode import decode_picture

    paths = sorted(world.honest.iterdir())[:12]
    strangers = Null(np.stack([np.asarray(Image.open(path)) for path in paths]))
    audit = tmp_path / "audit"
    findings = probablyexists.audit(world.training, world.heldout, strangers, samples=40, cache=cache, out=audit)
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    unseen = opened_audit(audit, {"training": None, "heldout": None, "generated": None}, Told())
    assert not unseen.pictures.has("generated")
    assert any(draw_again(findings.signature.settings) in line for line in said)
    probablyexists.draw(strangers, tmp_path / "samples", samples=40)
    (tmp_path / "other").mkdir()
    shutil.copy(paths[0], tmp_path / "other")
    for refused in (
        lambda: opened_audit(audit, {"generated": tmp_path / "other"}, Silent()),
        lambda: probablyexists.withhold(audit, tmp_path / "other", tmp_path / "kept"),
    ):
        with pytest.raises(InputError, match=r"holds no sample of this audit.* or draw them: probablyexists draw "):
            refused()
    opened = opened_audit(audit, {"generated": tmp_path / "samples"}, Silent())
    name = findings.samples["sample"][7].as_py()
    shown = decode_picture(opened.pictures.jpeg("generated", opened.sample_path(opened.row_of(name) or 0), 512))
    assert shown.size == strangers.photos.shape[2:0:-1]


def test_the_samples_of_an_audit_again_are_drawn_with_its_own_seed() -> None:
    leak = sample_findings("leak")
    settings = {**leak.signature.settings, "generated": "my:gan", "samples": 60, "seed": 0}
    first = leak.model_copy(update={"signature": leak.signature.model_copy(update={"settings": settings})})
    assert drawn_for(first) == "probablyexists draw my:gan --samples 60 --seed 0 --out samples/"
    told = {"before": "f", "before_date": "d", "look": 1, "level": 0.01, "guard": None, "selection": False}
    again = Again.model_validate({**told, "n_in_before": 0, "n_design": 0, "sample_seed": 1, "same_generator": True})
    assert "--seed 1 " in drawn_for(first.model_copy(update={"again": again}))
