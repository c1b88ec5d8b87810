"""The blind review: which pairs, what the answers say, what is kept, and that nothing betrays which half is which."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from markupsafe import escape
from PIL import Image
from scipy.stats import binom, binomtest

import probablyexists
from drawn_world import World, made_once
from probablyexists.answers.review_answers import Decision, differing, reviewed
from probablyexists.answers.review_pairs import Near, Pair, Plan, Side, match, plan_review, shuffled
from probablyexists.basis.errors import InputError, WriteError
from probablyexists.basis.progress import Silent
from probablyexists.report.people_texts import is_unjudged
from probablyexists.report.review_csv import ENDED, add_row, read_review
from probablyexists.report.review_texts import LIMITS, markdown_reviews, rows, sentences, with_reviews
from probablyexists.results.findings import Findings
from probablyexists.results.neighbours_file import read_neighbours
from probablyexists.showing.reviewing import Review
from probablyexists.showing.serve import opened_audit
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.paired import pairs_needed, power_of_pairs, sign_test, smallest_rate
from probablyexists.tasks.export import export
from probablyexists.tasks.review import plan_of
from shown_page import Page, served

HERE = (None, 4)


def near(person: str, *samples: tuple[int, float], stratum: tuple[str | None, int] = HERE) -> Near:
    return Near(person, stratum, tuple((row, row, similarity) for row, similarity in samples))


def who(pairs: list[Pair]) -> list[tuple[str, str, bool]]:
    return [(pair.member.person, pair.stranger.person, pair.matched) for pair in pairs]


# Pairs


def test_each_member_gets_the_stranger_who_is_as_similar() -> None:
    members = [near("a", (1, 0.90)), near("b", (2, 0.80))]
    strangers = [near("x", (3, 0.81)), near("y", (4, 0.91)), near("z", (5, 0.50))]
    pairs, n_alone = match(members, strangers, {"a"}, 30)
    # Their similarities have the standard deviation 0.174, of which a fifth is 0.035.
    assert who(pairs) == [("a", "y", True), ("b", "x", True)]
    assert [pair.named for pair in pairs] == [True, False]
    assert n_alone == 0


def test_a_member_more_alike_than_all_strangers_is_asked_about_but_not_counted_as_matched() -> None:
    strangers = [near("x", (3, 0.80)), near("y", (4, 0.81)), near("z", (5, 0.79))]
    pairs, _ = match([near("a", (1, 0.99)), near("b", (2, 0.80))], strangers, {"a"}, 30)
    assert who(pairs) == [("a", "y", False), ("b", "x", True)]


def test_of_those_as_similar_the_one_with_as_common_a_face_is_the_control() -> None:
    strangers = [
        replace(near("rare", (3, 0.90)), common=0.5),
        replace(near("common", (4, 0.905)), common=0.8),
        replace(near("far", (5, 0.5)), common=0.79),
    ]
    pairs, _ = match([replace(near("a", (1, 0.90)), common=0.79)], strangers, set(), 30)
    assert who(pairs) == [("a", "common", True)]


def test_each_person_and_each_picture_is_shown_once() -> None:
    members = [near("a", (1, 0.9), (2, 0.8)), near("b", (1, 0.85), (2, 0.7)), near("c", (1, 0.8), (2, 0.6))]
    strangers = [near("x", (1, 0.9)), near("x", (3, 0.9)), near("y", (3, 0.7)), near("z", (4, 0.1))]
    pairs, n_alone = match(members, strangers, set(), 30)
    assert [(pair.member.person, pair.member.sample) for pair in pairs] == [("a", 1), ("b", 2)]
    assert [(pair.stranger.person, pair.stranger.sample) for pair in pairs] == [("x", 3), ("z", 4)]
    assert n_alone == 1  # of c no sample is left


def test_photos_and_groups_are_compared_with_their_own() -> None:
    members = [near("a", (1, 0.9), stratum=("north", 2)), near("b", (2, 0.9), stratum=("south", 2))]
    strangers = [near("x", (3, 0.5), stratum=("north", 2)), near("y", (4, 0.9), stratum=("north", 3))]
    pairs, n_alone = match(members, strangers, set(), 30)
    assert who(pairs) == [("a", "x", False)]
    assert n_alone == 1


def test_those_named_come_first_and_no_more_than_asked_for() -> None:
    members = [near(f"m{i}", (i, 0.9)) for i in range(9)]
    strangers = [near(f"s{i}", (100 + i, 0.9)) for i in range(99)]
    pairs, n_alone = match(members, strangers, {"m0"}, 4)
    assert [pair.member.person for pair in pairs] == ["m0", "m1", "m2", "m3"]
    assert n_alone == 0


def test_questions_are_in_random_order_and_stopping_early_leaves_few_answers_alone() -> None:
    first = [shuffled(30, np.random.default_rng(seed)) for seed in range(200)]
    for questions in first:
        assert sorted(questions) == [(pair, member) for pair in range(30) for member in (False, True)]
        for n in range(60):
            pairs = [pair for pair, _ in questions[:n]]
            assert sum(pairs.count(pair) == 1 for pair in set(pairs)) <= 5
    members_at = np.array([[member for _, member in questions] for questions in first]).mean(axis=0)
    assert (np.abs(members_at - 0.5) < 0.15).all()  # 4 standard deviations


# Statistics


@pytest.mark.parametrize(("more", "less"), [(0, 0), (5, 0), (4, 1), (12, 3), (3, 12), (0, 7)])
def test_the_sign_test_is_scipys(more: int, less: int) -> None:
    ours = sign_test(more, less)
    assert ours == (1.0 if more + less == 0 else pytest.approx(binomtest(more, more + less, 0.5, "greater").pvalue))


@pytest.mark.parametrize(("n", "ours", "theirs"), [(20, 0.6, 0.2), (7, 1.0, 0.0), (13, 0.5, 0.5)])
def test_power_is_the_sum_over_all_outcomes(n: int, ours: float, theirs: float) -> None:
    up, down = ours * (1 - theirs), theirs * (1 - ours)
    total = 0.0
    for more in range(n + 1):
        for less in range(n + 1 - more):
            if sign_test(more, less) <= 0.05:
                total += binom.pmf(more, n, up) * binom.pmf(less, n - more, down / (1 - up) if up < 1 else 0.0)
    assert power_of_pairs(n, ours, theirs) == pytest.approx(total)


@pytest.mark.parametrize("n", [5, 12, 30, 100])
def test_where_members_are_like_strangers_the_test_errs_in_5_of_100_at_most(n: int) -> None:
    assert max(power_of_pairs(n, rate, rate) for rate in np.linspace(0, 1, 21)) <= 0.05


def test_how_many_pairs_are_needed() -> None:
    assert power_of_pairs(37, 0.5, 0.2) >= 0.8 > power_of_pairs(36, 0.5, 0.2)
    assert pairs_needed(0.5, 0.2) == 37
    assert pairs_needed(0.2, 0.2) is None
    least = smallest_rate(30, 0.2)
    assert least is not None
    assert power_of_pairs(30, least, 0.2) == pytest.approx(0.8, abs=1e-4)
    assert smallest_rate(4, 0.2) is None


def plan_by_hand() -> Plan:
    """Three equally similar pairs, the first with a named member, and one whose member is beyond all strangers."""

    def pair(i: int, *, named: bool, matched: bool) -> Pair:
        return Pair(Side(f"m{i}", 4, i, 0.9, 0.7), Side(f"s{i}", 4, 10 + i, 0.8, 0.7), named, matched)

    pairs = [pair(i, named=i in (0, 3), matched=i < 3) for i in range(4)]
    return Plan(tuple(pairs), tuple((i, member) for i in range(4) for member in (True, False)), "by hand", 0)


def test_the_answers_are_counted_by_half() -> None:
    said: list[Decision] = ["same", "different", "same", "cannot say", "different", "same", "different", "different"]
    found = reviewed(plan_by_hand(), "Ann", dict(enumerate(said)), ended=True)
    matched, beyond = found.matched, found.beyond
    assert (matched.members.n, matched.members.same, matched.members.different, matched.members.unsure) == (3, 2, 1, 0)
    assert (matched.strangers.same, matched.strangers.unsure) == (1, 1)
    assert (matched.more, matched.less, matched.p) == (2, 1, pytest.approx(0.5))
    assert (beyond.members.n, beyond.members.same, beyond.p) == (1, 0, 1.0)
    assert (found.named.same, found.named.n, found.not_named.same, found.not_named.n) == (1, 2, 1, 2)
    assert (found.n_answered, found.n_half) == (8, 0)
    rate = matched.members.rate
    assert isinstance(rate, Estimate)
    expected = binomtest(2, 3).proportion_ci(0.95, "wilson")
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high))


def test_an_answer_without_its_counterpart_is_not_counted_but_said() -> None:
    found = reviewed(plan_by_hand(), "Ann", {0: "same", 1: "different", 2: "same"}, ended=True)
    assert (found.matched.members.n, found.n_half) == (1, 1)
    assert any("1 answer without the answer to its counterpart" in sentence for sentence in sentences(found))


def test_nothing_answered_is_absent_and_not_zero() -> None:
    found = reviewed(plan_by_hand(), "Ann", {}, ended=True)
    assert rows(found) == []
    assert "nothing can be compared" in sentences(found)[0]


def test_where_audit_and_person_differ() -> None:
    said: dict[int, Decision] = {0: "cannot say", 1: "same", 2: "same", 3: "different", 6: "same"}
    found = [(one.person, one.kind) for one in differing(plan_by_hand(), said)]
    assert found == [("m0", "named"), ("m1", "not named"), ("s0", "stranger")]


def test_a_difference_is_said_to_be_one_only_where_the_test_says_so() -> None:
    plan = plan_by_hand()
    many = replace(
        plan, pairs=plan.pairs[:1] * 10, questions=tuple((i, side) for i in range(10) for side in (True, False))
    )
    clear: dict[int, Decision] = {at: "same" if at % 2 == 0 else "different" for at in range(20)}
    assert "more often than chance explains (p < 0.001)".replace(" ", "") in "".join(
        sentences(reviewed(many, "Ann", clear, ended=True))[1].split()
    )
    same: dict[int, Decision] = dict.fromkeys(range(20), "same")
    assert "no more often than chance explains" in sentences(reviewed(many, "Ann", same, ended=True))[1]


def test_who_reads_the_result_of_a_review_sees_the_names_first_and_how_little_few_pairs_can_show() -> None:
    said: list[Decision] = ["same", "different", "same", "cannot say", "different", "same", "different", "different"]
    found = reviewed(plan_by_hand(), "Ann", dict(enumerate(said)), ended=True)
    assert [row.who for row in rows(found)][:2] == ["Members named", "Members not named"]
    names, matched, *_ = sentences(found)
    assert names.startswith("Of the 2 members named who were asked about, “same” was said of 1.")
    assert "With 3 pairs p cannot be below 0.12." in matched
    assert "does not test the names" in matched


# The file


def test_a_row_for_each_decision_and_the_last_one_counts(tmp_path: Path) -> None:
    add_row(tmp_path, "id", "Ann", "2026-01-01T00:00:00+00:00", 0, "same")
    add_row(tmp_path, "id", "Ann", "2026-01-01T00:00:01+00:00", 0, "different")
    add_row(tmp_path, "id", "Bo", "2026-01-01T00:00:02+00:00", 1, "cannot say")
    add_row(tmp_path, "id", "Ann", "2026-01-01T00:00:03+00:00", None, ENDED)
    held = read_review(tmp_path, "id", 2)
    assert {name: (its.said, its.ended) for name, its in held.by_reviewer.items()} == {
        "Ann": ({0: "different"}, True),
        "Bo": ({1: "cannot say"}, False),
    }
    text = (tmp_path / "review.csv").read_text("utf-8-sig")
    assert next(csv.reader(io.StringIO(text))) == ["review", "reviewer", "when", "question", "decision"]
    assert len(text.splitlines()) == 5
    assert (tmp_path / "review.csv").stat().st_mode & 0o777 == 0o600


def test_what_is_not_of_this_review_or_damaged_is_counted(tmp_path: Path) -> None:
    add_row(tmp_path, "another", "Ann", "now", 0, "same")
    add_row(tmp_path, "id", "Ann", "now", 5, "same")
    add_row(tmp_path, "id", "Ann", "now", 1, "perhaps")
    with (tmp_path / "review.csv").open("a") as file:
        file.write("id,Ann,now,2,sa")  # the machine stopped in the middle of a row
    add_row(tmp_path, "id", "Ann", "now", 0, "same")
    held = read_review(tmp_path, "id", 2)
    assert (held.n_others, held.n_damaged) == (1, 3)
    assert held.by_reviewer["Ann"].said == {0: "same"}


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1", "@x", "-1", "Ann; =1+1", 'A "B", C'])
def test_no_name_is_a_formula_in_the_file_and_the_same_name_goes_on(tmp_path: Path, name: str) -> None:
    add_row(tmp_path, "id", name, "now", 0, "same")
    row = list(csv.reader(io.StringIO((tmp_path / "review.csv").read_text("utf-8-sig"))))[1]
    assert not re.search(r"(^|;)\s*[=+\-@]", row[1])
    assert len(read_review(tmp_path, "id", 1).by_reviewer) == 1


def test_a_link_or_a_folder_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text("mine")
    (tmp_path / "review.csv").symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(WriteError, match="cannot be written"):
        add_row(tmp_path, "id", "Ann", "now", 0, "same")
    assert (tmp_path / "elsewhere.txt").read_text() == "mine"
    (tmp_path / "review.csv").unlink()
    (tmp_path / "review.csv").mkdir()
    with pytest.raises(InputError, match=r"review\.csv"):
        read_review(tmp_path, "id", 1)


# An audit


@pytest.fixture(scope="module")
def made(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit. For reading only."""

    def make(folder: Path) -> None:
        probablyexists.audit(world.training, world.heldout, world.leaking, unseen=world.unseen, out=folder)

    return made_once(tmp_path_factory, "looked-at", make)


@pytest.fixture
def audited(made: Path, tmp_path: Path) -> Path:
    """The folder of an audit, to write to."""
    return Path(shutil.copytree(made, tmp_path / "audit"))


def test_the_pairs_of_an_audit(made: Path) -> None:
    findings = Findings.read(made)
    plan = plan_of(made, findings)
    assert plan == plan_of(made, findings)
    people = {row["person"]: row for row in findings.people.to_pylist()}
    members, strangers = [one.member for one in plan.pairs], [one.stranger for one in plan.pairs]
    assert {one.person for one in members} <= set(people)
    assert not {one.person for one in strangers} & set(people)
    every = [*members, *strangers]
    assert len({one.person for one in every}) == len({one.sample for one in every}) == len(every)
    assert [one.named for one in plan.pairs] == sorted((one.named for one in plan.pairs), reverse=True)
    for pair in plan.pairs:
        assert pair.named == people[pair.member.person]["exposed"]
        assert pair.member.photos == pair.stranger.photos
    kinds = findings.samples["kind"].to_pylist()
    assert "copy" in kinds
    assert all(kinds[one.sample] != "copy" for one in every)
    names = findings.samples["sample"].to_pylist()
    first = plan.pairs[0].member
    assert names[first.sample] == people[first.person]["nearest"][0]
    assert first.similarity == pytest.approx(people[first.person]["similarity"], abs=1e-5)


def test_held_out_people_on_whom_a_guard_was_set_are_no_controls(made: Path) -> None:
    findings = Findings.read(made)
    table = read_neighbours(made, findings)
    judges = pa.array([called is not None for called in table["called"].to_pylist()])
    none = table.set_column(table.schema.get_field_index("judges"), "judges", judges)
    picture = np.arange(findings.samples.num_rows, dtype=np.int32)
    plan = plan_review(findings, none, picture)
    assert (plan.pairs, plan.n_alone) == ((), findings.people.num_rows)


def behind(audit: Path) -> Review:
    """The review behind the page, as only a test may see it."""
    return Review(opened_audit(audit, dict.fromkeys(("training", "unseen", "heldout", "generated")), Silent()))


@pytest.fixture(scope="module")
def shown(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Path]]:
    """The page of an audit, and its folder, to which it writes."""
    audit = Path(shutil.copytree(made, tmp_path_factory.mktemp("reviewed") / "audit"))
    with served(audit) as page:
        yield page, audit


def posted(page: Page, path: str, **sent: object) -> tuple[int, bytes]:
    body = json.dumps(sent).encode()
    status, _, answer = page.ask(path, "POST", body, Origin=f"http://127.0.0.1:{page.port}")
    return status, answer


def begun(page: Page, name: str) -> int:
    """The number of a reviewer."""
    return int(json.loads(posted(page, "review", name=name)[1])["to"].removeprefix("/review/"))


def test_another_page_cannot_decide(shown: tuple[Page, Path]) -> None:
    page, audit = shown
    for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        for path in ("review", "review/0/1", "review/0/stop", "review/report"):
            assert page.ask(path, "POST", b'{"name": "Eve"}', **origin)[0] == 403
    assert posted(page, "review", name="x" * 10_000)[0] == 422
    assert not (audit / "review.csv").exists()


def test_nothing_that_is_sent_says_which_half_a_question_is_of(shown: tuple[Page, Path]) -> None:
    page, audit = shown
    review, who = behind(audit), begun(page, "Ann")
    plan, settings = review.plan, Findings.read(audit).signature.settings
    n = len(plan.questions)
    assert n >= 20
    texts, answers = set(), set()
    for at in range(1, n + 1):
        side = plan.side(at - 1)
        status, headers, body = page.ask(f"review/{who}")
        text = body.decode()
        assert status == 200
        for word in (side.person, str(settings["training"]), str(settings["heldout"]), "heldout", "training"):
            assert word not in text
        texts.add((_without_numbers(text), repr(sorted(headers.keys()))))
        for picture in range(1 + review.photos(at - 1)):
            status, headers, data = page.ask(f"picture/review/{at}/{picture}")
            assert status == 200
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                answers.add(
                    repr((image.format, image.size, image.mode, image.info, len(data), sorted(headers.items())))
                )
        assert page.ask(f"picture/review/{at}/{review.photos(at - 1) + 1}")[0] == 404
        if at < n:
            assert posted(page, f"review/{who}/{at}", decision="cannot say")[0] == 200
    assert len(texts) == 1
    assert len(answers) == 1
    assert page.ask(f"picture/review/{n + 1}/0")[0] == page.ask("picture/review/0/0")[0] == 404


def _without_numbers(text: str) -> str:
    """A question's page without the number of the question, and without the link back, which the first has not."""
    text = re.sub(r'<a href="[^"]*">Change the answer before</a>', "", text)
    return re.sub(r"\d+|\s+", "", text)


def test_a_hostile_name_is_text_on_the_page_in_the_report_and_in_the_file(shown: tuple[Page, Path]) -> None:
    page, audit = shown
    who = begun(page, '=<script>alert(1)</script>"')
    posted(page, f"review/{who}/1", decision="same")
    posted(page, f"review/{who}/stop")
    status, _, body = page.ask(f"review/{who}/result")
    assert status == 200
    assert posted(page, "review/report")[0] == 200
    report = (audit / "report.html").read_text()
    for text in (body.decode(), report):
        assert "<script>alert" not in text
        assert "=&lt;script&gt;alert(1)" in text
    assert report.count('<section id="reviewed"') == 1
    posted(page, "review/report")
    assert (audit / "report.html").read_text() == report
    section = report.partition('<section id="reviewed"')[2].partition("</section>")[0]
    for pair in behind(audit).plan.pairs:
        assert pair.member.person not in section
        assert pair.stranger.person not in section
    assert "'=<script>" in (audit / "review.csv").read_text()


@pytest.mark.parametrize("name", ["  ", "a\u202eb", "x" * 61, 7, None])
def test_what_is_no_name_is_one_line(shown: tuple[Page, Path], name: object) -> None:
    status, answer = posted(shown[0], "review", name=name)
    assert status == 422
    assert json.loads(answer)["why"].startswith("The name ")


def test_no_result_before_the_end_and_no_answer_after_it(shown: tuple[Page, Path]) -> None:
    page, _ = shown
    assert page.ask("review/99")[0] == posted(page, "review/99/1", decision="same")[0] == 404
    who = begun(page, "Cy")
    for at, decision in enumerate(("same", "different"), start=1):
        assert json.loads(posted(page, f"review/{who}/{at}", decision=decision)[1]) == {"to": f"/review/{who}"}
    assert posted(page, f"review/{who}/2", decision="maybe")[0] == 422
    assert posted(page, f"review/{who}/9999", decision="same")[0] == 409
    assert page.ask(f"review/{who}/result")[0] == 404
    assert page.ask(f"review/{who}/3")[0] == 404  # nor ahead
    assert b"Question 2 of" in page.ask(f"review/{who}/2")[2]
    assert b"Question 3 of" in page.ask(f"review/{who}")[2]
    assert posted(page, f"review/{who}/stop")[0] == 200
    assert posted(page, f"review/{who}/3", decision="same")[0] == 409
    assert page.ask(f"review/{who}")[1]["location"].endswith(f"/review/{who}/result")
    assert page.ask(f"review/{who}/1")[0] == 404


def test_a_stopped_session_goes_on_and_a_second_reviewer_has_rows_of_their_own(audited: Path) -> None:
    first = behind(audited)
    first.decide(first.begin("=Ann"), 0, "same")
    first.decide(0, 1, "different")
    again = behind(audited)
    assert again.plan == first.plan
    assert (again.next(again.begin("=Ann")), again.next(again.begin("Bo"))) == (2, 0)
    again.decide(1, 0, "cannot say")
    again.end(0)
    held = behind(audited)
    assert (held.next(held.begin("=Ann")), held.next(held.begin("Bo"))) == (None, 1)
    assert held.result(0)[0].n_answered == 2
    lines = list(csv.reader(io.StringIO((audited / "review.csv").read_text("utf-8-sig"))))[1:]
    assert [(row[1], *row[3:]) for row in lines] == [
        *(("'=Ann", "1", "same"), ("'=Ann", "2", "different")),
        *(("Bo", "1", "cannot say"), ("'=Ann", "", ENDED)),
    ]


def test_a_folder_that_cannot_be_written_decides_nothing(audited: Path) -> None:
    review = behind(audited)
    who = review.begin("Ann")
    (audited / "review.csv").mkdir()
    with pytest.raises(WriteError, match=r"review\.csv: cannot be written"):
        review.decide(who, 0, "same")
    assert review.next(who) == 0


def test_a_sharper_source_is_brought_down_to_the_other(audited: Path, tmp_path: Path, world: World) -> None:
    """The strangers' photos four times as large, with detail that only large photos have: nothing of it is left."""
    fine = np.kron(np.tile([[60, -60], [-60, 60]], (128, 128)), np.ones((2, 2)))[:, :, None]
    review, large = behind(audited), tmp_path / "large"
    strangers = (pair.stranger.person for pair in review.plan.pairs)
    for photo in (path for person in strangers for path in review.audit.photo_paths(person, "heldout")):
        place = large / photo
        place.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(world.heldout / photo) as image:
            pixels = np.asarray(image.resize((512, 512)), np.float64)
        Image.fromarray((pixels + fine).clip(0, 255).astype(np.uint8)).save(place, quality=95)
    bigger = Review(opened_audit(audited, {"training": None, "generated": None, "heldout": large}, Silent()))
    at = next(at for at, (_, member) in enumerate(review.plan.questions) if not member)
    ours, theirs = (
        np.asarray(Image.open(io.BytesIO(one.picture(at, 1))).convert("L"), np.float64) for one in (review, bigger)
    )
    assert np.abs(ours - theirs).mean() < 4


def test_a_reviewer_who_sees_whom_the_generator_was_trained_on_is_told_so(audited: Path) -> None:
    """Somebody who always knows, and somebody who never does."""
    review = behind(audited)
    for name, eye in (("knows", lambda member: member), ("sees nothing", lambda member: True)):
        number = review.begin(name)
        for at, (_, member) in enumerate(review.plan.questions):
            review.decide(number, at, "same" if eye(member) else "different")
        with pytest.raises(ValueError, match="ended"):
            review.decide(number, 0, "same")
    knows, blind = (review.result(number)[0] for number in (0, 1))
    n = knows.matched.members.n
    assert n >= 5
    assert knows.matched.p == 0.5**n
    assert blind.matched.p == 1.0
    assert review.begin("knows") == 0

    findings = Findings.read(audited)
    export(audited, markdown=True)
    summary = (audited / "export" / "summary.md").read_text()
    assert summary.index("## Reviewed by people") < summary.index("## Not tested")
    assert "### knows" in summary
    assert f"“same” was said of {n} of {n} members" in summary
    assert markdown_reviews([replace(knows, ended=False)]) == ""
    report = (audited / "report.html").read_text()
    assert with_reviews(report, [replace(knows, ended=False)]) == report
    section = with_reviews(report, [knows, blind])
    assert section.count("<h3><bdi>") == report.count("<h3><bdi>") + 2
    assert all(escape(limit) in section for limit in LIMITS)
    (audited / "nearest.parquet").unlink()
    notes = export(audited, markdown=True, out=audited / "again").notes
    assert any(note.startswith("review.csv: left out") for note in notes)
    assert findings.names_shown is False


def test_who_has_not_ended_is_left_out_of_the_summary_and_said(audited: Path) -> None:
    review = behind(audited)
    review.decide(review.begin("Ann"), 0, "same")
    found = export(audited, markdown=True)
    assert "Reviewed by people" not in (audited / "export" / "summary.md").read_text()
    assert any("1 reviewer has not ended the review" in note for note in found.notes)


def test_where_the_strangers_photos_are_gone_the_page_says_what_to_give(audited: Path) -> None:
    review = Review(opened_audit(audited, {"training": None, "generated": None}, Silent()))
    assert review.lacking == ["heldout"]


def test_who_could_not_be_judged_is_not_said_to_be_reached_by_chance(shown: tuple[Page, Path]) -> None:
    page, audit = shown
    review, who = behind(audit), begun(page, "Dee")
    plan = review.plan
    for at in range(1, len(plan.questions) + 1):
        posted(page, f"review/{who}/{at}", decision="same")
    text = page.ask(f"review/{who}/result")[2].decode()
    people = {row["person"]: row for row in review.audit.people}
    others = [pair.member.person for pair in plan.pairs if not pair.named]
    unjudged = [name for name in others if is_unjudged(review.audit.findings, people[name])]
    head = "Neither named nor cleared, and you said “same”"
    assert (head in text) == bool(unjudged)
    assert ("Not named by the audit, and you said" in text) == (len(unjudged) < len(others))
    assert unjudged
    assert text.index(head) < text.index("Strangers, and you said “same”")
    part = text[text.index(head) : text.index("</ul>", text.index(head))]
    assert all(name in part for name in unjudged)
    assert part.lower().count("neither named nor cleared (p") == len(unjudged)
