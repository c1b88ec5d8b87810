"""Strangers at the door of `show`, and audits that strangers made: neither gets this machine to do their work."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drawn_world import World
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.showing import answering, serve
from probablyexists.showing.asking import Asking, question
from probablyexists.showing.door import Door
from probablyexists.showing.opened import Opened
from probablyexists.showing.server import app
from probablyexists.showing.ticket import Ticket, is_own
from shown_page import audit_of, served

TOKEN, PORT = "t", 1
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\n"
ROLES: dict[str, Any] = dict.fromkeys(("training", "unseen", "heldout", "generated"))


@pytest.fixture
def audit(world: World, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """The folder of an audit, to be changed."""
    return shutil.copytree(audit_of(world, tmp_path_factory), tmp_path / "audit")


class Said(Silent):
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def change(audit: Path, to: Callable[[dict[str, Any]], object]) -> None:
    """findings.json, changed by hand."""
    held = json.loads((audit / "findings.json").read_text("utf-8"))
    to(held)
    (audit / "findings.json").write_text(json.dumps(held), "utf-8")


def settings(audit: Path, **to: object) -> None:
    change(audit, lambda held: held["signature"]["settings"].update(to))


def column(audit: Path, name: str, column: str, value: object) -> None:
    """A column of a table, the same in every row, with all that must agree with it made to agree."""
    table = pq.read_table(audit / name)
    of = table.schema.field(column)
    table = table.set_column(table.schema.names.index(column), of, pa.array([value] * table.num_rows, of.type))
    pq.write_table(table, audit / name)
    if name == "samples.parquet":
        sha256 = hashlib.sha256((audit / name).read_bytes()).hexdigest()
        change(audit, lambda held: held["samples"].update(sha256=sha256))
        for other in ("nearest.parquet", "photos.parquet"):
            theirs = pq.read_table(audit / other)
            about = {**(theirs.schema.metadata or {}), b"samples": sha256.encode()}
            pq.write_table(theirs.replace_schema_metadata(about), audit / other)


def opened(audit: Path, said: Said | None = None) -> Opened:
    return serve.opened_audit(audit, ROLES, said or Said())


def door(audit: Path) -> Door:
    found = opened(audit)
    return app(found, TOKEN, PORT, Asking(audit, question(found.findings, ROLES)))


def asked(at: Door, path: str, method: str = "GET", client: int = 2, **headers: str) -> tuple[int, dict[str, str], str]:
    """(status, headers, text) of a request that never left this process. `path`: with the token."""
    answer: list[dict[str, Any]] = []
    sent = {"host": f"127.0.0.1:{PORT}"} | {name.replace("_", "-").lower(): value for name, value in headers.items()}
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", client),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        answer.append(message)

    asyncio.run(at(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in answer[0]["headers"]}
    return answer[0]["status"], found, b"".join(part.get("body", b"") for part in answer[1:]).decode("utf-8", "replace")


@pytest.mark.parametrize("kind", ["code", "onnx", "torchscript", "pickle", "diffusers"])
def test_a_generator_that_findings_json_names_is_never_run(
    audit: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = {"code": "drawer:draw", "onnx": "a.onnx", "torchscript": "a.pt", "pickle": "a.pkl", "diffusers": "a"}[kind]
    (tmp_path / "drawer.py").write_text("raise SystemExit('run')\n")
    if kind == "diffusers":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model_index.json").write_text("{}")
    else:
        (tmp_path / name).write_bytes(b"a network")
    settings(audit, generated=name)
    held = question(opened(audit).findings, ROLES)
    assert isinstance(held, str)
    assert held.startswith("The samples were drawn from a generator, which this page does not run.")
    with pytest.raises(InputError, match="which this page does not run"):  # put there after the page was opened
        answering._ask({"generated": name, "photos": str(tmp_path)}, Silent())


def test_where_samples_and_people_are_read_from_is_on_the_page_that_asks(audit: Path, world: World) -> None:
    text = asked(door(audit), "/t/ask")[2]
    assert str(world.leaking) in text
    assert str(world.heldout) in text


@pytest.mark.parametrize("where", ["/**/*.tar", "/*/*/*.jpg", "/**"])
def test_no_disk_is_searched_for_a_pattern_of_findings_json(audit: Path, where: str) -> None:
    settings(audit, training=where)
    said, started = Said(), time.process_time()
    opened(audit, said)
    assert time.process_time() - started < 1
    assert any("no disk is searched unasked; say where they are with --training" in line for line in said.lines)


@pytest.mark.parametrize("where", ["x" * 5000, "a\0b", None, "", "/dev/zero", "\\\\elsewhere\\share"])
def test_pictures_that_cannot_be_opened_are_said_and_the_rest_is_shown(audit: Path, where: str | None) -> None:
    settings(audit, training=where)
    said = Said()
    found = opened(audit, said)
    assert [line.partition(":")[0] for line in said.lines] == ["training pictures"]
    assert said.lines[0].endswith("; say where they are with --training")
    assert len(said.lines[0]) < 700
    assert not found.pictures.has("training")
    assert found.pictures.has("generated")


def test_a_folder_that_may_not_be_listed_is_said(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(serve, "packed", refused)
    said = Said()
    opened(audit, said)
    assert len(said.lines) == 4
    assert "cannot be read (PermissionError" in said.lines[0]
    with pytest.raises(InputError, match="cannot be read"):
        serve.opened_audit(audit, ROLES | {"training": audit}, said)


@pytest.mark.parametrize(
    ("name", "of", "value", "why"),
    [
        ("nearest.parquet", "similarity", float("nan"), "a similarity is no cosine"),
        ("nearest.parquet", "similarity", float("inf"), "a similarity is no cosine"),
        ("nearest.parquet", "similarity", None, "who has a face"),
        ("nearest.parquet", "picture", None, "who has a face"),
        ("nearest.parquet", "person", -1, "points nowhere"),
        ("photos.parquet", "path", None, "a row lacks its role, person or path"),
        ("samples.parquet", "sample", None, "a sample has no name"),
        ("samples.parquet", "kind", "photo", "neither copy nor likeness nor none"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_line(audit: Path, name: str, of: str, value: object, why: str) -> None:
    column(audit, name, of, value)
    with pytest.raises(InputError, match=why):
        opened(audit)


@pytest.mark.parametrize("exposure", [float("nan"), float("inf")])
def test_an_exposure_that_is_no_number_is_one_line(audit: Path, exposure: float) -> None:
    change(audit, lambda held: held["people"][0].update(exposure=exposure))
    with pytest.raises(InputError, match="the exposure of a person is no number"):
        opened(audit)


@pytest.mark.parametrize(
    "bins",
    [
        {"low": 1e308, "high": -1e308, "counts": [1]},
        {"low": -1e308, "high": 1e308, "counts": [1]},
        {"low": 0.0, "high": 1.0, "counts": [1] * 200_000},
        {"low": 0.0, "high": 1.0, "counts": [-1]},
    ],
)
def test_a_histogram_that_none_can_draw_is_one_line(audit: Path, bins: dict[str, object]) -> None:
    change(audit, lambda held: held["naming"].update(strangers=bins))
    with pytest.raises(InputError, match=r"naming\.strangers is no histogram"):
        opened(audit)


@pytest.mark.parametrize("name", ["nearest.parquet", "photos.parquet"])
def test_a_pipe_in_place_of_a_table_is_one_line(audit: Path, name: str) -> None:
    (audit / name).unlink()
    os.mkfifo(audit / name)
    with pytest.raises(InputError, match="is a pipe, a device or a folder"):
        opened(audit)


def test_a_table_that_unpacks_to_gigabytes_is_one_line(audit: Path) -> None:
    about = pq.read_table(audit / "photos.parquet").schema.metadata
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * (2**24)]))
    table = pa.table({"role": ["training"] * 3000, "person": ["x"] * 3000, "path": long})
    pq.write_table(table.replace_schema_metadata(about), audit / "photos.parquet", compression="zstd")
    assert (audit / "photos.parquet").stat().st_size < 2**20
    with pytest.raises(InputError, match="over 1 GiB"):
        opened(audit)


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "a\0b", "", "."])
def test_a_path_that_leaves_the_folder_of_photos_is_not_read(audit: Path, path: str) -> None:
    column(audit, "photos.parquet", "path", path)
    assert asked(door(audit), "/t/picture/person/0/training/0/160")[0] == 404


def test_markup_in_names_is_text_on_every_page(audit: Path) -> None:
    column(audit, "samples.parquet", "sample", MARKUP)
    change(audit, lambda held: [person.update(group=MARKUP) for person in held["people"]])
    at = door(audit)
    for path in ("", "people", "people/0", "people?text=<script>", "samples", "samples?order=copies", "samples/0"):
        status, headers, text = asked(at, f"/t/{path}")
        assert status == 200
        assert "<script>" not in text
        assert "<img src=x" not in text
        assert "'unsafe" not in headers["content-security-policy"]
    assert json.loads(asked(at, "/t/face")[2])["name"] == MARKUP


def test_sheets_are_not_kept_where_a_link_in_the_audit_leads(audit: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (audit / "asked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        Asking(audit, "")._new_folder()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_number_of_thousands_of_digits_is_no_failure(audit: Path) -> None:
    at = door(audit)
    for path in ("people/{}", "ask/{}/state", "review/{}/1", "picture/sample/{}/160"):
        assert asked(at, f"/t/{path.format('9' * 5000)}")[0] == 414
        assert asked(at, f"/t/{path.format('9' * 900)}")[0] == 404


def test_a_body_in_chunks_is_refused_whatever_length_is_said(audit: Path) -> None:
    ours = f"http://127.0.0.1:{PORT}"
    at = door(audit)
    assert asked(at, "/t/review", "POST", origin=ours, content_length="2", transfer_encoding="chunked")[0] == 411
    assert asked(at, "/t/review", "POST", origin=ours, content_length="2")[0] == 422


def test_no_other_protocol_comes_in() -> None:
    answer: list[Any] = []

    async def never(*_: object) -> None:
        raise AssertionError

    async def send(message: Any) -> None:
        answer.append(message)

    asyncio.run(Door(never, TOKEN, PORT)({"type": "websocket", "path": "/t/", "headers": []}, never, send))  # type: ignore[arg-type]
    assert answer == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say whose a connection is")
def test_a_ticket_lets_in_once_and_nobody_but_our_user(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as ours:
        port, client = listening.getsockname()[1], ours.getsockname()[1]
        ticket = Ticket(port)
        at = Door(door(audit).app, TOKEN, port, ticket)
        with monkeypatch.context() as other:
            uid = os.getuid() + 1
            other.setattr(os, "getuid", lambda: uid)
            assert not is_own(client, port)
            assert asked(at, f"/{ticket.address}/", client=client, host=f"127.0.0.1:{port}")[0] == 403
        assert asked(at, f"/{ticket.address}/", client=1, host=f"127.0.0.1:{port}")[0] == 403
        assert asked(at, f"/{ticket.address}/people", client=client, host=f"127.0.0.1:{port}")[0] == 403
        assert asked(at, f"/{ticket.address}/", client=client, host="elsewhere.example")[0] == 400
        status, headers, _ = asked(at, f"/{ticket.address}/", client=client, host=f"127.0.0.1:{port}")
        assert (status, headers["location"]) == (303, f"/{TOKEN}/")
        assert headers["referrer-policy"] == "no-referrer"
        assert asked(at, f"/{ticket.address}/", client=client, host=f"127.0.0.1:{port}")[0] == 403


def test_the_command_line_of_the_browser_does_not_give_the_address_away(
    audit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, opened_with = tmp_path / "browser", tmp_path / "opened-with"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened_with}.part\nmv {opened_with}.part {opened_with}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("DISPLAY", ":99")
    with served(audit, "--browser") as page:
        end = time.monotonic() + 30
        while not opened_with.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        given = opened_with.read_text()
        assert page.token not in given
        assert given.startswith(page.origin)
        ticket = given.removeprefix(page.origin).strip("/")
        status, headers, _ = page.ask("", token=ticket)
        assert (status, headers["location"]) == (303, f"/{page.token}/")
        assert page.ask("", token=ticket)[0] == 403


def test_a_kept_connection_is_answered_without_a_wait(audit: Path) -> None:
    with served(audit) as page:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        took = []
        for at in range(20):
            began = time.monotonic()
            connection.request("GET", f"/{page.token}/face?at={at}")
            connection.getresponse().read()
            took.append(time.monotonic() - began)
        connection.close()
    assert sorted(took)[5] < 0.03
