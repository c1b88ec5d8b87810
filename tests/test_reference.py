"""`reference`: people for those who have none, from a public set in scikit-learn's layout. No test has a network."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from email.message import Message
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.error import HTTPError, URLError

import joblib
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.sources import public_sets
from probablyexists.sources.open_source import left_of, open_source

PEOPLE = 20


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lfw_funneled/` with twenty drawn people, one or two photos each, as scikit-learn unpacks it. For reading."""
    folder = tmp_path_factory.mktemp("sets") / "lfw_funneled"
    for number in range(PEOPLE):
        name = f"Drawn_Person_{chr(65 + number)}"
        (folder / name).mkdir(parents=True)
        for photo in range(1, 3 if number < 5 else 2):
            picture = Image.fromarray(draw_photo(draw_person(0, number), photo, 96))
            picture.save(folder / name / f"{name}_{photo:04d}.jpg")
    (folder / "pairs_01.txt").write_text("10\t300\n")
    return folder


def faces(people: int) -> Any:
    """As Olivetti's rows: a picture of noise each, 64 x 64 grey, column by column."""
    return np.random.default_rng(0).integers(0, 256, (10 * people, 64 * 64), dtype=np.uint8)


def reference(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["reference", *map(str, arguments)])


def refused(*arguments: object) -> str:
    result = reference(*arguments)
    assert isinstance(result.exception, ProbablyExistsError), result.output
    return result.exception.on_command_line


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", ["data home", "lfw_home", "unpacked", "packed", "half unpacked"])
def test_a_copy_of_scikit_learns_folder_gives_reference_people_offline(lfw: Path, tmp_path: Path, layout: str) -> None:
    home = tmp_path / "scikit_learn_data" / "lfw_home"
    given = {"data home": home.parent, "lfw_home": home, "unpacked": home / lfw.name}.get(layout, home)
    if layout in ("packed", "half unpacked"):
        home.mkdir(parents=True)
        with tarfile.open(home / "lfw-funneled.tgz", "w:gz") as archive:
            archive.add(lfw, lfw.name)
        if layout == "half unpacked":  # scikit-learn was stopped, and takes what is there for whole
            shutil.copytree(lfw / "Drawn_Person_A", home / lfw.name / "Drawn_Person_A")
    else:
        shutil.copytree(lfw, home / lfw.name)
    done = reference("lfw", "--from", given, "--out", tmp_path / "R", "-q")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"20 people, 25 photos in {tmp_path / 'R'}; terms: {tmp_path / 'R' / 'TERMS.txt'}\n"
    assert "It states no licence" in done.stderr
    written = files(tmp_path / "R")
    assert "It states no licence" in written.pop("TERMS.txt").decode()
    assert written == {name: data for name, data in files(lfw).items() if name.endswith(".jpg")}
    assert (tmp_path / "R").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("file", ["olivetti_py3.pkz", "olivettifaces.mat"])
def test_olivetti_is_read_from_what_scikit_learn_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    kept = tmp_path / "home" / file
    kept.parent.mkdir()
    rows = faces(2)
    if file.endswith(".pkz"):
        joblib.dump(rows, kept, compress=6)
    else:
        savemat(kept, {"faces": rows.T})
        assert "is not the file that scikit-learn fetches" in refused("olivetti", "--from", kept, "--out", "R")
        monkeypatch.setattr(public_sets, "OLIVETTI_SHA256", public_sets.sha256_file(kept))
    done = reference("olivetti", "--from", kept.parent, "--out", tmp_path / "R", "--json")
    assert json.loads(done.stdout) == {"out": str(tmp_path / "R"), "people": 2, "photos": 20, "set_aside": {}}
    assert "give credit to AT&T Laboratories Cambridge" in done.stderr
    photo = np.asarray(Image.open(tmp_path / "R" / "person-01" / "00011.png"))
    assert np.array_equal(photo, rows[11].reshape(64, 64).T)


def test_a_pickle_in_the_folder_runs_no_code(tmp_path: Path) -> None:
    """The file that scikit-learn would open with joblib.load, which runs what it holds."""

    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, (f"open({str(tmp_path / 'harm')!r}, 'w').close()",)

    joblib.dump([Harm(), faces(1)], tmp_path / "olivetti_py3.pkz", compress=6)
    assert reference("olivetti", "--from", tmp_path, "--out", tmp_path / "R").exit_code == 0
    assert not (tmp_path / "harm").exists()
    joblib.load(tmp_path / "olivetti_py3.pkz")
    assert (tmp_path / "harm").exists()  # it would have
    for damage in (b"", b"x", (tmp_path / "olivetti_py3.pkz").read_bytes()[:2000]):
        (tmp_path / "olivetti_py3.pkz").write_bytes(damage)
        assert "is not as scikit-learn keeps" in refused("olivetti", "--from", tmp_path, "--out", tmp_path / "S")


@pytest.fixture
def figshare(lfw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that scikit-learn's own fetchers ask for come from here; their names, as they are asked for."""
    asked: list[str] = []

    def remote(file: Any, dirname: str, **_: Any) -> str:
        asked.append(file.filename)
        path = Path(dirname) / file.filename
        if path.suffix == ".tgz":
            with tarfile.open(path, "w:gz") as archive:
                archive.add(lfw, lfw.name)
        elif path.suffix == ".mat":
            savemat(path, {"faces": faces(40).T})
        else:
            path.touch()
        return str(path)

    monkeypatch.setenv("PROBABLYEXISTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(public_sets, "_HARDLY_ANY", 2)  # LFW has people with 500 photos
    for module in ("_lfw", "_olivetti_faces"):
        monkeypatch.setattr(f"sklearn.datasets.{module}._fetch_remote", remote)
    return asked


def test_a_set_is_fetched_once_by_scikit_learn(lfw: Path, tmp_path: Path, figshare: list[str]) -> None:
    for name in "RS":
        done = reference("lfw", "--out", tmp_path / name)
        assert done.stdout.startswith("20 people, 25 photos in ")
    assert figshare.count("lfw-funneled.tgz") == 1
    assert files(tmp_path / "R") == files(tmp_path / "S")
    assert files(tmp_path / "R").keys() - {"TERMS.txt"} == {n for n in files(lfw) if n.endswith(".jpg")}
    for name in "OP":
        done = reference("olivetti", "--out", tmp_path / name)
        assert done.stdout.startswith("40 people, 400 photos in ")
        assert "downloading" not in done.stdout  # scikit-learn prints it there
    assert figshare.count("olivettifaces.mat") == 1
    as_fetched, as_kept = (np.asarray(Image.open(tmp_path / n / "person-39" / "00390.png")) for n in "OP")
    assert np.abs(as_fetched.astype(int) - as_kept).max() <= 1


def test_a_set_that_cannot_be_fetched_is_one_line_and_leaves_nothing(
    tmp_path: Path, figshare: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instead = (
        "try again later; or give ask people of your own, --reference FOLDER: 20 people or more (for blind 50), one "
        "sub-folder of photos for each; or a copy of scikit-learn's folder, --from FOLDER"
    )
    for error, said in (
        (URLError("no\nroute"), "there is no connection (<urlopen error no route>)"),
        (TimeoutError("too slow"), "there is no connection (too slow)"),
        (HTTPError("", 403, "Forbidden", Message(), None), "cannot be fetched (HTTP Error 403: Forbidden)"),
        (OSError("another\nhash"), "cannot be fetched (another hash)"),
    ):
        fetched = Mock(side_effect=error)
        monkeypatch.setattr("sklearn.datasets._lfw._fetch_remote", fetched)
        assert refused("lfw", "--out", tmp_path / "R") == f"set lfw: {said}; {instead}"
    monkeypatch.setattr("sklearn.datasets._lfw._fetch_remote", lambda *_, **__: nothing_left())
    assert "free some space, or set PROBABLYEXISTS_CACHE" in refused("lfw", "--out", tmp_path / "R")
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def nothing_left() -> None:
    raise OSError(28, "No space left on device")


def test_a_reference_is_replaced_only_when_asked_and_nothing_else_ever_is(lfw: Path, tmp_path: Path) -> None:
    given = ("lfw", "--from", lfw, "--out", tmp_path / "R")
    assert reference(*given).exit_code == 0
    (tmp_path / "R" / "Drawn_Person_A" / "mine.jpg").touch()
    assert "already holds lfw of 20" in refused(*given)
    assert reference(*given, "--overwrite").exit_code == 0
    assert not (tmp_path / "R" / "Drawn_Person_A" / "mine.jpg").exists()
    other = tmp_path / "photos"
    other.mkdir()
    (other / "a.txt").touch()
    said = refused("lfw", "--from", lfw, "--out", other, "--overwrite")
    assert "is not empty and holds no earlier reference; give another folder" in said
    assert "is a file; give a folder" in refused("lfw", "--from", lfw, "--out", other / "a.txt")
    assert "is below a file" in refused("lfw", "--from", lfw, "--out", other / "a.txt" / "R")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["R", "photos"]


def test_a_reference_that_was_stopped_leaves_the_earlier_one(
    lfw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("lfw", "--from", lfw, "--out", tmp_path / "R")
    assert reference(*given).exit_code == 0
    before = files(tmp_path / "R")
    for stopped_at in ("rename", "replace"):
        with monkeypatch.context() as patch:
            owner = Path if stopped_at == "rename" else __import__("os")
            patch.setattr(owner, stopped_at, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            reference(*given, "--overwrite")
        again = refused(*given)  # which puts right what the stopped run left
        assert "already holds lfw" in again
        assert files(tmp_path / "R") == before
        assert [path.name for path in tmp_path.iterdir()] == ["R"]


def test_what_is_no_photo_of_the_set_is_left_out_and_said(lfw: Path, tmp_path: Path) -> None:
    home = tmp_path / "lfw_funneled"
    shutil.copytree(lfw, home)
    (home / "Drawn_Person_A" / "holiday.jpg").write_bytes(b"\xff\xd8")
    (home / "Drawn_Person_B" / "more.zip").touch()
    (home / "Drawn_Person_C" / "Drawn_Person_C_0003.jpg").symlink_to(tmp_path / "nowhere")
    done = reference("lfw", "--from", tmp_path, "--out", tmp_path / "R")
    assert done.stdout.startswith(f"20 people, 25 photos in {tmp_path / 'R'}; unreadable: 1; terms: ")
    assert "1 image is not named as LFW's are (such as Drawn_Person_A/holiday.jpg); they are left out" in done.stderr
    assert "1 archive is not opened" in done.stderr
    assert "no copy of the set" in refused("lfw", "--from", tmp_path / "R" / "Drawn_Person_A", "--out", tmp_path / "S")
    assert "does not exist" in refused("olivetti", "--from", tmp_path / "none", "--out", tmp_path / "S")
    assert not (tmp_path / "S").exists()


def test_asking_without_reference_people_says_where_to_get_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from probablyexists.cli.main import main

    for command in (["ask", "a.jpg"], ["blind"]):
        given = [*command, "--generated", str(tmp_path), "--out", str(tmp_path / "o")]
        monkeypatch.setattr(sys, "argv", ["probablyexists", *given])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert capfd.readouterr().err == (
            "probablyexists: missing option '--reference'; public people: probablyexists reference lfw --out R; see "
            f"probablyexists {command[0]} --help\n"
        )


def test_the_terms_beside_the_photos_are_no_photo(lfw: Path, tmp_path: Path) -> None:
    assert reference("lfw", "--from", lfw, "--out", tmp_path / "R").exit_code == 0
    source = open_source(tmp_path / "R", named=True)
    assert len({photo.person for photo in source.photos}) == PEOPLE
    assert left_of(source).not_read == ()
