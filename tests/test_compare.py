"""Two audits compared: no change is no reduction, a removal is found, and what cannot be compared is refused."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import probablyexists
from drawn_world import World, save
from probablyexists import InputError
from probablyexists.answers.change_cautions import about_unjudged, cautions
from probablyexists.answers.change_figures import auroc, sets
from probablyexists.answers.change_verdict import judge
from probablyexists.answers.changes import BELOW, Comparing, n_deals
from probablyexists.answers.halving import power_of_halving
from probablyexists.answers.pooled_samples import Rows, pooled
from probablyexists.answers.same_people import same_people
from probablyexists.cli.app import app
from probablyexists.matching.commonness import most_alike
from probablyexists.results.comparison import Comparison
from probablyexists.results.findings import Again, Findings
from probablyexists.results.neighbours_file import NEIGHBOURS_SCHEMA, read_neighbours, write_neighbours
from probablyexists.stats.conformal import benjamini_hochberg, discoveries
from probablyexists.stats.estimate import Estimate, Unresolvable
from probablyexists.stats.relabelling import deals, p_high, p_low, smallest_of
from probablyexists.stats.spending import level_of

MEMBERS, HELDOUT, LEAKING, DIM = 60, 200, 12, 28
NOTHING = Unresolvable("not asked")


def unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


class Drawn:
    """People and a generator of samples, as vectors."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.faces = self.people(MEMBERS + HELDOUT)
        self.templates = unit(self.photos(np.repeat(self.faces, 2, axis=0)).reshape(-1, 2, DIM).mean(axis=1))
        self.templates = self.templates.astype(np.float32)
        self.alike = most_alike(self.templates, self.templates, np.arange(len(self.templates)))

    def people(self, n: int) -> np.ndarray:
        return unit(self.rng.normal(size=(n, DIM)))

    def photos(self, faces: np.ndarray) -> np.ndarray:
        return unit(faces + 0.75 * unit(self.rng.normal(size=faces.shape)))

    def samples(self, rate: float, n: int = 600) -> np.ndarray:
        who = np.repeat(np.arange(LEAKING), self.rng.poisson(rate, LEAKING))
        return np.concatenate([self.photos(self.people(n - len(who))), self.photos(self.faces[who])])

    def audit(self, samples: np.ndarray, nearest: int = 64) -> Rows:
        cosines = self.templates @ samples.T.astype(np.float32)
        near = np.argsort(-cosines, axis=1, kind="stable")[:, :nearest]
        similarity = np.take_along_axis(cosines, near, axis=1).astype(np.float64)
        n, is_member = len(self.templates), np.arange(len(self.templates)) < MEMBERS
        names = tuple(f"P-{i:04d}" for i in range(n))
        called = tuple(name if member else None for name, member in zip(names, is_member, strict=True))
        none, floor = np.zeros(near.shape, bool), np.where(len(samples) > nearest, similarity[:, -1], -np.inf)
        about = ((None, 2),) * n
        alike = tuple(self.alike.rows)
        return Rows(
            *(names, called, is_member, np.ones(n, bool), about, names, near, similarity, none, floor),
            *(alike, self.alike.closeness, np.zeros(n), len(samples)),
        )


def test_a_p_value_counts_the_actual_deal_and_ties() -> None:
    dealt = np.array([0.0, 1.0, 2.0])
    assert [p_low(x, dealt) for x in (-1.0, 0.0, 2.0)] == [0.25, 0.5, 1.0]
    assert [p_high(x, dealt) for x in (3.0, 2.0, 0.0)] == [0.25, 0.5, 1.0]


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    draw = np.random.default_rng(0)
    for n in (1, 5, 40):
        for _ in range(50):
            p = draw.integers(1, 60, n) / 200
            assert (discoveries(p, 0.05) == (benjamini_hochberg(p) <= 0.05)).all()


def test_deals_keep_the_sizes_and_every_draw_is_as_likely() -> None:
    every = np.array(list(deals(10, 3, 2000, np.random.default_rng(0))))
    assert set(every.sum(axis=1)) == {3}
    assert np.abs(every.mean(axis=0) - 0.3).max() < 0.05


def test_the_smallest_of_two_statistics_is_corrected_for_the_choice() -> None:
    draw = np.random.default_rng(0)
    p = []
    for _ in range(300):
        every = draw.normal(size=(100, 2))
        p.append(p_low(*smallest_of(every[0], every[1:])))
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.05)


def test_the_samples_dealt_as_they_were_give_each_audit_its_own_nearest_samples() -> None:
    drawn = Drawn(0)
    first, second = drawn.samples(3.0), drawn.samples(3.0, 300)
    both = pooled(drawn.audit(first), drawn.audit(second))
    label = np.append(np.arange(900) < 600, False)
    assert both.best(label.astype(np.int16)) == pytest.approx((drawn.templates @ first.T).max(axis=1), abs=1e-6)
    other = np.append(~label[:-1], False).astype(np.int16)
    near = (drawn.templates @ second.T).max(axis=1)
    found = both.best(other)
    kept = found > both.floor
    assert kept.mean() > 0.99
    assert found[kept] == pytest.approx(near[kept], abs=1e-6)


def test_people_chosen_for_their_exposure_fall_back_though_nothing_changed_and_this_is_no_reduction() -> None:
    falls, expected, reduced = [], [], 0
    for seed in range(8):
        drawn = Drawn(seed)
        comparing = Comparing(pooled(drawn.audit(drawn.samples(1.5)), drawn.audit(drawn.samples(1.5))), 0.05)
        dealt = comparing.dealt(seed, 199)
        treated = sets(comparing, dealt, 0.2)[0]
        reduced += judge(sets(comparing, dealt, 0.2), 0.025, NOTHING).verdict == "reduced"
        if treated.mean is not None:
            falls.append(treated.mean)
            expected.append(treated.no_change.mean)
    assert np.mean(falls) < -0.5  # what a naive difference would call a reduction
    assert np.mean(falls) == pytest.approx(np.mean(expected), abs=0.6)
    assert reduced <= 1


def test_a_removal_is_found_and_the_sentence_never_says_removed() -> None:
    drawn = Drawn(1)
    comparing = Comparing(pooled(drawn.audit(drawn.samples(4.0)), drawn.audit(drawn.samples(0.0))), 0.05)
    changes = sets(comparing, comparing.dealt(0, 199), 0.2)
    judged = judge(changes, 0.025, NOTHING)
    assert judged.verdict == "reduced"
    assert "removed" not in judged.sentence
    assert "free samples" in judged.sentence
    assert changes[0].n_after < changes[0].n == changes[0].n_before
    back = Comparing(pooled(drawn.audit(drawn.samples(0.0)), drawn.audit(drawn.samples(4.0))), 0.05)
    changes = sets(back, back.dealt(0, 199), 0.2)
    assert judge(changes, 0.025, NOTHING).verdict == "worse"
    assert changes[2].n > 3


def test_halving_a_clear_leak_is_found_by_how_many_samples_show_people() -> None:
    drawn = Drawn(2)
    first = drawn.audit(drawn.samples(16.0))
    comparing = Comparing(pooled(first, drawn.audit(drawn.samples(8.0))), 0.05)
    treated = sets(comparing, comparing.dealt(0, 199), 0.2)[0]
    assert treated.shown_after < 0.7 * treated.shown_before
    assert treated.p_reduced is not None
    assert treated.p_reduced <= 0.025
    power = power_of_halving(first, 0.05, 0.025, 0, pairs=60)
    assert isinstance(power, Estimate)
    assert power.value > 0.8
    low = power_of_halving(drawn.audit(drawn.samples(1.0)), 0.05, 0.025, 0, pairs=60)
    assert isinstance(low, Unresolvable) or low.value < 0.5


def test_power_counts_those_whom_the_first_audit_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of people in one or two samples each, one audit names some and the next one others."""
    actual, simulated = [], []
    change = Comparing.change

    def recorded(comparing: Comparing, first: Any, second: Any) -> Any:
        found = change(comparing, first, second)
        simulated.append(found.treated.sum())
        return found

    monkeypatch.setattr(Comparing, "change", recorded)
    for seed in range(10, 16):
        drawn = Drawn(seed)
        first = drawn.audit(drawn.samples(2.0))
        alone = (np.arange(1201) < 600).astype(np.int16)
        actual.append(Comparing(pooled(first, first), 0.05).side(alone).affected.sum())
        power_of_halving(first, 0.05, 0.025, seed, pairs=30)
        simulated = simulated[: -30 * 2] + simulated[-30:]  # the pairs in which the first audit is as it was
    assert np.mean(simulated) > 0.8 * np.mean(actual)


def test_people_given_whom_no_sample_shows_have_a_power() -> None:
    drawn = Drawn(4)
    given = np.arange(MEMBERS + HELDOUT) == MEMBERS - 1
    power = power_of_halving(drawn.audit(drawn.samples(0.0)), 0.05, 0.025, 0, given=given, pairs=20)
    assert isinstance(power, Estimate)


def test_nobody_treated_has_no_power_and_no_reduction() -> None:
    drawn = Drawn(3)
    first = drawn.audit(drawn.samples(0.0))
    assert isinstance(power_of_halving(first, 1e-6, 0.025, 0, pairs=5), Unresolvable)
    comparing = Comparing(pooled(first, drawn.audit(drawn.samples(0.0))), 1e-6)
    judged = judge(sets(comparing, comparing.dealt(0, 39), 0.2), 0.025, NOTHING)
    assert judged.verdict == "not shown"
    assert "nobody was affected" in judged.sentence


def test_members_look_safer_than_strangers_until_strangers_likenesses_are_dropped_too() -> None:
    drawn = Drawn(4)
    first, second = drawn.samples(0.0, 1500), drawn.samples(0.0, 1500)
    limit = float(np.quantile((drawn.templates @ second.T).max(axis=1), 0.6))
    passed = second[(drawn.templates[:MEMBERS] @ second.T).max(axis=0) < limit]
    after = drawn.audit(passed)
    areas = []
    for kept in (after, after.mirrored(limit)[0]):
        both = Comparing(pooled(drawn.audit(first), kept), 0.05)
        areas.append(auroc(both.pooled, both.actual.after))
    left_in, dropped = areas
    assert isinstance(left_in, Estimate)
    assert isinstance(dropped, Estimate)
    assert left_in.high < 0.5
    assert dropped.low < 0.5 < dropped.high


def test_strangers_are_filtered_by_the_guards_score_and_not_by_the_cosine() -> None:
    drawn = Drawn(4)
    rows = drawn.audit(drawn.samples(0.0, 400))
    common = np.where(np.arange(len(rows)) % 2, 0.5, 0.0)
    rows = replace(rows, near_members=common)
    threshold, weight = float(np.quantile(rows.similarity[:, 0], 0.6)), 0.4
    refused = {
        int(sample)
        for i in np.flatnonzero(~rows.is_member)
        for sample, cosine in zip(rows.samples[i], rows.similarity[i], strict=True)
        if cosine - weight * common[i] >= threshold
    }
    by_cosine = rows.mirrored(threshold)[1]
    assert rows.mirrored(threshold, weight)[1] == len(refused)
    assert 0 < len(refused) < by_cosine


def test_audits_of_other_people_or_photos_are_refused() -> None:
    drawn = Drawn(5)
    rows = drawn.audit(drawn.samples(1.0))
    other = replace(rows, person=("P-else", *rows.person[1:]))
    with pytest.raises(InputError, match=r"other members \(1 only in the first, 1 only in the second\)"):
        same_people(rows, other)
    with pytest.raises(InputError, match="2 people were compared on other photos of theirs"):
        same_people(rows, replace(rows, template=("x", "y", *rows.template[2:])))
    with pytest.raises(InputError, match="1 members were compared in another group or on another number of photos"):
        same_people(rows, replace(rows, stratum=((None, 3), *rows.stratum[1:])))
    few = np.arange(len(rows)) < MEMBERS + 10
    gone = replace(rows, person=tuple(n if keep else f"{n}x" for n, keep in zip(rows.person, few, strict=True)))
    with pytest.raises(InputError, match="10 held-out people in common, of 20 needed"):
        same_people(rows, gone)


def test_held_out_people_who_judge_in_one_audit_alone_are_left_out_of_both() -> None:
    drawn = Drawn(6)
    rows = drawn.audit(drawn.samples(1.0))
    half = np.arange(len(rows)) < MEMBERS + HELDOUT // 2
    other = replace(rows, judges=half)  # the others set a guard's thresholds
    first, second = same_people(rows, other)
    assert len(first) == len(second) == MEMBERS + HELDOUT // 2
    assert {len(near) for near in first.alike} == {20}
    assert max(near.max() for near in first.alike) < len(first)
    Comparing(pooled(first, second), 0.05).dealt(0, 3)


@pytest.fixture
def few_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures do not matter."""
    monkeypatch.setattr("probablyexists.answers.changes.FEWEST_DEALS", 199)


FORGED: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "a sample that is not there": lambda rows: rows[0].update(samples=[10**6, *rows[0]["samples"][1:]]),
    "a row of nobody": lambda rows: rows[0].update(alike=[10**6]),
    "fewer similarities": lambda rows: rows[0].update(similarity=rows[0]["similarity"][:1]),
    "no number": lambda rows: rows[0].update(closeness=float("nan")),
    "worst first": lambda rows: rows[0].update(similarity=rows[0]["similarity"][::-1]),
    "no name": lambda rows: rows[0].update(person=None),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_neighbours_with_their_right_checksum_are_one_line(
    audits: tuple[Path, Path], tmp_path: Path, what: str
) -> None:
    findings = Findings.read(audits[0])
    rows = read_neighbours(audits[0], findings).to_pylist()
    FORGED[what](rows)
    beside = write_neighbours(tmp_path, pa.Table.from_pylist(rows, NEIGHBOURS_SCHEMA), "r", 63)
    with pytest.raises(InputError, match="not the rows of findings"):
        read_neighbours(tmp_path, findings.model_copy(update={"neighbours": beside}))


@pytest.fixture(scope="module")
def audits(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of drawn people: with a planted leak and copies, and other samples without."""
    folder = tmp_path_factory.mktemp("audits")
    for i in range(40):
        save(folder / "fresh" / f"{i:03d}.jpg", 2000 + i, 0)
    for name, samples in (("before", world.leaking), ("after", folder / "fresh")):
        probablyexists.audit(world.training, world.heldout, samples, out=folder / name)
    return folder / "before", folder / "after"


def command(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare", *map(str, words), "--quiet"])
    said = result.output if result.exception is None or result.exit_code else str(result.exception)
    return result.exit_code, said or str(result.exception)


def test_an_audit_keeps_the_nearest_samples_of_everybody_for_its_owner_alone(audits: tuple[Path, Path]) -> None:
    path = audits[0] / "neighbours.parquet"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    findings = Findings.read(audits[0])
    table = read_neighbours(audits[0], findings)
    people = {row["person"]: row for row in findings.people.to_pylist()}
    assert all(row["person"].startswith(row["called"]) for row in table.to_pylist() if row["called"] is not None)
    assert findings.neighbours is not None
    assert findings.neighbours.n_samples == 63
    members = [row for row in table.to_pylist() if row["called"] is not None]
    assert {row["called"] for row in members} == set(people)
    assert {row["called"] for row in members if row["copies"]} == {n for n, row in people.items() if row["copies"]}
    # The nearest that is no copy is what the findings have.
    for row in members:
        left = [s for i, s in zip(row["samples"], row["similarity"], strict=True) if i not in row["copies"]]
        assert left[0] >= people[row["called"]]["similarity"] - 1e-6


def test_two_audits_are_compared_on_the_command_line(audits: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = audits
    code, said = command(before, after, "--out", tmp_path / "changed")
    assert code == 0, said
    found = Comparison.model_validate_json((tmp_path / "changed" / "comparison.json").read_text())
    assert f"verdict: {found.verdict}" in said
    assert found.sets[0].n >= 5
    assert found.sets[0].n_after < found.sets[0].n
    page = (tmp_path / "changed" / "comparison.html").read_text()
    assert "free samples may still be in the model" in page
    assert "removed from the model" in page
    assert found.sentence.split(".")[0][:20] in page
    with pytest.raises(InputError, match=r"already holds comparison\.json \(a comparison of two audits"):
        probablyexists.compare(before, after, out=tmp_path / "changed")
    code, said = command(before, after, "--json")
    assert json.loads(said)["verdict"] == found.verdict


@pytest.mark.usefixtures("few_deals")
def test_samples_of_the_first_audit_are_refused(audits: tuple[Path, Path], world: World, tmp_path: Path) -> None:
    probablyexists.audit(world.training, world.heldout, world.honest, out=tmp_path / "selected")
    with pytest.raises(InputError, match="40 of 40 samples of the second audit are in the first too"):
        probablyexists.compare(audits[0], tmp_path / "selected")


def test_people_chosen_before_the_first_audit_can_be_given(audits: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = audits
    names = Findings.read(before).people["person"].to_pylist()[:3]
    (tmp_path / "people.txt").write_text("\n".join(names) + "\n")
    found = probablyexists.compare(before, after, people=tmp_path / "people.txt")
    assert found.treated_by == "given"
    assert {one.person for one in found.people if one.set == "treated"} == set(names)
    (tmp_path / "people.txt").write_text("nobody-of-that-name\n")
    with pytest.raises(InputError, match="1 names are of no member of the first audit, such as 'nobody-of-that-name'"):
        probablyexists.compare(before, after, people=tmp_path / "people.txt")


@pytest.mark.usefixtures("few_deals")
def test_a_filter_of_members_is_answered_by_the_same_rule_for_strangers(audits: tuple[Path, Path]) -> None:
    found = probablyexists.compare(*audits, filtered=0.9)
    assert found.filtered is not None
    assert found.after.n_samples == 40 - found.filtered.n_dropped


@pytest.mark.usefixtures("few_deals")
def test_the_level_and_the_guard_are_those_of_reaudit(audits: tuple[Path, Path], tmp_path: Path) -> None:
    before, again = Findings.read(audits[0]), tmp_path / "again"
    shutil.copytree(audits[1], again)
    held = json.loads((again / "findings.json").read_text())
    guard = {"fingerprint": "f", "recogniser": "r", "threshold": 0.6, "half": True, "judges_too": True}
    held["again"] = {
        "before": before.signature.data_fingerprint,
        "before_date": before.signature.date,
        **{"look": 2, "level": 0.006, "guard": guard, "selection": False, "n_in_before": 0, "n_design": 0},
        **{"sample_seed": None, "same_generator": True},
    }
    (again / "findings.json").write_text(json.dumps(held))
    found = probablyexists.compare(audits[0], again)
    assert found.level == 0.006
    assert found.filtered is not None
    assert found.filtered.threshold == 0.6
    assert any("what differs is chance" in text for text in found.cautions)
    held["again"]["guard"]["judges_too"] = False
    (again / "findings.json").write_text(json.dumps(held))
    found = probablyexists.compare(audits[0], again, level=0.01)
    assert (found.level, found.filtered) == (0.01, None)
    assert any("the guard looks with another recogniser" in text for text in found.cautions)


def made_again(audit: Path, to: Path, before: Path, guard: dict[str, object] | None, selection: bool = False) -> Path:
    """The audit as one that reaudit made."""
    first = Findings.read(before).signature
    shutil.copytree(audit, to)
    held = json.loads((to / "findings.json").read_text())
    held["again"] = {
        **{"before": first.data_fingerprint, "before_date": first.date, "look": 2, "level": 0.006, "guard": guard},
        **{"selection": selection, "n_in_before": 0, "n_design": 0, "sample_seed": None, "same_generator": None},
    }
    (to / "findings.json").write_text(json.dumps(held))
    return to


@pytest.mark.usefixtures("few_deals")
def test_samples_behind_a_guard_or_a_filter_or_selected_are_not_called_free(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    guard = {"fingerprint": "f", "recogniser": "r", "threshold": 0.6, "half": True, "judges_too": True}
    behind = made_again(audits[1], tmp_path / "behind", audits[0], guard)
    chosen = made_again(audits[1], tmp_path / "chosen", audits[0], None, selection=True)
    for found, samples in (
        (probablyexists.compare(audits[0], behind), "samples that passed the guard"),
        (probablyexists.compare(*audits, filtered=0.9), "samples that passed the filter"),
        (probablyexists.compare(audits[0], chosen), "selected samples"),
        (probablyexists.compare(*audits), "free samples"),
    ):
        assert f"Whoever is not found in {samples} may still be in the model" in found.sentence


@pytest.mark.usefixtures("few_deals")
def test_a_guard_whose_rule_cannot_be_mirrored_is_said_with_what_follows(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    guard = {"fingerprint": "f", "recogniser": "r", "threshold": 0.6, "half": True, "judges_too": False}
    other = made_again(audits[1], tmp_path / "other", audits[0], guard)
    older = made_again(audits[1], tmp_path / "older", audits[0], {**guard, "threshold": None, "judges_too": True})
    for after, why in ((other, "looks with another recogniser"), (older, "does not say its threshold")):
        code, said = command(audits[0], after, "--out", tmp_path / f"{after.name}-changed")
        assert code == 0, said
        page = (tmp_path / f"{after.name}-changed" / "comparison.html").read_text()
        for text in (said, page):
            assert why in text
            assert "AUROC is too low" in text
    code, said = command(audits[0], other, "--filtered", "0.9")
    assert code == 0, said
    assert "AUROC is too low" not in said  # left out by the cosine that the user gave


@pytest.mark.usefixtures("few_deals")
def test_the_terminal_says_the_level_and_that_copies_are_among_the_samples(audits: tuple[Path, Path]) -> None:
    code, said = command(*audits, "--level", "0.01")
    assert code == 0, said
    assert "Level: 0.01, one-sided, over 500 deals" in said
    assert "Copies are among the samples here; the exposures in an audit's own report leave them out" in said


@pytest.mark.usefixtures("few_deals")
def test_people_who_could_not_be_judged_are_counted_and_not_called_reduced(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    """Of so few held-out people none of 12 members alone can be named: p is never below 0.05 / 12."""
    after = Findings.read(audits[1])
    assert 1 / (1 + after.naming.n_heldout) > 0.05 / len(after.people)
    found = probablyexists.compare(*audits, out=tmp_path / "changed")
    treated, others, _ = found.sets
    assert treated.n_unjudged_before == 0
    assert treated.n_unjudged_after == treated.n - treated.n_after > 0
    assert treated.n + others.n_unjudged_before == 12
    assert {one.after for one in found.people if one.set == "treated"} <= {"affected", "not judged"}
    assert f"still affected, and {treated.n_unjudged_after} are neither named nor cleared" in found.sentence
    counted = f"neither named nor cleared are {others.n_unjudged_before} members in the first audit and "
    assert any(text.startswith(counted) for text in found.cautions)
    code, said = command(*audits)
    assert code == 0
    assert f", not judged 0 -> {treated.n_unjudged_after}; exposure" in said
    page = (tmp_path / "changed" / "comparison.html").read_text()
    assert f"{treated.n_unjudged_after} not judged" in page
    assert "not judged</td>" in page


def test_who_was_not_judged_before_and_is_named_after_is_said_and_is_not_newly_exposed() -> None:
    """60 members, 200 held out: 6 must be above all of them before one can be named, so 4 before are not judged."""
    drawn, n = Drawn(7), 4
    strangers, faces = drawn.people(500), drawn.faces
    few, more = (np.concatenate([strangers, faces[:k]]) for k in (n, 2 * n))
    change = Comparing(pooled(drawn.audit(few), drawn.audit(more)), 0.05).actual
    assert change.before.unjudged[:n].all()
    assert not change.before.affected[:n].any()
    assert change.after.affected[: 2 * n].all()
    assert change.first_named[:n].all()
    assert not change.new[:n].any()
    assert change.new[n : 2 * n].all()  # cleared before, so that this is news
    said = "".join(about_unjudged(change))
    assert "4 of those of the first are named in the second, which does not count as newly exposed" in said
    copied = replace(drawn.audit(more), copies=drawn.audit(more).similarity > 0.7)
    assert Comparing(pooled(drawn.audit(few), copied), 0.05).actual.new[:n].all()  # a copy is news whoever was judged


def test_where_the_split_is_not_fair_nobody_is_named_in_a_comparison() -> None:
    drawn = Drawn(1)
    both = pooled(drawn.audit(drawn.samples(4.0)), drawn.audit(drawn.samples(0.0)))
    comparing = Comparing(both, 0.05, claimed=False)
    assert not comparing.actual.treated.any()
    assert comparing.actual.before.unjudged.sum() == MEMBERS
    judged = judge(sets(comparing, comparing.dealt(0, 39), 0.2), 0.025, NOTHING)
    assert judged.verdict == "not shown"
    assert "nobody was affected in the first audit (60 were neither named nor cleared)" in judged.sentence


@pytest.mark.usefixtures("few_deals")
def test_what_depends_on_the_number_of_samples_is_said_not_to_be_compared(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    def with_faces(faces: tuple[dict[str, float] | None, dict[str, float] | None]) -> str:
        for which, (audit, one) in enumerate(zip(audits, faces, strict=True)):
            folder = tmp_path / str(which)
            shutil.copytree(audit, folder, dirs_exist_ok=True)
            held = json.loads((folder / "findings.json").read_text())
            held["sampling"]["faces"] = one
            (folder / "findings.json").write_text(json.dumps(held))
        code, said = command(tmp_path / "0", tmp_path / "1")
        assert code == 0, said
        return said

    some, more = ({"n": n, "different": 3.5, "distance": 0.25} for n in (40, 50))
    assert with_faces((some, more)).count("n differs (40 and 50)") == 2  # two figures, each said once for both audits
    said = with_faces((None, some))
    assert "effective number: not given, fewer than 32 samples or held-out people's photos -> 3.5" in said
    assert "effective number: 3.5 -> 3.5" in with_faces((some, some))


@pytest.mark.usefixtures("few_deals")
def test_the_share_that_a_guard_refused_is_not_zero_where_there_was_none(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    after = tmp_path / "after"
    shutil.copytree(audits[1], after)
    held = json.loads((after / "findings.json").read_text())
    held["sampling"]["refused"] = 0.25
    (after / "findings.json").write_text(json.dumps(held))
    code, said = command(audits[0], after)
    assert code == 0, said
    assert "that a guard refused: not given, samples were not drawn behind a guard -> 0.25" in said


@pytest.mark.usefixtures("few_deals")
def test_a_look_too_late_to_decide_is_not_called_not_shown(audits: tuple[Path, Path], tmp_path: Path) -> None:
    level = level_of(60)
    code, said = command(*audits, "--level", str(level), "--out", tmp_path / "changed")
    assert code == 0, said
    assert "verdict: not decidable" in said
    assert "Not decidable at this look" in said
    assert "make a new first audit" in said
    assert "is not shown (p" not in said
    assert "Not decidable at this look" in (tmp_path / "changed" / "comparison.html").read_text()


def test_an_audit_of_an_earlier_version_is_refused(audits: tuple[Path, Path], tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(audits[0], old)
    path = old / "findings.json"
    path.write_text(path.read_text().replace('"schema_version": 7', '"schema_version": 6'))
    with pytest.raises(InputError, match=r"earlier version \(format 6, this one reads 7\); audit again"):
        probablyexists.compare(old, audits[1])


def test_audits_that_lack_a_file_or_differ_in_the_recogniser_are_refused(
    audits: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(audits[0], other)
    (other / "neighbours.parquet").unlink()
    with pytest.raises(InputError, match=r"neighbours\.parquet: cannot be read"):
        probablyexists.compare(other, audits[1])
    shutil.copy(audits[0] / "neighbours.parquet", other)
    text = (other / "findings.json").read_text()
    held = json.loads(text)
    held["neighbours"]["recogniser"] = "another/1"
    (other / "findings.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match=r"the audits differ in the recogniser: .*another/1"):
        probablyexists.compare(audits[0], other)
    with pytest.raises(InputError, match="cannot be read"):
        probablyexists.compare(tmp_path / "nowhere", audits[1])


def test_the_later_audit_given_first_is_refused(audits: tuple[Path, Path], tmp_path: Path) -> None:
    findings = Findings.read(audits[1])
    again = {"before": Findings.read(audits[0]).signature.data_fingerprint, "before_date": "2026-11-30", "look": 1}
    more = {"level": 0.0152, "guard": None, "selection": False, "n_in_before": 0, "n_design": 0, "sample_seed": None}
    made_again = Again.model_validate({**again, **more, "same_generator": None})
    later = tmp_path / "later"
    shutil.copytree(audits[1], later)
    findings.model_copy(update={"again": made_again}).write(later)
    with pytest.raises(InputError, match="give the earlier audit first"):
        probablyexists.compare(later, audits[0])


def test_a_late_look_can_still_be_decided() -> None:
    """The 10th look has a level of 0.00015, below the smallest p-value of 4,999 deals."""
    for look in range(1, 25):
        assert (n_deals(level_of(look)) + 1) * level_of(look) * 1.0001 >= BELOW


def test_the_threshold_of_a_guard_is_not_asked_for_as_a_similarity(audits: tuple[Path, Path], tmp_path: Path) -> None:
    """Members look safer than strangers behind it; its threshold is of another recogniser's similarities."""
    guard = {"fingerprint": "f", "recogniser": "r", "threshold": 0.6, "half": True, "judges_too": False}
    first, plain = (Findings.read(audit) for audit in audits)
    behind = Findings.read(made_again(audits[1], tmp_path / "behind", audits[0], guard))
    rows = Drawn(0).audit(Drawn(0).samples(0.0))
    change = Comparing(pooled(rows, rows), 0.05).actual
    safer = Estimate(0.3, 0.2, 0.4, 0.95, "m", 60)

    def said(second: Findings) -> str:
        about = {
            "change": change,
            "level": 0.01,
            "not_worse": True,
            "margin": 0.2,
            "power": NOTHING,
            "area": safer,
            "filtered": False,
        }
        return "\n".join(cautions(first, second, rows, (10, 10), **about))

    assert "give its threshold with" in said(plain)
    assert "give its threshold with" not in said(behind)
