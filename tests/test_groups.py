"""Groups of people: from a column or a table of the owner, to p-values within the group and figures for each."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import probablyexists
from drawn_world import HELDOUT, MEMBERS, PLANTED, World
from probablyexists.answers.by_group import group_findings
from probablyexists.answers.comparisons import enough_alike
from probablyexists.answers.naming import agreed, likenesses, name_people, naming
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Faces
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.basis.roles import Role
from probablyexists.cli.app import app
from probablyexists.embeddings.embed import Embedded
from probablyexists.intake import groups as intake
from probablyexists.intake.groups import NO_GROUP, Groups, find_groups
from probablyexists.intake.settings import AuditSettings
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.templates import group
from probablyexists.results.findings import ErrorRates, Findings, Trust
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, groups_of, open_source
from probablyexists.stats.conformal import benjamini_hochberg
from probablyexists.stats.estimate import Estimate, Unresolvable


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


# --- from input to a mapping ----------------------------------------------------------------------------------------


def manifest(at: Path, rows: list[tuple[str, ...]], header: str = "path,person,role,group") -> Path:
    """A manifest of files that are there."""
    at.parent.mkdir(parents=True, exist_ok=True)
    with at.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        csv.writer(file).writerows(rows)
    for path, *_ in rows:
        (at.parent / path).write_bytes(path.encode())
    return at


def folders(root: Path, members: tuple[str, ...] = ("ann", "bob"), strangers: tuple[str, ...] = ("eve", "fay")) -> Path:
    """Folders of people, of empty pictures."""
    for role, names in (("t", members), ("h", strangers)):
        for name in names:
            (root / role / name).mkdir(parents=True)
            (root / role / name / "1.jpg").write_bytes(b"")
    (root / "g").mkdir()
    (root / "g" / "1.jpg").write_bytes(b"")
    return root


def table(root: Path, text: str | bytes, name: str = "people.csv") -> Path:
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root / name


def of_folders(root: Path, where: Path | None, heard: Silent | None = None, **more: Any) -> Groups:
    settings = AuditSettings(training=root / "t", heldout=root / "h", generated=root / "g", groups=where, **more)
    sources: dict[Role, Source] = {
        "training": open_source(root / "t", named=False if settings.flat else None),
        "heldout": open_source(root / "h", named=False if settings.flat else None),
        "generated": open_source(root / "g", named=False),
    }
    return find_groups(sources, settings, heard or Silent())


def refused(root: Path, where: Path | None, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        of_folders(root, where, **more)
    said = caught.value.on_command_line
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "text",
    [
        "person,group\nann,north\nbob,south\neve,north\nfay,south\n",
        "\ufeffGroup;Person\r\nnorth;ann\r\nsouth;bob\r\nnorth;eve\r\nsouth;fay\r\n",
        "person\tnote\tgroup\nann\tx\t north \nbob\t\tsouth\neve\t\tnorth\nfay\t\tsouth\nann\ty\tnorth\n",
        "person,group\nann,north\nbob,south\neve,north\nfay,south\n".encode("utf-16"),
    ],
)
def test_a_table_of_people_gives_their_groups(text: str | bytes, tmp_path: Path) -> None:
    found = of_folders(folders(tmp_path), table(tmp_path, text))
    assert found == Groups({"ann": "north", "bob": "south", "eve": "north", "fay": "south"})


def test_a_parquet_of_pandas_with_gaps_gives_groups_by_number(tmp_path: Path) -> None:
    columns = {"person": pa.array(["ann", "bob", "eve"]), "group": pa.array([1.0, None, 2.0])}
    pq.write_table(pa.table(columns), tmp_path / "people.parquet")
    heard = Heard()
    found = of_folders(folders(tmp_path), tmp_path / "people.parquet", heard)
    assert found.of == {"ann": "1", "bob": NO_GROUP, "eve": "2", "fay": NO_GROUP}
    assert list(found.said) == heard.lines
    assert found.said == ("groups: 1 member and 1 held-out person have no group, and are the group 'no group given'",)


def test_empty_group_names_are_none_given_and_absent_people_are_counted(tmp_path: Path) -> None:
    text = "person,group\nann,north\nbob, \neve,\nzoe,north\nyul,south\n"
    found = of_folders(folders(tmp_path), table(tmp_path, text))
    assert found.of == {"ann": "north", "bob": NO_GROUP, "eve": NO_GROUP, "fay": NO_GROUP}
    assert found.said[1] == "groups: 2 people with groups have no photos in any role, and count nowhere"
    assert not any(name in text for text in found.said for name in ("ann", "zoe", "yul"))


def test_a_group_name_from_a_stranger_is_one_line_of_text(tmp_path: Path) -> None:
    text = 'person,group\nann,"a\x1b[2J"\nbob,<script>x</script>\neve,"two\n lines"\nfay,a\u202eb\n'
    found = of_folders(folders(tmp_path), table(tmp_path, text))
    assert found.of == {"ann": "'a\\x1b[2J'", "bob": "<script>x</script>", "eve": "two lines", "fay": "'a\\u202eb'"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("person,group\nann,north\nbob,x\nann,south\n", ": ann has group north in row 2 and south in row 4; give each"),
        ("name,group\nann,north\n", ": no column person (it has: name, group); name the column of people's names so"),
        ("person,team\nann,north\n", ": no column group (it has: person, team); name the column of their groups so"),
        ("person,group,group\nann,a,b\n", ": column group is there twice; keep one"),
        ("person,group\nann\n", ": row 2 has 1 cells, the header 2"),
        ("", ": the file is empty; it needs the columns person, group"),
        ("person,group\n", ": gives nobody a group; list one person a row under person, group"),
        ("person,group\nann,\n", ": gives nobody a group"),
        ("person,group\n,north\n", ": row 2 has the group north and no person; name the people"),
        (b"person,group\nann,caf\xe9\n", ": row 2 is not UTF-8 text; save the file as CSV in UTF-8"),
        (f"person,group\nann,{'x' * 101}\n", ": row 2 has a group of 101 characters; use at most 100"),
        ("person,group\nAnn,north\n", ": none of its people (1, such as Ann) has photos here (such as ann in training"),
    ],
)
def test_a_bad_table_of_people_is_one_line(text: str | bytes, says: str, tmp_path: Path) -> None:
    where = table(tmp_path, text)
    assert f"--groups {where}{says}" in refused(folders(tmp_path), where)


def test_a_table_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    folders(tmp_path)
    assert refused(tmp_path, tmp_path / "gone.csv") == f"--groups {tmp_path}/gone.csv: does not exist; check the path"
    assert "is a pipe, a device or a folder, not a file" in refused(tmp_path, tmp_path / "t")
    assert "not a readable Parquet file" in refused(tmp_path, table(tmp_path, "person,group\n", "people.parquet"))


def test_more_groups_than_can_be_compared_are_refused(tmp_path: Path) -> None:
    names = tuple(f"p{n:02d}" for n in range(60))
    folders(tmp_path, names[:30], names[30:])
    where = table(tmp_path, "person,group\n" + "".join(f"{name},{name}\n" for name in names))
    assert f"--groups {where}: 60 groups among 60 people; at most 50 are compared" in refused(tmp_path, where)
    table(tmp_path, "person,group\n" + "".join(f"{name},{n % 50}\n" for n, name in enumerate(names)))
    assert len(set(of_folders(tmp_path, where).of.values())) == intake.MOST_GROUPS


def test_groups_of_nobody_in_the_audit_are_no_groups(tmp_path: Path) -> None:
    rows = [("a.jpg", "ann", "training", ""), ("e.jpg", "eve", "heldout", ""), ("z.jpg", "zoe", "unseen", "north")]
    path = manifest(tmp_path / "m.csv", rows)
    roles: tuple[Role, ...] = ("training", "heldout")
    sources = {role: open_source(path, role=role) for role in roles}
    settings = AuditSettings(training=path, heldout=path, generated=path)
    assert find_groups(sources, settings, Silent()) == Groups()


def test_groups_need_names(tmp_path: Path) -> None:
    where = table(tmp_path, "person,group\nann,north\n")
    folders(tmp_path)
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.jpg").write_bytes(b"")
    assert "groups need people's names, and photos have none by --flat" in refused(tmp_path, where, flat=True)
    (tmp_path / "h").rename(tmp_path / "named")
    (tmp_path / "flat").rename(tmp_path / "h")
    assert "groups need people's names, and held-out photos have none; name the people" in refused(tmp_path, where)


def test_a_column_of_groups_in_a_manifest(tmp_path: Path) -> None:
    rows = [
        ("a1.jpg", "ann", "training", "north"),
        ("a2.jpg", "ann", "unseen", ""),
        ("b1.jpg", "bob", "training", " "),
        ("e1.jpg", "eve", "heldout", "south"),
        ("g1.jpg", "", "generated", "samples"),
    ]
    path = manifest(tmp_path / "m.csv", rows)
    assert groups_of(open_source(path, role="training")) == {"ann": "north", "eve": "south"}
    settings = AuditSettings(training=path, heldout=path, generated=path)
    roles: tuple[Role, ...] = ("training", "unseen", "heldout")
    sources = {role: open_source(path, role=role) for role in roles}
    assert find_groups(sources, settings, Silent()).of == {"ann": "north", "bob": NO_GROUP, "eve": "south"}
    where = table(tmp_path, "person,group\nbob,north\nann,north\n")
    assert find_groups(sources, settings.model_copy(update={"groups": where}), Silent()).of["bob"] == "north"
    where = table(tmp_path, "person,group\nann,south\n")
    with pytest.raises(InputError, match=r"ann has group south, and north in .*m.csv; give each person one group"):
        find_groups(sources, settings.model_copy(update={"groups": where}), Silent())


def test_two_groups_of_a_person_in_a_manifest_matter_to_audits_only(tmp_path: Path) -> None:
    path = manifest(tmp_path / "m.csv", [("1.jpg", "ann", "1999"), ("2.jpg", "ann", "2004")], "path,person,group")
    source = open_source(path)
    assert [photo.person for photo in source.photos] == ["ann", "ann"]
    with pytest.raises(InputError, match=r"m.csv: ann has group 1999 in row 2 and 2004 in row 3; give each person one"):
        groups_of(source)
    assert groups_of(open_source(path, named=False)) == {}


def test_a_column_of_groups_without_names_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path / "m.csv", [("1.jpg", "x")], "path,group")
    with pytest.raises(InputError, match="row 2 has the group x and no person; name the people, or remove the column"):
        groups_of(open_source(path))


def test_a_column_of_groups_beside_an_image_column(tmp_path: Path) -> None:
    def write(**columns: Any) -> Path:
        pq.write_table(pa.table({"image": [b"a", b"b", b"c"], "person": ["ann", "bob", "ann"], **columns}), path)
        return path

    path = tmp_path / "set.parquet"
    assert groups_of(open_source(write(group=["north", None, "north"]))) == {"ann": "north"}
    assert groups_of(open_source(write(group=[1, 2, 1]))) == {"ann": "1", "bob": "2"}
    with pytest.raises(InputError, match=r"set.parquet: ann has group north in row 1 and south in row 3"):
        groups_of(open_source(write(group=["north", "", "south"])))
    source = open_source(write(group=[[1], [2], [3]]))
    with pytest.raises(InputError, match=r"set.parquet: column group is of type list.*; write it as text"):
        groups_of(source)
    assert groups_of(open_source(write())) == {}


def test_a_split_keeps_the_groups(tmp_path: Path) -> None:
    rows = [(f"{n}.jpg", f"p{n}", "north" if n % 2 else "") for n in range(8)]
    path = manifest(tmp_path / "all.csv", rows, "path,person,group")
    done = CliRunner().invoke(app, ["split", str(path), "--out", str(tmp_path / "split.csv")])
    assert done.exit_code == 0, done.output
    kept = open_source(tmp_path / "split.csv", role="heldout")
    assert groups_of(kept) == {f"p{n}": "north" for n in (1, 3, 5, 7)}


# --- p-values within groups -----------------------------------------------------------------------------------------


class AsTold:
    """An attack whose score is the photo's first number."""

    id, needs_reference = "as-told/1", False

    def prepare(self, *_: object) -> Any:
        def score(faces: Faces) -> np.ndarray:
            return faces.embeddings[:, 0, 0].astype(float)

        return score


def crowd(scores: Mapping[str, float]) -> Crowd:
    names, n = list(scores), len(scores)
    x = np.array([[scores[name], np.sqrt(1 - scores[name] ** 2)] for name in names], np.float32)
    pictures, sha256 = np.zeros((n, 2, 48, 48), np.uint8), tuple(name.encode() for name in names)
    held = Embedded(tuple(Photo(name, name) for name in names), sha256, x, pictures, np.ones(n, np.int32), (), n)
    return Crowd(held, group(held))


def view_of(members: Mapping[str, float], strangers: Mapping[str, float]) -> View:
    """People `north-0`, ... of group north, with their scores."""
    samples = photos_of(crowd({"s": 1.0}).table)
    of = {name: name.rpartition("-")[0] for name in (*members, *strangers)}
    return View("by hand", crowd(members), None, crowd(strangers), samples, groups=of)


def people(kind: str, scores: Any, start: int = 0) -> dict[str, float]:
    return {f"{kind}-{n:03d}": float(score) for n, score in enumerate(scores, start)}


def nobody_is_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks are then those of the scores as they are."""
    monkeypatch.setattr("probablyexists.matching.commonness.N_ALIKE", 0)


def test_members_are_ranked_among_people_of_their_group(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_is_common(monkeypatch)
    # Strangers of the compact group score 0.5 to 0.9, of the varied one 0 to 0.4.
    strangers = people("compact", np.linspace(0.5, 0.9, 60), 100) | people("varied", np.linspace(0.0, 0.4, 60), 100)
    members = people("compact", [0.7, 0.95]) | people("varied", [0.2, 0.45])
    view = view_of(members, strangers)
    named = name_people(view, view.scorers([AsTold()]), 0.2)
    assert named.compared_with == ("compact", "compact", "varied", "varied")
    assert named.p == pytest.approx([31 / 61, 1 / 61, 31 / 61, 1 / 61])
    assert named.exposed.tolist() == [False, True, False, True]
    theirs = view.heldout.table.embeddings[:60, 0]
    assert named.exposure[1] == pytest.approx((0.95 - theirs.mean()) / theirs.std(ddof=1), abs=1e-4)
    said = naming(named, 120)
    assert [(s.group, s.photos, s.n_members, s.n_heldout) for s in said.strata] == [
        ("compact", 1, 2, 60),
        ("varied", 1, 2, 60),
    ]
    assert agreed([named, named]).exposed.tolist() == named.exposed.tolist()
    # A sample as near as 0.6 would expose a varied member, and is nothing special among the compact.
    shown, _ = likenesses(named, view.training.table.embeddings[[3]])
    assert shown.tolist() == [3]
    pooled = name_people(View("", view.training, None, view.heldout, view.samples), view.scorers([AsTold()]), 0.2)
    assert (pooled.compared_with, pooled.p[3]) == (None, pytest.approx(61 / 121))


def test_small_groups_are_put_together_with_the_smallest_other() -> None:
    strangers = people("large", np.linspace(0, 0.5, 80)) | people("mid", np.linspace(0, 0.5, 60))
    strangers |= people("small", np.linspace(0, 0.5, 5)) | people("nobody", np.linspace(0, 0.5, 10))
    members = people("large", np.full(6, 0.1), 200) | people("mid", [0.2], 200) | people("small", [0.3], 200)
    view = view_of(members, strangers)
    named = name_people(view, view.scorers([AsTold()]), 0.2)
    assert named.compared_with == ("large",) * 6 + (None, None)
    by_group = {name[0]: scores.size for name, scores in named.heldout_scores.items()}
    assert by_group == {"large": 80, None: 60 + 5 + 10}


def test_one_exposed_person_stays_nameable() -> None:
    # 10 members at q 0.05: 199 held-out people name a single exposed one, 150 do not.
    assert enough_alike(199, 500, 10, 0.05)
    assert not enough_alike(150, 500, 10, 0.05)
    # 400 members need 8 of 1,000 held out; 40 of them, a tenth, need 199.
    assert enough_alike(199, 1000, 400, 0.05)
    assert not enough_alike(198, 1000, 400, 0.05)


def test_a_leak_in_one_group_names_nobody_of_another_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_is_common(monkeypatch)
    # Over all members, 20 at the floor would let a p-value of 1 % pass: 1 of 100 people of the quiet group.
    strangers = people("loud", np.linspace(0, 0.4, 500)) | people("quiet", np.linspace(0, 0.4, 500))
    members = people("loud", [0.9] * 40 + [0.1] * 60, 600) | people("quiet", [0.39925] + [0.1] * 99, 600)
    view = view_of(members, strangers)
    named = name_people(view, view.scorers([AsTold()]), 0.05)
    assert named.p[100] == pytest.approx(2 / 501)
    assert benjamini_hochberg(named.p)[100] <= 0.05
    assert not named.exposed[100:].any()
    assert named.exposed[:100].sum() == 40


def test_false_matches_are_given_for_each_group_at_one_threshold() -> None:
    """Compact: people of cosine about 0.7 with one another; varied: about 0."""
    draw = np.random.default_rng(5)
    rows: list[tuple[str, np.ndarray]] = []
    for kind, spread in (("compact", 0.55), ("varied", 1.0)):
        shift = np.eye(32)[0] * np.sqrt(32 * (1 - spread**2))
        for n in range(80):
            person = shift + spread * draw.standard_normal(32)
            rows += [(f"{kind}-{n:03d}", person + 0.35 * draw.standard_normal(32)) for _ in range(2)]
    x = np.array([row for _, row in rows], np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    photos = tuple(Photo(f"{name}/{i}", name) for i, (name, _) in enumerate(rows))
    sha256 = tuple(photo.path.encode() for photo in photos)
    held = Embedded(photos, sha256, x, np.zeros((len(x), 2, 48, 48), np.uint8), np.ones(len(x), np.int32), (), len(x))
    everybody = Crowd(held, group(held))
    members, strangers = (everybody.some(np.arange(start, 160, 2)) for start in (0, 1))
    of = {name: name[:-4] for name in everybody.people.names}
    view = View("drawn", members, None, strangers, photos_of(held.take(np.arange(4))), groups=of)
    scorers = view.scorers([NearestSample()])
    none = Unresolvable("not asked")
    at_one_percent = ErrorRates(kind="fmr-1-percent", name="", threshold=0.85, fmr=none, fnmr=none)
    everybodys = Trust(recogniser="", judges=True, trained_on=None, overlaps=[], photos=1, rates=[at_one_percent])
    compact, varied = group_findings(view, scorers[0], name_people(view, scorers, 0.05), everybodys, 0)
    assert (compact.group, compact.n_members, varied.n_heldout, varied.n_named) == ("compact", 40, 40, 0)
    assert isinstance(compact.fmr, Estimate)
    assert isinstance(varied.fmr, Estimate)
    assert compact.fmr.low > 0.0
    assert varied.fmr.value == 0.0
    assert isinstance(compact.fnmr, Estimate)
    assert compact.fnmr.n == 40
    few = everybodys.model_copy(update={"rates": []})
    assert all(
        isinstance(figure, Unresolvable)
        for one in group_findings(view, scorers[0], name_people(view, scorers, 0.05), few, 0)
        for figure in (one.fmr, one.fnmr)
    )


# --- whole audits ---------------------------------------------------------------------------------------------------


def of_person(n: int) -> str:
    return "odd" if n % 2 else "even"


@pytest.fixture(scope="module")
def grouped(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path]:
    """The world's audit with a table of people: even and odd numbers."""
    root = tmp_path_factory.mktemp("grouped")
    rows = "".join(f"person-{n:04d},{of_person(n)}\n" for n in range(MEMBERS + HELDOUT))
    where = table(root, "person,group\n" + rows)
    out = root / "audit"
    options = ["--training", world.training, "--heldout", world.heldout, "--unseen", world.unseen]
    options += ["--generated", world.leaking, "--groups", where, "--level", 0.1, "--show-names"]
    done = CliRunner().invoke(app, ["audit", *map(str, [*options, "--out", out])])
    assert done.exit_code == 0, done.output
    return Findings.read(out / "findings.json"), root


def test_an_audit_with_a_table_of_people(world: World, grouped: tuple[Findings, Path]) -> None:
    findings, _ = grouped
    assert [(one.group, one.n_members, one.n_heldout, one.within) for one in findings.groups] == [
        ("even", 6, 35, True),
        ("odd", 6, 35, True),
    ]
    assert sum(1 for _ in world.planted) == PLANTED
    rows = findings.people.to_pylist()
    assert all(row["group"] == of_person(int(row["person"][-4:])) for row in rows)
    named = [row for row in rows if row["exposed"]]
    assert {row["person"] for row in named} >= world.planted
    assert [one.n_named for one in findings.groups] == [
        sum(row["group"] == g for row in named) for g in ("even", "odd")
    ]
    assert [stratum.group for stratum in findings.naming.strata] == ["even", "odd"]
    for one in findings.groups:
        assert list(one.auroc) == ["seen photos", "unseen photos"]
        assert all(isinstance(figure, Estimate) and figure.value > 0.5 for figure in one.auroc.values())
        assert isinstance(one.fmr, Estimate)
        assert isinstance(one.fnmr, Estimate)
        assert 30 < one.fmr.n <= 35
    assert findings.signature.settings["groups"] == str(grouped[1] / "people.csv")


def test_an_audit_with_a_column_of_groups_says_the_same(
    world: World, grouped: tuple[Findings, Path], tmp_path: Path
) -> None:
    rows = [
        (str(path), path.parent.name, role, of_person(int(path.parent.name[-4:])))
        for role in ("training", "unseen", "heldout")
        for path in sorted(getattr(world, role).glob("*/*.jpg"))
    ]
    path = tmp_path / "m.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "person", "role", "group"), *rows])
    findings = probablyexists.audit(path, path, world.leaking, unseen=path, show_names=True, level=0.1)
    assert findings.groups == grouped[0].groups
    assert findings.people == grouped[0].people


def test_groups_too_small_to_be_compared_alone_are_pooled_and_said(world: World, cache: Path, tmp_path: Path) -> None:
    where = table(tmp_path, "person,group\nperson-0000,<b>few</b>\nperson-0012,<b>few</b>\nperson-0099,x\n")
    findings = probablyexists.audit(world.training, world.heldout, world.leaking, groups=where)
    few, rest = sorted(findings.groups, key=lambda one: one.n_members)
    assert (few.group, few.n_members, few.n_heldout, few.within) == ("<b>few</b>", 1, 1, False)
    assert (rest.group, rest.n_members, rest.n_heldout, rest.within) == (NO_GROUP, 11, 69, False)
    assert isinstance(few.auroc["seen photos"], Unresolvable)
    assert isinstance(few.fmr, Unresolvable)
    plain = probablyexists.audit(world.training, world.heldout, world.leaking)
    assert findings.people.drop_columns("group") == plain.people.drop_columns("group")
    assert plain.people["group"].to_pylist() == [None] * MEMBERS
    assert plain.groups == []
    assert [text for text in findings.cautions if text.startswith("groups: ")] == [
        "groups: 11 members and 69 held-out people have no group, and are the group 'no group given'",
        "groups: 1 person with a group has no photos in any role, and count nowhere",
    ]


def test_bad_groups_stop_an_audit_before_it_embeds(world: World, tmp_path: Path) -> None:
    where = table(tmp_path, "person,group\nperson-0000,a\nperson-0000,b\n")
    options = ["--training", world.training, "--heldout", world.heldout, "--generated", world.leaking]
    for more in (["--out", tmp_path / "out"], ["--out", tmp_path / "out", "--dry-run"]):
        done = CliRunner().invoke(app, ["audit", *map(str, [*options, "--groups", where, *more])])
        assert isinstance(done.exception, InputError)
        assert "person-0000 has group a in row 2 and b in row 3" in done.exception.on_command_line
