"""Stops, full disks and second runs: one line, nothing lost, and the same command can be given again."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import probablyexists
from probablyexists import demo
from probablyexists.basis import memory
from probablyexists.basis.errors import InputError, ProbablyExistsError, WriteError
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Console, Silent
from probablyexists.cli.app import app
from probablyexists.cli.main import main
from probablyexists.drawn.population import write_population
from probablyexists.intake import output_folder
from probablyexists.intake.output_folder import written_together
from probablyexists.report import page
from probablyexists.results.findings import Findings

NAMES = {
    "findings.json",
    "nearest.parquet",
    "neighbours.parquet",
    "photos.parquet",
    "report.html",
    "samples.parquet",
    "withhold.txt",
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`t`, `h` and `g`: members, held-out people and samples, small ones."""
    folder = tmp_path_factory.mktemp("people")
    write_population(folder / "t", range(20), range(1), size=64)
    write_population(folder / "h", range(20, 42), range(1), size=64)
    write_population(folder / "g", range(4), range(10, 13), size=64)
    return folder


def audit(people: Path, **given: Any) -> Findings:
    return probablyexists.audit(people / "t", people / "h", people / "g", **{"faces": "aligned", **given})


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def asked(people: Path, out: Path, *more: str) -> list[str]:
    """The same on the command line."""
    given = {"training": people / "t", "heldout": people / "h", "generated": people / "g", "out": out}
    options = [str(part) for name, path in given.items() for part in (f"--{name}", path)]
    return ["audit", *options, "--faces", "aligned", *more]


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def undated(findings: Findings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(findings.model_dump_json())
    return {**found, "signature": {**found["signature"], "date": "", "seconds": 0.0}}


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


# --- results appear together ------------------------------------------------------------------------------------------


def test_an_audit_stopped_before_its_report_is_given_again(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(page, "render", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            audit(people, out=tmp_path / "o")
    assert list((tmp_path / "o").iterdir()) == []
    audit(people, out=tmp_path / "o")
    assert {path.name for path in (tmp_path / "o").iterdir()} == NAMES


def test_a_disk_that_fills_up_while_overwriting_keeps_the_earlier_result(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "o"
    audit(people, out=out, show_names=True)
    before = held(out)
    with monkeypatch.context() as patch:
        patch.setattr(page, "render", failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        with pytest.raises(WriteError, match=r"o: cannot be written \(No space left on device\); free some space, or "):
            audit(people, out=out, overwrite=True)
    assert held(out) == before
    assert {path.name for path in out.iterdir()} == NAMES
    audit(people, out=out, overwrite=True)
    assert held(out)["findings.json"] != before["findings.json"]


def test_an_audit_over_one_that_was_exported_says_that_the_exports_are_old(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    audit(people, out=out)
    probablyexists.export(out, markdown=True)
    mine = out / "export" / "summary.md"
    mine.write_text("edited by hand")
    said = "export: still holds what was exported from an earlier audit (summary.md); export again in its place, or"
    told = Heard()
    audit(people, out=out, overwrite=True, progress=told)
    assert [line for line in told.lines if said in line]
    ran = CliRunner().invoke(app, [*asked(people, out, "--overwrite"), "--json"])
    assert ran.exit_code == 0, ran.output
    assert said.replace(" ", "") in "".join(ran.stderr.split())
    assert "still holds" not in ran.stdout
    assert mine.read_text() == "edited by hand"
    ran = CliRunner().invoke(app, [*asked(people, tmp_path / "new"), "--quiet"])
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_results_that_name_people_are_for_their_owner_only(people: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        audit(people, out=tmp_path / "o", show_names=True)
        CliRunner().invoke(app, ["split", str(people / "t"), "--out", str(tmp_path / "split.csv")])
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "o").iterdir()}
    assert modes == dict.fromkeys(NAMES, 0o600)
    assert stat.S_IMODE((tmp_path / "o").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "split.csv").stat().st_mode) == 0o600


_KILLED = """
import os, pathlib, shutil, sys
from probablyexists.basis.files import write_text
from probablyexists.intake.output_folder import RESULTS, _settle_all, written_together

root = pathlib.Path(sys.argv[1])
OLD = {"sheet.json": "old", "sheet.html": "old", "report.html": "old", "findings.json": "old"}
NEW = {"findings.json": "new", "samples.parquet": "new", "report.html": "new", "withhold.txt": "new"}

def held(out):
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()}

def dies_at(step, work):
    "Whether `work` in a process of its own was killed before its `step`-th change of a folder."
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = [step]
    for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "open"):
        def change(*given, its=getattr(os, name), **named):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return its(*given, **named)
        setattr(os, name, change)
    work()
    os._exit(0)

def write(out):
    with written_together(out) as folder:
        for name, text in NEW.items():
            write_text(folder / name, text)

for earlier in ({}, OLD):
    for step in range(1000):
        out = root / f"{len(earlier)}-{step}"
        out.mkdir()
        for name, text in earlier.items():
            (out / name).write_text(text)
        killed = dies_at(step, lambda: write(out))
        marks = held(out).keys() & RESULTS.keys()
        if marks and any(held(out)[mark] == "new" for mark in marks):
            assert held(out) == NEW, (step, held(out))
        # The next run is killed as well, and the one after it puts everything right.
        for again in (step % 7, None):
            work = lambda: _settle_all(out)
            work() if again is None else dies_at(again, work)
        assert held(out) in (earlier, NEW), (step, held(out))
        assert not [path for path in out.iterdir() if path.is_dir()], step
        write(out)
        assert held(out) == NEW
        shutil.rmtree(out)
        if not killed:
            break
    assert step > 15
    print(step)
"""


def test_a_run_killed_at_any_step_of_writing_leaves_the_old_result_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_result_that_another_run_took_away_while_it_was_moved_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run in the same folder takes the first for a killed one."""
    rename = Path.rename

    def put_right(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        if target.name == output_folder._REPLACED:
            output_folder._settle_all(tmp_path)
        return moved

    (tmp_path / "findings.json").write_text("old")
    monkeypatch.setattr(Path, "rename", put_right)
    with (  # noqa: PT012
        pytest.raises(WriteError, match=r"findings\.json|report\.html"),
        written_together(tmp_path) as folder,
    ):
        for name in ("findings.json", "report.html"):
            (folder / name).write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"findings.json": "old"}


def _begun(out: Path, cache: Path) -> dict[str, Callable[[], bool]]:
    return {
        "start-up": lambda: True,
        "embedding": (cache / "embeddings").is_dir,
        "writing": lambda: any(out.glob(".writing-*")) or (out / "findings.json").exists(),
    }


def test_an_audit_killed_anywhere_ends_as_one_that_was_not(people: Path, tmp_path: Path) -> None:
    """A small form of scripts/kill_anywhere.py: real processes, SIGKILL."""
    expected = undated(audit(people, out=tmp_path / "whole" / "o", cache=tmp_path / "whole" / "cache"))
    expected["signature"]["settings"].pop("out")
    for stage in ("start-up", "embedding", "writing"):
        out, cache = tmp_path / stage / "o", tmp_path / stage / "cache"
        shutil.copytree(tmp_path / "whole" / "cache" / "models", cache / "models")
        command = [sys.executable, "-m", "probablyexists", *asked(people, out, "--cache", str(cache), "-q")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and not _begun(out, cache)[stage]():
            time.sleep(0.0005)
        process.kill()
        if process.wait() == 0 or (out / "findings.json").exists():
            found = Findings.read(out / "findings.json")
            assert {path.name for path in out.iterdir()} == NAMES
        else:
            found = audit(people, out=out, cache=cache)
        again = undated(found)
        again["signature"]["settings"].pop("out")
        assert again == expected


# --- the second run ---------------------------------------------------------------------------------------------------


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(result.exception, ProbablyExistsError), result.output
    return result.exception.on_command_line


def test_a_command_given_twice_says_what_it_found_and_how_to_replace_it(people: Path, tmp_path: Path) -> None:
    verdict = audit(people, out=tmp_path / "o").verdict
    said = refused(*asked(people, tmp_path / "o"))
    when = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
    assert re.search(rf"holds findings.json \(an audit of {when}: {verdict}\); .*, or --overwrite to replace it", said)
    split = ["split", people / "t", "--out", tmp_path / "split.csv", "--seed"]
    assert CliRunner().invoke(app, list(map(str, [*split, 0]))).exit_code == 0
    first = (tmp_path / "split.csv").read_bytes()
    said = refused(*split, 1)
    assert re.search(rf"holds a split of {when} \(10 training, 10 heldout\); .* or --overwrite to draw anew", said)
    assert (tmp_path / "split.csv").read_bytes() == first
    assert CliRunner().invoke(app, list(map(str, [*split, 1, "--overwrite"]))).exit_code == 0
    assert (tmp_path / "split.csv").read_bytes() != first
    assert "is a folder or a device" in refused("split", people / "t", "--out", "/dev/full", "--overwrite")


def test_a_demo_that_was_stopped_goes_on_and_a_finished_one_is_not_deleted_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demo"

    def drawing(folder: Path, progress: Any) -> None:
        assert not (folder / "training").exists()
        write_text(folder / "training" / "photo", "")
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "draw_everybody", drawing)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            demo.demo(out, 0, Silent())
    write_text(out / "audit" / "findings.json", "{}")
    with pytest.raises(InputError, match=r"holds a demo of 20\d\d-.* UTC; give another folder, or overwrite=True"):
        demo.demo(out, 0, Silent())
    assert (out / "audit" / "findings.json").exists()
    with pytest.raises(KeyboardInterrupt):
        demo.demo(out, 0, Silent(), overwrite=True)
    assert not (out / "audit").exists()
    removed = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        demo.demo(out, 0, Silent())
    monkeypatch.setattr(shutil, "rmtree", removed)
    with pytest.raises(KeyboardInterrupt):  # still known as a demo
        demo.demo(out, 0, Silent())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; give a folder"):
        demo.demo(tmp_path / "file", 0, Silent())


# --- disks ------------------------------------------------------------------------------------------------------------


def test_a_file_that_does_not_fit_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(
            WriteError, match=r"file: cannot be written \(File too large\); free some space, or "
        ) as told:
            write_text(tmp_path / "file", "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)  # as it comes from the demo's processes
    assert held(tmp_path) == {"file": b"old"}


@pytest.fixture
def line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs the command line; its exit code and its one line on stderr."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["probablyexists", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capfd.readouterr().err
        assert said.count("\n") == 1, said
        assert said.startswith("probablyexists: ")
        assert isinstance(left.value.code, int)
        return left.value.code, said.removeprefix("probablyexists: ").strip()

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_where_nobody_expects_it_is_one_line(
    line: Any, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probablyexists.tasks import audit as task

    monkeypatch.setattr(task, "run", failing(OSError(number, os.strerror(number), "/some/file")))
    code, said = line(*asked(tmp_path, tmp_path / "o", "-q"))
    assert code == 2
    assert said.startswith(f"/some/file: cannot be written ({os.strerror(number)}); ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_job_that_is_stopped_in_the_middle_says_so(
    line: Any, number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probablyexists.tasks import audit as task

    def killed(*_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    monkeypatch.setattr(task, "run", killed)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where these are ignored
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert line(*asked(tmp_path, tmp_path / "o", "-q")) == (
        code,
        "stopped; what is done is kept, run the same command to continue",
    )


def test_no_folder_for_temporary_files_is_one_line(line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from probablyexists.tasks import dry_run

    def without(*_: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nonexistent"])
            patch.setattr(tempfile, "tempdir", None)
            patch.setattr(memory, "LARGE", 8)
            with pytest.raises(InputError, match=r"temporary files: no space for .* set TMPDIR to another folder"):
                memory.allocated((4,), "f8")
            tempfile.mkdtemp()

    monkeypatch.setattr(dry_run, "plan", without)
    code, said = line(*asked(tmp_path, tmp_path / "o", "-q", "--dry-run"))
    assert code == 2
    assert said.startswith("a temporary file: cannot be written (No usable temporary directory found in ")
    assert said.endswith("; set TMPDIR to another folder")


def test_an_output_that_is_full_or_has_no_reader_is_one_line() -> None:
    command = [sys.executable, "-m", "probablyexists", "schema"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "probablyexists: standard output: cannot be written (No space left on device); free some space, or choose "
        "another place\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 2
    assert done.stderr.startswith("probablyexists: standard output: its reader ended before the end")
    assert done.stderr.count("\n") == 1


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_log_on_a_full_disk_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    console = Console()
    console.say("a line")
    with console.stage("a stage", 2) as bar:
        bar.advance()


# --- Ctrl-C and wrong options -----------------------------------------------------------------------------------------

_IMPORTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored
class Stopping:
    def find_spec(self, name, *_):
        if name == at:
            os.kill(os.getpid(), signal.SIGINT)
at, *sys.argv[1:] = sys.argv[1:]
sys.meta_path.insert(0, Stopping())
from probablyexists.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["probablyexists.cli.main", "typer", "numpy", "probablyexists.tasks.audit"])
def test_ctrl_c_during_start_up_is_one_line(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTING, module, *asked(tmp_path, tmp_path / "o", "-q")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert re.fullmatch(r"probablyexists: stopped; .*run the same command to continue\n", done.stderr)


def test_a_wrong_option_is_one_line_that_names_it(line: Any, tmp_path: Path) -> None:
    for arguments, name, command in (
        (["audit", "--thrads", "3"], "--thrads (Possible options: --threads)", "probablyexists audit"),
        (["audit"], "missing option '--training'", "probablyexists audit"),
        (["split", tmp_path, "--out", "s.csv", "--members", "half"], "--members", "probablyexists split"),
        (["nosuch"], "'nosuch'", "probablyexists"),
        (["lab", "train"], "'SET'", "probablyexists lab train"),
        (["schema", "none"], "'findings', 'sheet', 'frequent'", "probablyexists schema"),
    ):
        code, said = line(*arguments)
        assert code == 2
        assert name in said
        assert said.endswith(f"; see {command} --help")


@pytest.mark.parametrize(
    "value", ['threads = "many"', "threads = 0", 'quiet = "perhaps"', 'faces = "none"', "level = 2"]
)
def test_a_wrong_value_in_a_file_of_options_names_the_file(line: Any, value: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(value)
    code, said = line(*asked(tmp_path, tmp_path / "o")[:-2], "--config", tmp_path / "a.toml")
    assert code == 2
    assert value.split(maxsplit=1)[0] in said
    assert f"(given in {tmp_path}/a.toml)" in said
    if value.startswith("threads"):
        _, said = line(*asked(tmp_path, tmp_path / "o"), "--threads", -1, "--config", tmp_path / "a.toml")
        assert said.startswith("--threads -1: ")
        assert "given in" not in said


def test_ctrl_c_in_the_middle_of_a_destructor_is_not_lost() -> None:
    """Python swallows what a destructor raises, and a destructor may run at any moment."""
    program = """
import os, signal, time
from probablyexists.cli.main import _Stop

class Left:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

stop = _Stop()
stop.softly = True
try:
    Left()
    print("swallowed")
    time.sleep(20)
except KeyboardInterrupt:
    print("arrived", stop.code)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=15, check=True)
    assert ended.stdout.split("\n")[:2] == ["swallowed", "arrived 130"]
    assert ended.stderr == ""
