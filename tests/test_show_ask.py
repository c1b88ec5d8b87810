"""Asking about a person on the page: the sheet of `ask`, nothing left behind, and what hostile senders get."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import probablyexists
from drawn_world import World
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.results.findings import Findings
from probablyexists.results.sheet import Sheet
from probablyexists.showing.asking import BUSY, Asking, question
from shown_page import Page, audit_of, form_of, served

SOON = 60.0
"""Seconds that a loaded machine may take."""


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where photos are put aside in this file: the folder of temporary files."""
    folder = tmp_path_factory.mktemp("aside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def audit(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit to write into."""
    return shutil.copytree(audit_of(world, tmp_path_factory), tmp_path_factory.mktemp("asked") / "audit")


@pytest.fixture(scope="module")
def page(audit: Path, aside: Path) -> Iterator[Page]:
    with served(audit) as page:
        yield page


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    """Two photos of a member whom the samples resemble, which no audit has seen."""
    return [jpeg(0, 700), jpeg(0, 701)]


def jpeg(person: int, photo: int) -> bytes:
    file = BytesIO()
    Image.fromarray(draw_photo(draw_person(0, person), photo, 128)).save(file, "JPEG", quality=92)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 3,600 million pixels."""
    file = BytesIO()
    Image.new("1", (8, 8)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def send(page: Page, *files: tuple[str, bytes]) -> tuple[int, dict[str, object]]:
    body, kind = form_of(*files)
    status, _, said = page.ask("ask", "POST", body, Origin=page.origin, Content_Type=kind)
    return status, json.loads(said)


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + SOON
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def answer(page: Page, n: object) -> dict[str, object]:
    """The state of a question once it is no longer worked on."""
    state: dict[str, object] = {}

    def over() -> bool:
        state.update(json.loads(page.ask(f"ask/{n}/state")[2]))
        return state["state"] != "working"

    until(over)
    return state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_asking_gives_the_sheet_that_ask_gives_and_keeps_nothing_but_on_request(
    page: Page, world: World, audit: Path, aside: Path, cache: Path, photos: list[bytes], tmp_path: Path
) -> None:
    stored = set(cache.rglob("part-*"))
    status, said = send(
        page,
        ("../../etc/me.jpg", photos[0]),
        ("C:\\photos\\<img src=x onerror=alert(1)>.jpg", photos[1]),
        ("bomb.png", bomb()),
        ("letter.jpg", b"not an image"),
        ("notes.txt", b"notes"),
        ("empty.png", b""),
    )
    assert (status, said) == (202, {"n": said["n"]})
    n = said["n"]

    held = next(aside.iterdir())
    assert mode(held) == 0o700
    assert {mode(photo) for photo in (held / "photos").iterdir()} == {0o600}
    assert send(page, ("me.jpg", photos[0])) == (409, {"error": BUSY})
    assert page.ask(f"ask/{n}")[0] == 404

    state = answer(page, n)
    assert state["state"] == "done"
    assert list(aside.iterdir()) == []
    new = [part.read_bytes() for part in set(cache.rglob("*.keys")) - stored]  # of tests that run beside this one
    of_photos = [hashlib.sha256(photo).digest() for photo in photos]
    assert not [one for one in of_photos for part in new if one in part or one.hex().encode() in part]
    assert sorted(audit.glob("asked/*")) == []

    for i, photo in enumerate(photos):
        (tmp_path / f"{i}.jpg").write_bytes(photo)
    same = probablyexists.ask([tmp_path / "0.jpg", tmp_path / "1.jpg"], world.leaking, world.heldout)
    assert state["sentence"] == same.sentence
    assert same.evidence == "evidence"
    rows = state["near"]
    assert isinstance(rows, list)
    names = Findings.read(audit).samples["sample"].to_pylist()
    assert [names[row] for row in rows] == [at.sample for at in same.nearest]
    assert state["lines"] == [
        "notes.txt: not used (not an image file)",
        "bomb.png: not used (too large)",
        "empty.png: not used (empty file)",
        "letter.jpg: not used (not an image)",
    ]

    status, headers, html = page.ask(f"ask/{n}")
    assert status == 200
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox"
    )
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["cache-control"] == "no-store"
    assert same.sentence.encode() in html
    assert b"<img src=x" not in html
    assert b"people the generator never saw, of this audit" in html
    assert b"chosen by the person who asked" not in html
    assert b"drawn by the generator" not in html
    assert b"show-faces</code>" not in html
    assert b"with the pictures: <code>" not in html
    assert state["about"] == ["me.jpg", "img src_x onerror_alert_1__.jpg", "bomb.png", "letter.jpg", "empty.png"]
    assert str(aside).encode() not in html

    assert page.ask(f"ask/{n}/keep", "POST")[0] == 403
    for _ in range(2):
        status, _, said_of = page.ask(f"ask/{n}/keep", "POST", Origin=page.origin)
        assert status == 200
        kept = Path(json.loads(said_of)["kept"])
        assert kept == audit / "asked" / "sheet-0001"
    assert sorted(audit.glob("asked/*")) == [kept]
    assert (mode(kept), mode(kept / "sheet.json"), mode(kept / "sheet.html")) == (0o700, 0o600, 0o600)
    sheet = Sheet.model_validate_json((kept / "sheet.json").read_bytes())
    assert (sheet.p, sheet.exposure) == (same.p, same.exposure)
    assert (kept / "sheet.html").read_bytes() == html


def test_where_no_photo_can_be_used_the_page_says_why_in_one_line_and_they_are_gone(page: Page, aside: Path) -> None:
    _, said = send(page, ("<b>.png", bomb()), ("b.jpg", b"\xff\xd8\xff but no JPEG"))
    state = answer(page, said["n"])
    assert state["state"] == "failed"
    assert str(state["error"]).startswith("the photos: no face from any of 2 images (")
    assert "too large" in str(state["error"])
    assert len(str(state["error"]).splitlines()) == 1
    assert list(aside.iterdir()) == []
    assert page.ask(f"ask/{said['n']}/keep", "POST", Origin=page.origin)[0] == 404


def test_a_question_that_is_stopped_leaves_nothing_and_the_next_may_be_asked(page: Page, aside: Path) -> None:
    for _ in range(2):
        status, said = send(page, ("me.jpg", jpeg(1, 700)))
        assert status == 202
        assert page.ask(f"ask/{said['n']}/stop", "POST", Origin=page.origin)[0] == 200
        assert answer(page, said["n"]) == {"state": "failed", "error": "stopped", "lines": []}
        assert list(aside.iterdir()) == []


def test_what_cannot_be_asked_about_is_one_line(page: Page, aside: Path) -> None:
    def posted(body: bytes, kind: str) -> tuple[int, str]:
        status, _, said = page.ask("ask", "POST", body, Origin=page.origin, Content_Type=kind)
        return status, str(json.loads(said)["error"])

    many, kind = form_of(*((f"{i}.jpg", b"x") for i in range(21)))
    unreadable = (400, "the photos cannot be read as they were sent; send at most 20")
    assert posted(many, kind) == unreadable
    assert posted(b"--x-between-x\nno form", kind) == unreadable
    assert posted(many, "multipart/form-data") == unreadable
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    assert posted(field, "multipart/form-data; boundary=x") == unreadable
    assert posted(*form_of()) == (400, "no photos were sent; choose some")
    assert posted(b"{}", "application/json") == (400, "no photos were sent; choose some")
    assert send(page, ("a.zip", b"PK"), ("/etc/passwd.txt", b"x")) == (
        400,
        {"error": "a.zip: not used (not an image file); passwd.txt: not used (not an image file)"},
    )
    assert page.ask("ask", "POST", Origin=page.origin, Content_Length=str(2**26 + 1))[0] == 413
    for path in ("ask/99", "ask/99/state", "ask/x/state", "ask/-1"):
        assert page.ask(path)[0] == 404
    assert page.ask("ask/99/keep", "POST", Origin=page.origin)[0] == 404
    assert list(aside.iterdir()) == []


def test_photos_are_gone_when_the_server_is_killed(audit: Path, aside: Path) -> None:
    with served(audit) as page:
        assert send(page, ("me.jpg", jpeg(1, 700)))[0] == 202
        assert len(list(aside.iterdir())) == 1
        os.kill(page.pid, signal.SIGKILL)
        until(lambda: not list(aside.iterdir()))


def test_what_stands_in_the_way_of_asking_is_said(audit: Path, tmp_path: Path) -> None:
    findings = Findings.read(audit)

    def held(**settings: str | bool | None) -> Findings:
        signature = findings.signature
        return findings.model_copy(
            update={"signature": signature.model_copy(update={"settings": {**signature.settings, **settings}})}
        )

    asked = question(findings, {})
    assert isinstance(asked, dict)
    assert asked["faces"] == findings.signature.settings["faces"]
    drawn = question(held(generator="demo.onnx"), {})
    assert str(drawn).startswith("The samples were drawn from a generator, which this page does not run.")
    assert isinstance(question(held(generator="demo.onnx"), {"generated": audit}), dict)
    assert "code of your own" in str(question(held(recogniser="os:getcwd"), {}))
    assert "groups of similar faces" in str(question(held(flat=True), {}))
    gone = str(tmp_path / "gone")
    assert question(held(heldout=gone), {}) == (
        f"The photos of the other people are no longer where the audit read them ({gone}). "
        "Say where they are with --heldout."
    )
    assert "Say where they are with --generated." in str(question(held(generated=gone), {}))
    assert "drawn from a generator while" in str(question(findings, {"generated": object()}))


def test_only_the_last_sheets_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probablyexists.showing.asking.MOST_SHEETS", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    asking = Asking(tmp_path, {"generated": "g", "reference": "r"})
    first = asking.begin([], [])
    asking[first].task.stop()
    second = asking.begin([], [])
    assert asking.numbers == [second]
    asking.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError):
        asking[first]


def test_a_process_that_dies_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(tmp_path, {"generated": "g", "reference": "r"})
    n = asking.begin([], [])
    task = asking[n].task
    subprocess.run(["kill", "-SEGV", str(task._process.pid)], check=True)
    until(lambda: task.over)
    assert task.error == "its process ended before the answer (signal 11); try again"
