"""An audit made again: the same people and settings, samples it has not seen, and every look is counted."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import probablyexists
from drawn_world import HELDOUT, World, save
from probablyexists import Findings, InputError
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.embed import Embedded
from probablyexists.generators.file_generator import FileGenerator
from probablyexists.guarding.checking import Guard
from probablyexists.guarding.guard_file import read_guard, write_guard
from probablyexists.intake.halves import design_half
from probablyexists.intake.looks import REAUDITS, Look, next_look, read_looks
from probablyexists.intake.open_sources import Fresh
from probablyexists.intake.same_audit import fresh_samples, used_guard, with_first
from probablyexists.intake.settings import ReauditSettings, checked
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.report.again_texts import again_cautions
from probablyexists.results.findings import Again
from probablyexists.sources.listing import Photo
from probablyexists.stats.spending import TOTAL, level_of
from probablyexists.tasks.reaudit import _refuse_without_guard
from test_report import sample_findings, trust


@pytest.fixture(scope="module")
def audited(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first audit. For reading only."""
    out = tmp_path_factory.mktemp("first") / "before"
    probablyexists.audit(world.training, world.heldout, world.leaking, out=out)
    return out


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve samples that the first audit has not seen. For reading only."""
    folder = tmp_path_factory.mktemp("fresh")
    for i in range(12):
        save(folder / f"n{i:03d}.jpg", 2000 + i, 0)
    return folder


@pytest.fixture
def before(audited: Path, tmp_path: Path) -> Path:
    """A copy of the first audit, to count in."""
    return Path(shutil.copytree(audited, tmp_path / "before"))


def again(before: Path, world: World, generated: Any, out: Path, **options: Any) -> Findings:
    people = {"training": world.training, "heldout": world.heldout, **options}
    return probablyexists.reaudit(before, generated=generated, out=out, **people)


def refused(*given: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        again(*given, **options)
    assert "\n" not in str(caught.value)
    return caught.value.on_command_line


# --- fresh samples --------------------------------------------------------------------------------------------------


def test_samples_of_the_first_audit_are_refused_unless_a_selection_is_judged(
    before: Path, world: World, fresh: Path, tmp_path: Path
) -> None:
    chosen = tmp_path / "chosen"
    shutil.copytree(fresh, chosen)
    for name in ("s000.jpg", "s001.jpg"):
        shutil.copy(world.leaking / name, chosen / f"other-name-{name}")
    said = refused(before, world, chosen, tmp_path / "after")
    assert "2 of 14 samples were in the first audit" in said
    assert "draw new ones; or give --drawn-anew if they are new and the model gave the same pictures again" in said
    assert "or --selection to judge the selection and not the model" in said
    assert read_looks(before) == []
    found = again(before, world, chosen, tmp_path / "after", selection=True)
    assert found.cautions[0].startswith("a selection is judged, not a model: 2 samples of the first audit are")
    assert found.again is not None
    assert (found.again.selection, found.again.n_in_before, found.again.look) == (True, 2, 1)
    assert found.sentence.startswith("A selection of samples is judged here, not the model. ")
    assert Findings.read(tmp_path / "after") == found
    assert "no sample was in the first audit; leave out --selection" in refused(
        before, world, fresh, tmp_path / "after2", selection=True
    )


def test_what_is_published_by_withhold_is_a_selection(before: Path, world: World, tmp_path: Path) -> None:
    done = probablyexists.withhold(before, world.leaking, tmp_path / "kept")
    rows = Findings.read(before).samples
    assert done.let_through == sum(kind == "none" for kind in rows["kind"].to_pylist())
    assert not {f"copy-{n}.jpg" for n in (8, 9, 10)} & set(os.listdir(tmp_path / "kept"))
    said = refused(before, world, tmp_path / "kept", tmp_path / "after")
    assert f"{done.let_through} of {done.let_through} samples were in the first audit" in said


class Drawn:
    """Pictures of drawn people: three, whatever the seeds."""

    id = "drawn/1"

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def sample(self, seeds: list[int]) -> NDArray[np.uint8]:
        self.seeds += seeds
        return np.stack([draw_photo(draw_person(1, seed % 3), 0, 64) for seed in seeds])


def test_a_generator_is_sampled_with_other_seeds_and_the_same_one_is_the_null(
    world: World, cache: Path, tmp_path: Path
) -> None:
    probablyexists.audit(world.training, world.heldout, Drawn(), samples=6, seed=3, out=tmp_path / "before")
    generator = Drawn()
    found = again(tmp_path / "before", world, generator, tmp_path / "after")
    assert found.again is not None
    assert (found.again.sample_seed, found.again.same_generator, found.again.n_in_before) == (4, True, 6)
    assert {4 * 10**7 + i for i in range(6)} <= set(generator.seeds)
    assert found.signature.settings["seed"] == 3
    assert found.signature.settings["samples"] == 6
    page = (tmp_path / "after" / "report.html").read_text()
    assert "the generator is the same, so that what differs from the first audit is chance" in page
    # The result may be a first audit in its turn: neither's seeds are used again.
    assert fresh_samples(given(seed=3), found, n_looks=2) == Fresh(7, 6)
    # What the program samples with other seeds cannot be re-used samples: the generator repeats itself.
    assert "6 samples are in the first audit too, byte by byte: drawn with other seeds" in found.cautions[0]
    for word in ("selection", "drawn_anew"):
        said = refused(tmp_path / "before", world, Drawn(), tmp_path / "x", **{word: True})
        assert said == f"--{word.replace('_', '-')}: is for samples, and a generator is given; leave it out"


# --- the same people and settings -----------------------------------------------------------------------------------


def test_a_second_look_has_a_smaller_level_and_both_are_said(
    before: Path, world: World, fresh: Path, tmp_path: Path
) -> None:
    first = Findings.read(before)
    earlier = Look(
        before=first.signature.data_fingerprint, look=1, level=level_of(1), date="", out=str(tmp_path), written=True
    )
    (before / REAUDITS).write_text(json.dumps({"looks": [earlier.model_dump()]}))
    given = ["reaudit", str(before), "--training", str(world.training), "--heldout", str(world.heldout), "-q"]
    result = CliRunner().invoke(app, [*given, "--generated", str(fresh), "--out", str(tmp_path / "two")])
    assert result.exit_code == 0, result.output
    two = Findings.read(tmp_path / "two")
    assert two.again is not None
    assert (two.again.look, two.again.level) == (2, level_of(2))
    assert two.again.before == first.signature.data_fingerprint
    assert {row["person"] for row in two.people.to_pylist()} == {row["person"] for row in first.people.to_pylist()}
    assert "again, look: number 2 after the first audit" in result.stdout
    assert "may claim a change if p <= 0.0038, which is 0.025 x 6 / (pi^2 x 2^2)" in result.stdout
    page = (tmp_path / "two" / "report.html").read_text()
    assert "Audited again" in page
    assert "at most 2.5" in page
    looks = read_looks(before)
    assert [(look.look, look.out) for look in looks] == [(1, str(tmp_path)), (2, str(tmp_path / "two"))]
    assert (before / REAUDITS).stat().st_mode & 0o077 == 0
    assert "Audited again" not in (before / "report.html").read_text()


def test_other_people_are_refused_whether_or_not_there_are_as_many(
    before: Path, world: World, fresh: Path, tmp_path: Path
) -> None:
    training = Path(shutil.copytree(world.training, tmp_path / "training"))
    (training / "person-0003" / "003.jpg").unlink()
    said = refused(before, world, fresh, tmp_path / "after", training=training)
    assert "has 47 images, and had 48 in the first audit; give the same people and photos" in said
    shutil.copy(world.unseen / "person-0003" / "050.jpg", training / "person-0003" / "003.jpg")
    said = refused(before, world, fresh, tmp_path / "after", training=training)
    assert said.startswith("--training: other people or photos than in the first audit (48 photos used, then 48)")
    heldout = Path(shutil.copytree(world.heldout, tmp_path / "heldout"))
    (heldout / "person-0012").rename(heldout / "somebody-else")
    said = refused(before, world, fresh, tmp_path / "after", heldout=heldout)
    assert said.startswith("--heldout: other people or photos than in the first audit")
    said = refused(before, world, fresh, tmp_path / "after", unseen=world.unseen)
    assert said == f"--unseen {world.unseen}: the first audit had none; leave it out"
    assert read_looks(before) == []
    assert not (tmp_path / "after" / "findings.json").exists()


def first_with(**settings: Any) -> Findings:
    """A first audit with these settings."""
    signature = sample_findings().signature
    usual = {
        **{"faces": "aligned", "recogniser": "dlib", "feed": None, "seed": 7, "more_recognisers": ""},
        **{"more_attacks": "nearest-10, plda", "consensus": "strict", "flat": False, "level": 0.1, "show_names": True},
    }
    return sample_findings(signature=signature.model_copy(update={"settings": usual | settings}))


def given(**settings: Any) -> ReauditSettings:
    return checked(ReauditSettings, {"before": "b", "training": "t", "heldout": "h", "generated": "g", **settings})


def test_the_settings_are_those_of_the_first_audit() -> None:
    found = with_first(given(threads=1), first_with())
    assert (found.faces, found.seed, found.consensus, found.level, found.show_names) == (
        *("aligned", 7, "strict", 0.1),
        True,
    )
    assert found.more_attacks == ("nearest-10", "plda")
    assert found.more_recognisers == ()
    assert found.resources.threads == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed": 8}, "--seed 8: the first audit has 7, and two audits are compared with the same settings; leave it"),
        ({"level": 0.05}, "--level 0.05: the first audit has 0.1, and two"),
        ({"faces": "detect"}, "--faces detect: the first audit has aligned, and two"),
        ({"flat": True}, "--flat: the first audit has False, and two"),
        ({"more_attacks": ("plda",)}, "--more-attacks plda: the first audit has nearest-10, plda, and two"),
    ],
)
def test_a_setting_that_differs_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        with_first(given(**settings), first_with())
    assert caught.value.on_command_line.startswith(said)
    assert "audit the first samples again with it" in str(caught.value)


def test_an_option_that_is_not_typed_is_not_given(tmp_path: Path) -> None:
    """The command's default is not what the user says: a first audit with another seed is no contradiction."""
    first_with().write(tmp_path / "before")
    command = ["reaudit", str(tmp_path / "before"), "--training", "no-such", "--heldout", "no-such", "-q"]
    command += ["--generated", "no-such", "--out", str(tmp_path / "after")]
    for more, said in (
        ([], "--training no-such: does not exist"),
        (["--seed", "5"], "--seed 5: the first audit has 7"),
    ):
        error = CliRunner().invoke(app, [*command, *more]).exception
        assert isinstance(error, InputError)
        assert error.on_command_line.startswith(said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"recogniser": "os:getcwd"}, "--recogniser: the first audit's is Python code (os:getcwd), which is not run"),
        ({"more_attacks": "plda, evil:Attack"}, "--more-attacks: the first audit's is Python code (evil:Attack)"),
        ({"seed": "x"}, "BEFORE b: its settings cannot be used ("),
        ({"level": 7}, "BEFORE b: its settings cannot be used ("),
    ],
)
def test_findings_of_a_stranger_run_no_code_and_are_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        with_first(given(), first_with(**settings))
    assert caught.value.on_command_line.startswith(said)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_audit_or_of_another_version_is_one_line(
    before: Path, world: World, fresh: Path, tmp_path: Path
) -> None:
    whole = json.loads((before / "findings.json").read_text())
    for held, said in (
        ({**whole, "schema_version": 6}, "written by an earlier version (format 6, this one reads 7); audit again"),
        ({**whole, "data": None}, "not the findings of an audit"),
        ({}, "not the findings of an audit"),
    ):
        (before / "findings.json").write_text(json.dumps(held))
        assert said in refused(before, world, fresh, tmp_path / "after")
    signature = {**whole["signature"], "settings": {}}
    (before / "findings.json").write_text(json.dumps({**whole, "signature": signature}))
    assert "does not say its faces; audit again" in refused(before, world, fresh, tmp_path / "after")
    assert "cannot be read" in refused(tmp_path / "none", world, fresh, tmp_path / "after")


# --- looks are counted ----------------------------------------------------------------------------------------------


def test_all_looks_together_spend_no_more_than_the_level() -> None:
    spent = [level_of(look) for look in range(1, 100_000)]
    assert sum(spent) < TOTAL < sum(spent) + 2e-7
    assert spent == sorted(spent, reverse=True)


def test_runs_at_the_same_time_lose_no_count(tmp_path: Path) -> None:
    def look(number: int) -> int:
        with next_look(tmp_path, "f", tmp_path / str(number)) as mine:
            return mine.look

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(look, range(16)))
    assert sorted(numbers) == list(range(1, 17))
    assert [one.look for one in read_looks(tmp_path)] == list(range(1, 17))


def test_an_interrupted_run_counts_only_if_its_result_was_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), next_look(tmp_path, "f", tmp_path / "a"):
        raise KeyboardInterrupt
    assert read_looks(tmp_path) == []
    # Killed: before its result was there, and after.
    killed = Look(before="f", look=1, level=level_of(1), date="", out=str(tmp_path / "b"), written=False)
    held = json.dumps({"looks": [killed.model_dump()]})
    (tmp_path / REAUDITS).write_text(held)
    with next_look(tmp_path, "f", tmp_path / "c") as look:
        assert look.look == 1
    (tmp_path / REAUDITS).write_text(held)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "findings.json").write_text(json.dumps({"again": {"before": "f", "look": 1}}))
    with next_look(tmp_path, "f", tmp_path / "c") as look:
        assert look.look == 2
    # Stopped after its result was in place.
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "findings.json").write_text(json.dumps({"again": {"before": "f", "look": 3}}))
    with pytest.raises(KeyboardInterrupt), next_look(tmp_path, "f", tmp_path / "d"):
        raise KeyboardInterrupt
    with next_look(tmp_path, "f", tmp_path / "e") as look:
        assert look.look == 4
    with next_look(tmp_path, "another audit", tmp_path / "g") as look:
        assert look.look == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"looks": [{}]}', '{"looks": [{"look": -1}]}', "", '{"other": 1}'])
def test_a_damaged_count_is_one_line_and_stays_as_it_is(
    before: Path, world: World, fresh: Path, tmp_path: Path, text: str
) -> None:
    (before / REAUDITS).write_text(text)
    said = refused(before, world, fresh, tmp_path / "after")
    assert REAUDITS in said
    assert (before / REAUDITS).read_text() == text


def test_a_folder_in_which_nothing_can_be_counted_is_one_line_before_any_work(
    before: Path, world: World, fresh: Path, tmp_path: Path
) -> None:
    (before / ".reaudits.lock").mkdir()
    said = refused(before, world, fresh, tmp_path / "after")
    assert said.startswith(f"{before}: cannot be written (Is a directory); looks at it again are counted there")
    (before / ".reaudits.lock").rmdir()
    os.mkfifo(before / REAUDITS)
    assert "is a pipe, a device or a folder" in refused(before, world, fresh, tmp_path / "after")


def test_the_first_audit_is_not_written_over(before: Path, world: World, fresh: Path) -> None:
    """Also if it is given by its file, and as the same object."""
    for first in (before, before / "findings.json"):
        said = refused(first, world, fresh, before, overwrite=True)
        assert said.startswith(f"--out {before}: is the working folder, or holds")


# --- a guard --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guard(world: World) -> Guard:
    """Set on half of the held-out people. For reading only."""
    return probablyexists.guard(world.training, world.heldout, rate=0.1, half=True)


def written(guard: Guard, path: Path, *, recogniser: str = "other/1", pass_phrase: str | None = None) -> Path:
    """The guard's file, as if another recogniser had looked."""
    write_guard(guard.content.with_about(recogniser_id=recogniser), path, pass_phrase)
    return path


def test_held_out_people_who_set_the_guards_thresholds_do_not_judge(
    before: Path, world: World, fresh: Path, guard: Guard, tmp_path: Path
) -> None:
    found = again(before, world, fresh, tmp_path / "after", guard=written(guard, tmp_path / "guard.pe"))
    assert found.again is not None
    assert found.again.guard is not None
    assert found.again.guard.threshold == guard.content.about.threshold
    judging = {found.again.n_design, len(guard.content.strangers.prints)}
    assert len(judging) == 1
    assert 20 <= found.again.n_design <= HELDOUT - 20
    assert found.naming.n_heldout == HELDOUT - found.again.n_design
    (heldout,) = (role for role in found.data.roles if role.role == "heldout")
    assert (heldout.n_people_given, heldout.n_people) == (HELDOUT, HELDOUT - found.again.n_design)
    assert heldout.people_set_aside == {}
    assert again_cautions(found.again) == []
    assert "people are left out, because the guard" in (tmp_path / "after" / "report.html").read_text()


def test_an_audit_a_guard_what_passes_it_another_audit_and_their_comparison(
    before: Path, world: World, guard: Guard, tmp_path: Path
) -> None:
    for i in range(30):
        save(tmp_path / "drawn" / f"n{i:03d}.jpg", 3000 + i, 0)
    for person in range(5):
        for k in range(3):
            save(tmp_path / "drawn" / f"like-{person}-{k}.jpg", person, 200 + k)
    write_guard(guard.content, tmp_path / "guard.pe")
    passed = tmp_path / "passed"
    passed.mkdir()
    drawn = sorted((tmp_path / "drawn").iterdir())
    for path, decision in zip(drawn, guard.check(drawn), strict=True):
        if decision.allowed:
            shutil.copy(path, passed)
    n_passed = len(list(passed.iterdir()))
    assert 20 <= n_passed < 40
    found = again(before, world, passed, tmp_path / "after", guard=tmp_path / "guard.pe")
    assert found.again is not None
    assert found.again.guard is not None
    assert found.again.guard.judges_too

    changed = probablyexists.compare(before, tmp_path / "after")
    assert changed.filtered is not None
    assert changed.filtered.threshold == guard.content.about.threshold
    assert changed.after.n_samples == n_passed - changed.filtered.n_dropped
    assert changed.level == found.again.level
    assert changed.sets[0].n_after < changed.sets[0].n_before
    said = " ".join(changed.cautions)
    assert "passed a guard: this judges what leaves it, not the generator behind it" in said
    assert "the guard looks with the recogniser that judges here" in said
    assert f"{HELDOUT - found.again.n_design} of {HELDOUT} held-out people" in said
    assert "two trainings differ by chance" not in said


def test_a_guard_that_had_all_held_out_people_or_looks_as_the_judge_is_a_caution() -> None:
    used = {"fingerprint": "f", "recogniser": "dlib", "threshold": None, "half": False, "judges_too": True}
    held = {"before": "f", "before_date": "d", "look": 1, "level": 0.01, "guard": used, "selection": False}
    found = Again.model_validate({**held, "n_in_before": 0, "n_design": 0, "sample_seed": None, "same_generator": None})
    one, two = again_cautions(found)
    assert "better: audit the first samples and these with a --recogniser that took no part" in one
    assert "make the guard with --half" in two


def test_where_another_recogniser_is_there_the_guards_own_does_not_judge_beside_it(
    guard: Guard, tmp_path: Path
) -> None:
    path = written(guard, tmp_path / "guard.pe", recogniser="a/1")
    about = read_guard(path).about
    alone = sample_findings(trust=[trust(recogniser="a/1")])
    assert used_guard(path, about, alone).judges_too
    both = sample_findings(trust=[trust(recogniser="a/1"), trust(recogniser="b/2")])
    with pytest.raises(InputError, match=r"looks with a/1, which judges here too; .* took no part \(b/2\)"):
        used_guard(path, about, both)
    other = sample_findings(trust=[trust(recogniser="b/2")])
    assert not used_guard(path, about, other).judges_too


def test_an_encrypted_guard_is_opened_with_its_pass_phrase_and_what_is_no_guard_is_one_line(
    before: Path, world: World, fresh: Path, guard: Guard, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography")
    path = written(guard, tmp_path / "guard.pe", pass_phrase="open")
    assert "is encrypted; give its pass phrase" in refused(before, world, fresh, tmp_path / "a", guard=path)
    assert "pass phrase is wrong" in refused(before, world, fresh, tmp_path / "a", guard=path, pass_phrase="shut")
    (tmp_path / "phrase").write_text("shut\n")
    people = ["--training", str(world.training), "--heldout", str(world.heldout), "--generated", str(fresh)]
    given = [*people, "--guard", str(path), "--pass-phrase-file", str(tmp_path / "phrase"), "--out"]
    ran = CliRunner().invoke(app, ["reaudit", str(before), *given, str(tmp_path / "a"), "-q"])
    assert "pass phrase is wrong" in str(ran.exception)
    found = again(before, world, fresh, tmp_path / "a", guard=path, pass_phrase="open")
    assert found.again is not None
    assert found.again.guard is not None
    path.write_bytes(b"PK")
    assert "is not the file of a guard" in refused(before, world, fresh, tmp_path / "b", guard=path)
    assert "cannot be read" in refused(before, world, fresh, tmp_path / "b", guard=tmp_path / "none.pe")


def test_the_halves_are_the_same_whatever_the_order_and_the_names_are() -> None:
    draw = np.random.default_rng(0)
    keys = [draw.bytes(32) for _ in range(400)]

    def halves(order: NDArray[np.intp], salt: bytes) -> dict[bytes, bool]:
        """Smallest photo -> whether its person is of the design half; two photos each."""
        photos = tuple(Photo(f"{i}.png", f"p{order[i] // 2:04d}") for i in range(len(keys)))
        sha256 = tuple(keys[i] for i in order)
        table = Embedded(photos, sha256, np.eye(400, 8, dtype=np.float32), None, np.ones(400, np.int32), (), 0)
        crowd = Crowd(table, group(table, seed=int(order[0])))
        design = design_half(crowd, salt)
        return {min(sha256[i] for i in rows): bool(one) for rows, one in zip(crowd.people.rows, design, strict=True)}

    plain = halves(np.arange(400), b"s")
    assert plain == halves(draw.permutation(400), b"s")
    assert plain != halves(np.arange(400), b"t")
    assert 75 <= sum(plain.values()) <= 125


def test_a_generators_file_passes_no_guard_and_a_guarded_generator_does(tmp_path: Path) -> None:
    source = SimpleNamespace(generator=object.__new__(FileGenerator))
    settings = given(generated="gan.onnx", guard=tmp_path / "guard.pe")
    with pytest.raises(InputError, match=r"would be drawn from gan\.onnx without it; give samples that passed it"):
        _refuse_without_guard(source, settings)  # type: ignore[arg-type]
    _refuse_without_guard(SimpleNamespace(generator=Drawn()), settings)  # type: ignore[arg-type]
    guarded = SimpleNamespace(generator=SimpleNamespace(guard=object()))
    with pytest.raises(InputError, match="the generator draws behind a guard; give the guard's file"):
        _refuse_without_guard(guarded, given())  # type: ignore[arg-type]
