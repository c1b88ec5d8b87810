"""The page's server: who may come in, what it answers, and what it never does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import probablyexists
from drawn_world import World, made_once
from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Silent
from probablyexists.demo import drawn_samples
from probablyexists.results.findings import Findings
from probablyexists.showing import people_pages
from probablyexists.showing.front import about_sample
from probablyexists.showing.serve import opened_audit
from probablyexists.showing.small_pictures import source_reader
from probablyexists.showing.wall import wall
from shown_page import Page, served


@pytest.fixture(scope="session")
def looked_at(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit. For reading only."""

    def make(folder: Path) -> None:
        probablyexists.audit(world.training, world.heldout, world.leaking, unseen=world.unseen, out=folder)

    return made_once(tmp_path_factory, "looked-at", make)


@pytest.fixture(scope="module")
def page(looked_at: Path) -> Iterator[Page]:
    with served(looked_at) as page:
        yield page


def face(page: Page, at: int, order: str) -> dict[str, object]:
    status, _, body = page.ask(f"face?order={order}&at={at}")
    assert status == 200
    return dict(json.loads(body))


def test_the_page_answers_with_its_headers_closed(page: Page) -> None:
    status, headers, body = page.ask("")
    assert status == 200
    assert b"probablyexists" in body
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.parametrize("token", ["", "x", "x" * 32, "%2e%2e", "a/../b"])
def test_without_the_token_nobody_comes_in(page: Page, token: str) -> None:
    for path in ("", "face", "people", "picture/sample/0/160", "static/show.css"):
        assert page.ask(path, token=token)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", ""])
def test_a_name_that_was_pointed_at_this_machine_is_refused(page: Page, host: str) -> None:
    assert page.ask("", Host=host.format(port=page.port))[0] == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_what_another_page_sends_is_refused(page: Page, origin: str) -> None:
    assert page.ask("ask", "POST", b"x", Origin=origin.format(port=page.port))[0] == 403
    assert page.ask("ask", "POST", b"x")[0] == 403


def test_what_another_page_asks_for_is_refused(page: Page) -> None:
    assert page.ask("picture/sample/0/160", Sec_Fetch_Site="cross-site")[0] == 403
    assert page.ask("picture/sample/0/160", Sec_Fetch_Site="same-origin")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "static/../server.py",
        "static/..%2fserver.py",
        "static/%2e%2e/door.py",
        "static/show.py",
        "picture/sample/..%2f..%2fetc/160",
        "picture/sample/999999999/160",
        "picture/sample/0/161",
        "picture/person/0/training/99999/160",
        "picture/person/0/generated/0/160",
        "picture/person/0/..%2f/0/160",
        "people/99999",
        "samples/99999",
        "face?at=99999",
        "nowhere",
    ],
)
def test_what_is_not_there_is_one_page_and_no_file(page: Page, path: str) -> None:
    status, headers, body = page.ask(path)
    assert status == 404
    assert b"Traceback" not in body
    assert headers["cache-control"] == "no-store"


def test_no_method_but_get_and_post(page: Page) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert page.ask("", method)[0] in (403, 405)


def test_a_body_too_large_is_refused_before_it_is_read(page: Page) -> None:
    assert page.ask("ask", "POST", Origin=f"http://127.0.0.1:{page.port}", Content_Length=str(2**31))[0] == 413


def test_a_thousand_requests_at_once_are_all_answered(page: Page) -> None:
    paths = [("", "face?at=1", "people", f"picture/sample/{i % 50}/160")[i % 4] for i in range(1000)]
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(lambda path: page.ask(path)[0], paths)) == {200}


def test_the_server_listens_on_this_machine_alone_and_calls_nobody(page: Page) -> None:
    page.ask("")
    inodes = set()
    for link in Path(f"/proc/{page.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(os.readlink(link))
    here, found = {"0100007F"}, 0
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{page.pid}/net/{table}").read_text().splitlines()[1:]:
            local, inode = line.split()[1], line.split()[9]
            if f"socket:[{inode}]" in inodes:
                found += 1
                assert local.split(":")[0] in here
    assert found >= 1


def test_every_sample_with_a_face_is_gone_through_once(page: Page, looked_at: Path) -> None:
    findings = Findings.read(looked_at)
    for order, kinds in (
        ("random", {"none", "likeness", "copy"}),
        ("likeness", {"none", "likeness"}),
        ("copies", {"copy"}),
    ):
        first = face(page, 0, order)
        rows = [face(page, at, order)["row"] for at in range(int(str(first["n"])))]
        assert len(rows) == len(set(rows))
        found = [findings.samples["kind"][row].as_py() for row in rows]
        assert set(found) == kinds
        if order == "copies":
            assert len(rows) == findings.samples["kind"].to_pylist().count("copy")


def test_a_likeness_and_a_copy_are_shown_beside_the_right_person(page: Page, looked_at: Path) -> None:
    findings = Findings.read(looked_at)
    person_of = dict(zip(findings.samples["sample"].to_pylist(), findings.samples["person"].to_pylist(), strict=True))
    for order in ("likeness", "copies"):
        shown = face(page, 0, order)
        person = shown["person"]
        assert isinstance(person, dict)
        assert person["name"] == person_of[str(shown["name"])]
    said = f"This picture reproduces a training photo of {person['name']} (pixel correlation "
    assert str(face(page, 0, "copies")["sentence"]).startswith(said)


def test_a_stranger_is_nobody_we_were_given(page: Page) -> None:
    n = int(str(face(page, 0, "likeness")["n"]))
    last = face(page, n - 1, "likeness")
    assert last["person"] is None
    assert last["heading"] == "Nobody we were given"


def test_pictures_are_small_jpeg_files(page: Page) -> None:
    for path in ("picture/sample/0/160", "picture/person/0/training/0/160", "picture/person/0/unseen/1/512"):
        status, headers, body = page.ask(path)
        assert (status, headers["content-type"], body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")


def test_where_photos_are_gone_the_page_says_so_and_the_rest_is_shown(looked_at: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        probablyexists.show(looked_at, training=tmp_path / "gone", browse=False)


def test_who_could_not_be_judged_is_not_said_to_be_as_exposed_as_strangers(world: World, tmp_path: Path) -> None:
    for folder in sorted(world.heldout.iterdir())[:20]:
        shutil.copytree(folder, tmp_path / "heldout" / folder.name)
    findings = probablyexists.audit(world.training, tmp_path / "heldout", world.leaking, out=tmp_path / "audit")
    opened = opened_audit(tmp_path / "audit", {"training": None, "generated": None}, Silent())
    unjudged = findings.samples.filter(pc.is_valid(findings.samples["unjudged"])).to_pylist()
    assert unjudged
    for sample in unjudged:
        row = next(i for i, one in enumerate(opened.people) if one["person"] == sample["unjudged"])
        about = people_pages.person(opened, row)
        assert about["evidence"].partition(" (")[0].lower().endswith("neither named nor cleared")
        assert sample["sample"] in about["unjudged"]
        here = findings.samples["sample"].to_pylist().index(sample["sample"])
        assert "cannot tell whether that is chance" in about_sample(opened, here)["sentence"]


def test_samples_that_a_generator_drew_are_not_drawn_again_unasked(world: World, tmp_path: Path) -> None:
    (tmp_path / "drawer.py").write_text("import numpy as np\n\ndef draw(seeds):\n    raise SystemExit('run')\n")
    findings = probablyexists.audit(world.training, world.heldout, world.honest, out=tmp_path / "audit")
    settings = findings.signature.settings | {"generator": "drawer:draw", "generated": "drawer:draw"}
    signature = findings.signature.model_copy(update={"settings": settings})
    Findings.read(tmp_path / "audit").model_copy(update={"signature": signature}).write(tmp_path / "audit")
    with served(tmp_path / "audit") as page:
        assert page.ask("picture/sample/0/160")[0] == 404
        assert b"pictures of the samples are not here" in page.ask("")[2]
        assert page.ask("picture/person/0/training/0/160")[0] == 200


def test_the_demos_samples_are_drawn_again_for_the_page() -> None:
    with drawn_samples(seed=3) as samples:
        read = source_reader(samples)
        first, again = read("seed-30000000.png"), read("seed-30000000.png")
        assert isinstance(first, bytes)
        assert first == again != read("seed-30000001.png")
        assert isinstance(read("../seed-30000000.png"), ImageError)


def test_pictures_whose_names_are_not_utf8_are_shown(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.honest, tmp_path / "samples")
    shutil.copytree(world.training, tmp_path / "training")
    odd = os.fsdecode(b"odd-\xff.jpg")
    (tmp_path / "samples" / "s000.jpg").rename(tmp_path / "samples" / odd)
    (tmp_path / "training" / "person-0000" / "000.jpg").rename(tmp_path / "training" / "person-0000" / odd)
    roles = tmp_path / "training", world.heldout, tmp_path / "samples"
    probablyexists.audit(*roles, out=tmp_path / "audit")
    opened = opened_audit(tmp_path / "audit", {"training": None, "generated": None}, Silent())
    every = [("generated", opened.sample_path(row)) for row in range(opened.n_samples)]
    every += [("training", path) for one in opened.people for path in opened.photo_paths(one["person"])]
    assert {role for role, path in every if path.endswith(odd)} == {"generated", "training"}
    assert all(opened.pictures.jpeg(role, path, 160) for role, path in every)


def test_a_folder_without_what_show_needs_is_one_line(looked_at: Path, tmp_path: Path) -> None:
    for name in ("findings.json", "samples.parquet", "photos.parquet"):
        (tmp_path / name).write_bytes((looked_at / name).read_bytes())
    with pytest.raises(InputError, match=r"nearest\.parquet: does not exist, and show needs it"):
        probablyexists.show(tmp_path, browse=False)
    (tmp_path / "nearest.parquet").write_bytes((looked_at / "nearest.parquet").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"nearest\.parquet: cannot be used"):
        probablyexists.show(tmp_path, browse=False)


def test_files_of_another_audit_are_refused(looked_at: Path, world: World, tmp_path: Path) -> None:
    probablyexists.audit(world.training, world.heldout, world.honest, out=tmp_path)
    (tmp_path / "nearest.parquet").write_bytes((looked_at / "nearest.parquet").read_bytes())
    with pytest.raises(InputError, match=r"of another audit than samples\.parquet"):
        probablyexists.show(tmp_path, browse=False)


def test_what_names_people_is_the_owners_alone(looked_at: Path) -> None:
    for name in ("nearest.parquet", "photos.parquet"):
        assert (looked_at / name).stat().st_mode & 0o077 == 0


def test_ctrl_c_ends_it_with_code_0_and_without_a_word(looked_at: Path) -> None:
    command = [sys.executable, "-m", "probablyexists", "show", str(looked_at), "--no-browser", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        assert server.stderr.read() == ""


def test_a_port_that_is_taken_is_one_line(page: Page, looked_at: Path) -> None:
    with pytest.raises(InputError, match=f"port.*{page.port}.*cannot be used"):
        probablyexists.show(looked_at, port=page.port, browse=False)


def test_a_probable_copy_is_called_so_on_the_page_as_in_the_report(looked_at: Path) -> None:
    opened = opened_audit(looked_at, {"training": None, "generated": None}, Silent())
    samples = opened.findings.samples
    is_copy = pc.equal(samples["kind"], "copy")
    less = pc.if_else(is_copy, pa.scalar(0.93, samples.schema.field("similarity").type), samples["similarity"])
    at = samples.schema.get_field_index("similarity")
    probable = samples.set_column(at, samples.schema.field(at), less)
    unsure = replace(opened, findings=opened.findings.model_copy(update={"samples": probable}))
    row = int(np.flatnonzero(opened.kind == 2)[0])
    person = samples["person"][row].as_py()
    member = next(i for i, one in enumerate(opened.people) if one["person"] == person)
    for audit, tag, heading, copied in (
        (opened, "copy", "This person exists", "are copied"),
        (unsure, "probable copy", "This person probably exists", "are probably copied"),
    ):
        about = about_sample(audit, row)
        assert (about["tag"], about["heading"]) == (tag, heading)
        assert next(one["tag"] for one in wall(audit, "copies", 0)["samples"] if one["row"] == row) == tag
        assert copied in people_pages.person(audit, member)["evidence"]
        rows = people_pages.table(audit, people_pages.Asked())["rows"]
        assert next(one["why"] for one in rows if one["person"] == person) == copied.removeprefix("are ")


def test_the_owner_finds_who_a_pseudonym_is_without_another_audit(world: World, tmp_path: Path) -> None:
    """Even where the photos are gone: their paths are kept for the owner alone."""
    training = shutil.copytree(world.training, tmp_path / "training")
    probablyexists.audit(training, world.heldout, world.leaking, out=tmp_path / "audit")
    shutil.rmtree(training)
    with served(tmp_path / "audit") as page:
        body = page.ask("people/0")[2].decode()
        assert "The photos are not where the audit read them" in body
        name = Findings.read(tmp_path / "audit").people["person"][0].as_py()
        assert name.startswith("P-")
        assert re.search(r"<code>person-\d{4}/\d+\.jpg</code>", body)
    report = (tmp_path / "audit" / "report.html").read_text()
    assert "<code>photos.parquet</code>" in report
    assert not re.search(r"person-\d{4}", report)
