"""`recognisers`: what is known, checking one on photos, and fetching one from a page, which is on this machine here."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.cli.app import app
from probablyexists.drawn.population import write_population
from probablyexists.embeddings import kept_networks, known_networks
from probablyexists.embeddings.known_networks import KNOWN, Known
from probablyexists.embeddings.recognisers import open_recogniser

SIDE = 32


def recognisers(*arguments: object, answer: str = "") -> Any:
    return CliRunner().invoke(app, ["recognisers", *map(str, arguments)], input=answer)


def refused(*arguments: object) -> str:
    result = recognisers(*arguments)
    assert isinstance(result.exception, ProbablyExistsError), result.output
    return result.exception.on_command_line


def network(path: Path, *, blind: bool = False) -> bytes:
    """A recogniser that is any picture, small, turned; `blind`: the same for everybody. Written to `path`."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3 * 8 * 8, 3 * 8 * 8)))[0].astype(np.float32)
    made = {"w": turn * (0 if blind else 1), "b": np.full(3 * 8 * 8, float(blind), np.float32)}
    nodes = [
        helper.make_node("AveragePool", ["x"], ["small"], kernel_shape=[SIDE // 8] * 2, strides=[SIDE // 8] * 2),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["turned"]),
        helper.make_node("Add", ["turned", "b"], ["y"]),
    ]
    ports = (("x", ["n", 3, SIDE, SIDE]), ("y", ["n", 3 * 8 * 8]))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ports)
    held = [numpy_helper.from_array(array, name) for name, array in made.items()]
    graph = helper.make_graph(nodes, "recogniser", [x], [y], held)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path.read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PROBABLYEXISTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def known(monkeypatch: pytest.MonkeyPatch, data: bytes) -> Known:
    """SFace, as if its file were `data`."""
    row = next(one for one in KNOWN if one.name == "SFace")
    one = replace(row, sha256=hashlib.sha256(data).hexdigest(), feed=replace(row.feed, side=SIDE))
    table = tuple(one if other.name == one.name else other for other in KNOWN)
    for module in (known_networks, kept_networks):
        monkeypatch.setattr(module, "KNOWN", table)
    return one


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_the_licence_and_where_to_get_each(cache: Path) -> None:
    said = recognisers().stdout
    for one in KNOWN:
        block = said.partition(f"\n{one.name}\n")[2].partition("\n\n")[0]
        joined = " ".join(block.split())
        assert "here no" in joined
        assert " ".join(one.licence.split()) in joined
        get = f"recognisers fetch {one.name}" if one.repo else one.page
        assert get in joined
    rows = json.loads(recognisers("--json").stdout)
    assert [row["name"] for row in rows] == [one.name for one in KNOWN]
    assert not any(row["here"] for row in rows)


def test_the_page_shows_the_table_that_the_program_uses() -> None:
    page = (Path(__file__).parents[1] / "docs" / "recognisers.md").read_text(encoding="utf-8")
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if "|" in line]
    for one in KNOWN:
        fetched = "yes" if one.repo else "no"
        said = (one.name, one.licence, one.trained_on or "not known", one.sure, one.accuracy or "-", fetched)
        assert said in rows, " | ".join(said)


def test_a_file_that_is_here_is_known_by_its_hash_and_not_by_its_name(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "home" / ".insightface" / "models"
    data = network(models / "mine" / "what.onnx")
    (models / "antelopev2").mkdir()
    (models / "antelopev2" / "glintr100.onnx").write_bytes(b"another network of that name")
    one = known(monkeypatch, data)
    here = {row["name"]: row["here"] for row in json.loads(recognisers("--json").stdout)}
    assert here[one.name] == [str(models / "mine" / "what.onnx")]
    assert open_recogniser(one.name, cache).id.startswith(f"onnx/{str(one.sha256)[:16]}")
    assert not here["antelopev2"]
    assert "1 other ONNX files are beside them" in recognisers().stdout


# --- by name ----------------------------------------------------------------------------------------------------------


def test_a_known_name_opens_what_was_fetched_and_nothing_is_fetched_by_an_audit(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache / "recognisers" / "SFace.onnx"
    one = known(monkeypatch, network(tmp_path / "there.onnx"))
    with pytest.raises(ProbablyExistsError, match="not on this machine; run: probablyexists recognisers fetch SFace"):
        open_recogniser("sface", cache)
    with pytest.raises(ProbablyExistsError, match="not on this machine; get it at "):
        open_recogniser("antelopev2", cache)
    path.parent.mkdir(parents=True)
    (tmp_path / "there.onnx").rename(path)
    opened = open_recogniser("sface", cache)
    assert f"onnx/{one.sha256}"[:21] in opened.id
    network(path, blind=True)
    with pytest.raises(ProbablyExistsError, match="is damaged, or another file than expected"):
        open_recogniser("SFace", cache)


@pytest.mark.parametrize("name", ["arcface.pt", "model.PTH", "magface.pth.tar", "adaface.ckpt"])
def test_a_pytorch_file_is_told_how_to_be_exported(name: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ProbablyExistsError) as error:
        open_recogniser(str(tmp_path / name), cache)
    said = error.value.on_command_line
    assert said.startswith(f"--recogniser {tmp_path / name}: is a PyTorch file, which is not opened here; ")
    assert "torch.onnx.export(network.eval(), torch.zeros(1, 3, 112, 112), 'recogniser.onnx', dynamo=False)" in said


# --- check ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn people, two photos each, in a folder called like a set. For reading only."""
    folder = tmp_path_factory.mktemp("check") / "celeb-like"
    write_population(folder, range(12), range(2), size=64)
    return folder


def test_a_recogniser_is_measured_on_photos_beside_the_default(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = known(monkeypatch, network(tmp_path / "mine.onnx"))
    given = ("check", tmp_path / "mine.onnx", "--photos", photos, "--faces", "aligned", "--threads", 1, "-q")
    found = json.loads(recognisers(*given, "--json").stdout)
    ours, default = found["recognisers"]
    assert (found["n_given"], found["n_people"], found["n_measured"]) == (12, 12, 6)
    assert (ours["known_as"], ours["licence"]) == (one.name, one.licence)
    assert ours["feed"]
    assert ours["feed"] in ours["why"]
    assert (default["recogniser"], default["licence"], default["feed"]) == ("dlib", "CC0", None)
    for row in (ours, default):
        assert {rates["kind"] for rates in row["rates"]} == {"resemblance", "fmr-1-percent"}
        assert all(0 <= rates["fnmr"]["low"] <= rates["fnmr"]["high"] <= 1 for rates in row["rates"])
        assert row["faces_a_second"] > 0
    assert default["overlaps"]  # dlib's training data has celebrities
    assert not ours["overlaps"]
    said = recognisers(*given).stdout
    assert "12 of 12 people with two photos or more" in said
    assert said.count("these photos show people of its training data") == 1
    assert f"known as {one.name}" in said


def test_the_default_is_checked_alone(photos: Path) -> None:
    said = recognisers("check", "dlib", "--photos", photos, "--faces", "aligned", "--threads", 1, "-q", "--json").stdout
    assert [row["recogniser"] for row in json.loads(said)["recognisers"]] == ["dlib"]


def test_a_network_that_tells_nobody_apart_is_refused_in_one_line(photos: Path, tmp_path: Path) -> None:
    network(tmp_path / "blind.onnx", blind=True)
    given = ("check", tmp_path / "blind.onnx", "--photos", photos, "--faces", "aligned", "--threads", 1, "-q")
    assert f"{tmp_path / 'blind.onnx'}: tells people apart with none of 9 feeds" in refused(*given)


def test_checking_on_too_few_people_says_where_to_get_some(photos: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    write_population(few, range(3), range(2), size=64)
    write_population(few, range(3, 12), range(1), size=64)
    said = refused("check", "dlib", "--photos", few, "--faces", "aligned", "--threads", 1, "-q")
    assert "needs at least 6 people with two photos, has 3; give more" in said
    assert "no sub-folders with images" in refused("check", "dlib", "--photos", photos / "person-0000", "-q")
    assert "does not exist" in refused("check", "dlib", "--photos", tmp_path / "none", "-q")


# --- fetch ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for Hugging Face's library: gives `data`, or raises `error`."""
    fake = SimpleNamespace(data=b"", error=None, asked=[], quiet=0)

    def download(repo: str, inside: str, *, local_dir: Path, token: bool) -> str:
        assert token is False
        fake.asked.append((repo, inside))
        path = Path(local_dir) / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".incomplete").touch()
        if fake.error is not None:
            raise fake.error
        path.write_bytes(fake.data)
        return str(path)

    fake.hf_hub_download = download
    fake.disable_progress_bars = lambda: None
    for name in ("huggingface_hub", "huggingface_hub.constants", "huggingface_hub.utils"):
        monkeypatch.setitem(sys.modules, name, fake)  # type: ignore[arg-type]
    return fake


def test_a_recogniser_is_fetched_only_after_its_licence_is_accepted(
    cache: Path, hub: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.data = network(tmp_path / "there.onnx")
    one = known(monkeypatch, hub.data)
    for answer in ("n\n", ""):
        result = recognisers("fetch", "sface", answer=answer)
        assert isinstance(result.exception, ProbablyExistsError)
        assert "not fetched, because its licence was not accepted" in result.exception.on_command_line
        assert one.licence in result.stderr
    assert not hub.asked
    assert not cache.exists()
    done = recognisers("fetch", "sface", answer="y\n")
    assert done.stdout.endswith(f"{cache / 'recognisers' / 'SFace.onnx'}; use it with --recogniser SFace\n")
    assert hub.asked == [(one.repo, one.inside)]
    assert [path.name for path in (cache / "recognisers").iterdir()] == ["SFace.onnx"]
    assert (cache / "recognisers").stat().st_mode & 0o777 == 0o700
    assert json.loads(recognisers("fetch", "SFace", "--json").stdout)["fetched"] is False
    assert len(hub.asked) == 1
    assert open_recogniser("SFace", cache).dim == 3 * 8 * 8


def test_another_file_than_expected_is_not_kept(cache: Path, hub: SimpleNamespace) -> None:
    hub.data = b"another file"
    said = refused("fetch", "AuraFace-v1", "--yes", "-q")
    assert "\n" not in said
    assert said.startswith("AuraFace-v1: fal/AuraFace-v1 gave another file than expected (sha256 ")
    assert said.endswith("; it is not kept")
    assert not list((cache / "recognisers").rglob("*"))


def test_a_fetch_that_breaks_off_is_one_line_and_goes_on_the_next_time(
    cache: Path, hub: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.error = ValueError("long\nstory")
    hub.error.__cause__ = ConnectionError("no route to host")
    said = refused("fetch", "SFace", "--yes", "-q")
    assert "SFace: cannot be fetched from opencv/face_recognition_sface (ConnectionError: no route to host);" in said
    assert list((cache / "recognisers" / ".fetching-SFace").rglob("*.incomplete"))
    hub.error = OSError(28, "No space left on device")
    assert "free some space, or set PROBABLYEXISTS_CACHE" in refused("fetch", "SFace", "--yes", "-q")
    hub.error, hub.data = None, network(tmp_path / "there.onnx")
    known(monkeypatch, hub.data)
    assert recognisers("fetch", "SFace", "--yes", "-q").exit_code == 0
    assert [path.name for path in (cache / "recognisers").iterdir()] == ["SFace.onnx"]


def test_what_has_no_page_says_where_to_get_it(cache: Path, hub: SimpleNamespace) -> None:
    said = refused("fetch", "antelopev2", "--yes")
    assert "get it at https://github.com/deepinsight/insightface and give its path with --recogniser" in said
    for name in ("nobody", "dlib"):
        said = refused("fetch", name, "--yes")
        assert said.startswith(f"{name}: is not one that can be fetched; these can: AuraFace-v1, SFace, ")
    assert not hub.asked


def test_fetching_without_the_library_says_how_to_install_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("huggingface_hub", "huggingface_hub.constants"):
        monkeypatch.setitem(sys.modules, name, None)  # type: ignore[arg-type]
    before = dict(os.environ)
    assert refused("fetch", "SFace", "--yes").startswith("huggingface_hub is not installed; run: pip install ")
    assert dict(os.environ) == before


_IN_A_CHILD = """
import hashlib, sys
from dataclasses import replace
from probablyexists.cli.main import main
from probablyexists.embeddings import kept_networks, known_networks as table
for _ in range(2):
    try:
        main()
    except SystemExit as left:
        print("exit code", left.code)
    right = [replace(one, sha256=hashlib.sha256(b"small").hexdigest()) for one in table.KNOWN]
    table.KNOWN = kept_networks.KNOWN = tuple(right)
"""
"""Fetches twice; the second time what the page gives is the right file."""


@contextmanager
def page(data: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A web server on this machine that gives `data` for any file, as the hub does; its address, and what it got."""
    asked: list[dict[str, str]] = []

    class Page(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_real_library_fetches_from_a_page_without_the_users_token(tmp_path: Path) -> None:
    """Hugging Face's own code, its page on this machine: the hash is checked, and nothing is left in the home."""
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    with page(b"small") as (address, asked):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            **{"HOME": str(home), "PROBABLYEXISTS_CACHE": str(cache), "HF_ENDPOINT": address, "HF_TOKEN": "secret"},
            "NO_PROXY": "127.0.0.1",
        }
        command = [sys.executable, "-c", _IN_A_CHILD, "recognisers", "fetch", "AuraFace-v1", "--yes", "-q"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    path = cache / "recognisers" / "AuraFace-v1.onnx"
    said = ["exit code 2", f"{path}; use it with --recogniser AuraFace-v1", "exit code 0"]
    assert done.stdout.splitlines() == said, done.stderr
    assert "probablyexists: AuraFace-v1: fal/AuraFace-v1 gave another file than expected" in done.stderr
    assert list((cache / "recognisers").iterdir()) == [path]
    assert path.read_bytes() == b"small"
    assert all(got["path"] == "/fal/AuraFace-v1/resolve/main/glintr100.onnx" for got in asked)
    assert not any("secret" in value for got in asked for value in got.values())
    assert not list(home.rglob("*"))
