"""Scores without names: the same figures as from the runs' folders, and nothing that depends on a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probablyexists.basis.errors import InputError
from probablyexists.lab.pool import AUDIT, BLIND, NAMED, PHOTOS, SEEN, UNSEEN, Scores, pool, scored_run, where
from probablyexists.lab.published import EITHER, SCHEMA, in_file, in_folder, places, publish, scores_of, without_names
from probablyexists.lab.reading import SCORES_SCHEMA
from probablyexists.lab.results_table import table
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.roc import auroc

ROWS = Path(__file__).parents[1] / "docs" / "results" / "lab" / "evidence.jsonl"


def drawn_scores(seed: int) -> pa.Table:
    """20 members and 30 strangers of 60 people, each with an effect of their own, that is the same in every run."""
    draw = np.random.default_rng(seed)
    effect = np.random.default_rng(99).normal(size=60)
    order = draw.permutation(60)
    sides = {"member": order[:20], "heldout": order[20:50]}
    found = []
    for population in (SEEN, UNSEEN):
        for attack, level, photos in ((AUDIT, "photo", 3), (AUDIT, "person", 1), *((b, "person", 1) for b in BLIND)):
            for side, people in sides.items():
                who = np.repeat(people, photos)
                scores = np.round(effect[who] + draw.normal(size=who.size), 1)
                found += [
                    (attack, population, level, side, f"name of {i}", score)
                    for i, score in zip(who.tolist(), scores.tolist(), strict=True)
                ]
    return pa.Table.from_pylist([dict(zip(SCORES_SCHEMA.names, line, strict=True)) for line in found], SCORES_SCHEMA)


def three_draws() -> list[dict[str, Any]]:
    """Rows of one line of a published table."""
    found = [json.loads(line) for line in ROWS.read_text().splitlines()]
    chosen = [
        r for r in found if r["part"] == "people, LFW, 3 photos each" and r["training"]["procedure"] == "hinge-sn"
    ]
    return [row for row in chosen if row["design"]["people"] == 20]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three runs of one design, with scores."""
    for seed, row in enumerate(three_draws()):
        (tmp_path / "out" / row["id"]).mkdir(parents=True)
        pq.write_table(drawn_scores(seed), tmp_path / "out" / row["id"] / "scores.parquet")
    return tmp_path / "out"


def test_places_by_hand() -> None:
    """Held-out 1 and 2 share a place; both sides at 3 and at 4 keep two places; members 5 and 6 share one."""
    scores = np.array([1.0, 2, 3, 3, 4, 4, 5, 6])
    member = np.array([0, 0, 1, 0, 1, 0, 1, 1], dtype=bool)
    assert places(scores, member).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("seed", range(20))
def test_a_place_compares_like_its_score(seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores, member = draw.integers(0, 12, 40) / 7, draw.random(40) < 0.4
    at = places(scores, member)
    ours, theirs = member, ~member
    assert (np.sign(np.subtract.outer(at[ours], at[theirs]))
            == np.sign(np.subtract.outer(scores[ours], scores[theirs]))).all()  # fmt: skip


def test_figures_from_the_file_are_those_from_the_folder(folder: Path, tmp_path: Path) -> None:
    rows = three_draws()
    from_folder = pool(rows, scores_of(folder))
    to = tmp_path / "published" / "lab.jsonl"
    assert publish(rows, in_folder(folder), to) == [to, to.with_suffix(".parquet")]
    from_file = pool(rows, scores_of(to))
    assert table(from_file) == table(from_folder)
    (one,), (other,) = from_file, from_folder
    for figures in ("auroc", "above"):
        for kind, found in getattr(one, figures).items():
            expected = getattr(other, figures)[kind]
            assert isinstance(found, Estimate)
            assert (found.value, found.low, found.high) == pytest.approx(
                (expected.value, expected.low, expected.high), abs=1e-12
            )
    assert [json.loads(line) for line in to.read_text().splitlines()] == rows


def test_the_order_of_runs_changes_nothing(folder: Path, tmp_path: Path) -> None:
    rows, files = three_draws(), [tmp_path / f"{name}.jsonl" for name in "ab"]
    publish(rows, in_folder(folder), files[0])
    publish(rows[::-1], in_folder(folder), files[1])
    one, other = (file.with_suffix(".parquet").read_bytes() for file in files)
    assert one == other
    (cell,), (reverse,) = pool(rows, scores_of(files[0])), pool(rows[::-1], scores_of(files[0]))
    a, b = cell.above[UNSEEN], reverse.above[UNSEEN]
    assert isinstance(a, Estimate)
    assert isinstance(b, Estimate)
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)


def test_of_one_run_its_own_figures(folder: Path) -> None:
    row = three_draws()[0]
    (cell,) = pool([row], in_folder(folder))
    above = cell.above[UNSEEN]
    assert isinstance(above, Estimate)
    assert vars(above) == row["above_baseline"][UNSEEN]


def test_a_person_has_one_number_in_all_runs_and_other_names_change_nothing() -> None:
    tables = {f"run {seed}": ("lfw", drawn_scores(seed)) for seed in range(3)}
    found = without_names(tables)
    assert found.schema == SCHEMA
    assert found.num_rows <= sum(scores.num_rows for _, scores in tables.values())
    at = SCORES_SCHEMA.get_field_index("person")

    def renamed(scores: pa.Table) -> pa.Table:
        names = [f"{int(name.removeprefix('name of ')) * 37 % 61} x" for name in scores["person"].to_pylist()]
        return scores.set_column(at, "person", pa.array(names))

    assert without_names({run: (of, renamed(scores)) for run, (of, scores) in tables.items()}) == found
    numbers: dict[str, set[int]] = {}
    for run, (_, scores) in tables.items():
        names = set(scores["person"].to_pylist())
        here = {row["person"] for row in found.to_pylist() if row["run"] == run}
        assert len(here) == len(names)
        for name in names:
            numbers[name] = numbers.get(name, here) & here
    assert max(found["person"].to_pylist()) + 1 == len(numbers)


def test_people_of_two_sets_are_different_people() -> None:
    scores = drawn_scores(0)
    found = without_names({"a": ("lfw", scores), "b": ("celeba", scores)}).to_pylist()
    of_run = [{row["person"] for row in found if row["run"] == run} for run in "ab"]
    assert not of_run[0] & of_run[1]


def test_held_out_people_who_score_the_same_for_seen_and_unseen_photos_are_written_once(tmp_path: Path) -> None:
    lines = [
        dict(zip(SCORES_SCHEMA.names, (AUDIT, population, "person", *rest), strict=True))
        for population, own, other in ((SEEN, 0.9, 0.5), (UNSEEN, 0.5, 0.1))
        for rest in (("member", "a", own), ("member", "b", 0.1), ("heldout", "c", 0.7), ("heldout", "d", other))
    ]
    row = {"id": "r", "set": "lfw"}
    scores = pa.Table.from_pylist(lines, SCORES_SCHEMA)
    publish([row], lambda _: scores, tmp_path / "r.jsonl")
    sides = [(r["population"], r["side"]) for r in pq.read_table(tmp_path / "r.parquet").to_pylist()]
    assert sorted(sides) == [
        (EITHER, "heldout"),
        (EITHER, "member"),
        *((population, side) for population in (SEEN, UNSEEN) for side in ("heldout", "member")),
    ]
    found = in_file(tmp_path / "r.parquet")(row)
    assert found is not None
    for population, expected in ((SEEN, 1 / 2), (UNSEEN, 3 / 8)):
        here = scored_run(where(found, population=population))
        assert auroc(here.member_scores, here.heldout_scores) == expected


def test_what_pooling_does_not_read_is_left_out() -> None:
    scores = drawn_scores(0)
    extra = scores.slice(0, 1).set_column(0, "attack", pa.array(["another"]))
    by_photo = scores.slice(0, 1).set_column(0, "attack", pa.array([BLIND[0]]))
    assert by_photo["level"][0].as_py() == "photo"
    whole = without_names({"a": ("lfw", scores)})
    assert without_names({"a": ("lfw", pa.concat_tables([scores, extra, by_photo]))}) == whole


def test_doses_and_names_given_are_of_the_person(tmp_path: Path) -> None:
    """From the audit beside the scores, where doses were drawn."""
    row = {"id": "r", "set": "lfw", "design": {"dose": [1, 2]}}
    (tmp_path / "r" / "audit").mkdir(parents=True)
    pq.write_table(drawn_scores(0), tmp_path / "r" / "scores.parquet")
    people = [{"person": f"name of {i}", "photos": 1 + i % 2, "exposed": i == 3} for i in range(4)]
    (tmp_path / "r" / "audit" / "findings.json").write_text(json.dumps({"people": people}))
    publish([row], in_folder(tmp_path), tmp_path / "r.jsonl")
    found = in_file(tmp_path / "r.parquet")(row)
    assert found is not None
    of = {what: [r for r in found.to_pylist() if r["attack"] == what] for what in (PHOTOS, NAMED)}
    assert sorted(r["score"] for r in of[PHOTOS]) == [1, 1, 2, 2]
    assert [r["score"] for r in sorted(of[NAMED], key=lambda r: r["score"])] == [0, 0, 0, 1]
    (named,) = (r["person"] for r in of[NAMED] if r["score"])
    assert next(r["score"] for r in of[PHOTOS] if r["person"] == named) == 2


def dosed(tmp_path: Path) -> list[dict[str, Any]]:
    """Three published rows of doses, with audits: the same people in each, named from 8 photos on."""
    found = [json.loads(line) for line in ROWS.read_text().splitlines()]
    rows = [row for row in found if row["part"] == "a randomised dose"][:3]
    for number, row in enumerate(rows):
        (tmp_path / row["id"] / "audit").mkdir(parents=True)
        pq.write_table(drawn_scores(number), tmp_path / row["id"] / "scores.parquet")
        people = [
            {"person": f"name of {i}", "photos": photos - (i == 0), "exposed": photos >= 8}
            for i, photos in enumerate(np.repeat([2, 1, 4, 8, 16], 6).tolist())
        ]
        row["by_photos"] = sorted([its["photos"], its["exposed"]] for its in people)
        (tmp_path / row["id"] / "audit" / "findings.json").write_text(json.dumps({"people": people}))
    return rows


def test_who_is_named_by_dose_from_folder_and_file_and_without_either(tmp_path: Path) -> None:
    """One who was to have 2 photos has 1: as nobody can tell whether one was set aside, they count at 1."""
    rows = dosed(tmp_path)
    (cell,) = pool(rows, in_folder(tmp_path))
    counts = {dose: (at.n_named, at.n) for dose, at in cell.named.items()}
    assert counts == {1.0: (0, 21), 2.0: (0, 15), 4.0: (0, 18), 8.0: (18, 18), 16.0: (18, 18)}
    assert [at.share.n for at in cell.named.values() if isinstance(at.share, Estimate)] == [7, 5, 6, 6, 6]
    publish(rows, in_folder(tmp_path), tmp_path / "lab.jsonl")
    (from_file,) = pool(rows, scores_of(tmp_path / "lab.jsonl"))
    assert (from_file.named, from_file.named_at) == (cell.named, cell.named_at)
    (reverse,) = pool(rows[::-1], in_folder(tmp_path))
    assert (reverse.named, reverse.named_at) == (cell.named, cell.named_at)
    (alone,) = pool(rows, lambda _: None)
    assert {dose: (at.n_named, at.n) for dose, at in alone.named.items()} == counts
    assert [at.share.n for at in alone.named.values() if isinstance(at.share, Estimate)] == [21, 15, 18, 18, 18]
    assert alone.named_at is not None
    known, unknown = cell.named_at, alone.named_at
    assert known is not None
    assert isinstance(known[1], Estimate)
    assert isinstance(unknown[1], Estimate)
    assert known[1].value == pytest.approx(unknown[1].value, rel=0.01)
    said = table([alone])
    assert "8: 18 of 18 (82% to 100%), 16: 18 of 18 (82% to 100%)" in said
    assert "80 % are named at: 6.96 (4 to 8) photos; if the curve is logistic: " in said
    assert "lfw, dcgan: not pooled, the scores of some runs are missing" in said


def test_a_photo_that_was_set_aside_leaves_the_dose(tmp_path: Path) -> None:
    rows = dosed(tmp_path)
    for row in rows:
        row["by_photos"] = [[15 if photos == 16 else photos, named] for photos, named in row["by_photos"]]
    (cell,) = pool(rows, lambda _: None)
    assert list(cell.named) == [1.0, 2.0, 4.0, 8.0, 16.0]
    unfair = [{**row, "n_named": None} for row in rows]
    (cell,) = pool(unfair, lambda _: None)
    assert (cell.named, cell.named_at) == ({}, None)


def test_rows_without_scores_say_what_is_missing(folder: Path, tmp_path: Path) -> None:
    rows = three_draws()
    whole = in_folder(folder)

    def one_lost(row: Any) -> pa.Table | None:
        return None if row["id"] == rows[0]["id"] else whole(row)

    lost: Scores = one_lost
    publish(rows, lost, tmp_path / "lab.jsonl")
    (cell,) = pool(rows, scores_of(tmp_path / "lab.jsonl"))
    assert cell.above[UNSEEN] == cell.auroc[UNSEEN, "person"]
    assert getattr(cell.above[UNSEEN], "reason", None) == "the scores of some runs are missing"


def test_rows_of_runs_that_are_gone_stay_and_their_scores_are_not_lost_in_silence(folder: Path, tmp_path: Path) -> None:
    rows, to = three_draws(), tmp_path / "lab.jsonl"
    to.write_text(json.dumps(rows[0]) + "\n")
    publish(rows[1:], in_folder(folder), to)
    assert [json.loads(line)["id"] for line in to.read_text().splitlines()] == [row["id"] for row in rows]
    with pytest.raises(InputError, match="cannot be matched without it; write to another file"):
        publish(rows[:1], in_folder(folder), to)
    with pytest.raises(InputError, match=r"must end in \.jsonl"):
        publish(rows, in_folder(folder), tmp_path / "lab.json")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(drawn_scores(0), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="is not a file of scores"):
        in_file(tmp_path / "x.parquet")
