"""Command lines: many in this process, some whole in a process of their own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_inputs.harm import MARKUP, name
from hostile_inputs.judge import NotOurs
from hostile_inputs.kind import SECRET, Draw, Kind, Planted, chance, pick
from hostile_inputs.lab_files import TOML_TEXTS, damaged_toml
from hostile_inputs.pages import judged_text
from probablyexists.basis.errors import InputError

CODES = (0, 1, 2, 130)
VALUES = (
    *(
        "",
        " ",
        "-1",
        "0",
        "1e999",
        "nan",
        "inf",
        "9" * 5000,
        "99999999999999999999",
        "0.5",
        "true",
        "\x1b[31m",
        "a\nb",
        "\u202e",
    ),
    *(
        "x" * 10_000,
        "module:Name",
        "os:system",
        "os.path:join",
        "../x",
        "/dev/null",
        "/dev/zero",
        "/proc/self/mem",
        "/",
        ".",
        "..",
        "~",
    ),
    *(
        "{0..9}",
        "*",
        "[",
        "s3://x/y",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "--help",
        "-",
        "\udcff",
        "nul\0l",
        *MARKUP[:3],
    ),
)
OPTIONS = {
    "audit": (
        "--training",
        "--heldout",
        "--generated",
        "--unseen",
        "--reference",
        "--out",
        "--samples",
        "--faces",
        "--recogniser",
        "--seed",
        "--level",
        "--more-attacks",
        "--more-recognisers",
        "--threads",
        "--memory",
        "--cache",
        "--config",
        "--engine",
        "--trust-pickle",
        "--json",
        "--dry-run",
    ),
    "ask": (
        "--generated",
        "--reference",
        "--out",
        "--samples",
        "--level",
        "--owner-split",
        "--threads",
        "--memory",
        "--cache",
        "--config",
        "--recogniser",
        "--seed",
    ),
    "blind": ("--generated", "--reference", "--out", "--level", "--samples", "--seed", "--cache", "--config"),
    "embed": ("--out", "--faces", "--recogniser", "--threads", "--cache", "--json"),
    "match": ("--out", "-k", "--threads", "--memory", "--json"),
    "split": ("--out", "--members", "--unseen", "--seed", "--json"),
    "schema": ("--json",),
    "lab table": ("--out",),
    "lab run": ("--out", "--faces", "--device", "--threads", "--cache"),
    "lab leaderboard": ("--plot", "--cache", "--threads"),
    "lab train": (
        "--out",
        "--procedure",
        "--people",
        "--photos",
        "--unseen",
        "--images",
        "--minutes",
        "--size",
        "--base",
        "--batch",
        "--seed",
        "--device",
    ),
    "demo": ("--seed",),
}
FLAGS = ("--trust-pickle", "--json", "--dry-run", "--owner-split")


def arguments(draw: Draw, command: str, places: Callable[[], str]) -> list[str]:
    """A command line with at least one hostile value."""
    given = command.split()
    n_positional = {"ask": 1, "embed": 1, "match": 2, "split": 1, "schema": 1, "lab": 1}.get(given[0], 0)
    values: list[str] = []
    for option in OPTIONS[command]:
        needed = option in ("--training", "--heldout", "--generated", "--out", "--reference")
        if needed or chance(draw, 0.25):
            values += (
                [option] if option in FLAGS else [option, str(pick(draw, VALUES)) if chance(draw, 0.4) else places()]
            )
    for _ in range(n_positional if chance(draw, 0.95) else int(draw.integers(4))):
        values.insert(0, str(pick(draw, VALUES)) if chance(draw, 0.4) else places())
    if chance(draw, 0.1):
        values.append(str(pick(draw, ("--nothing\x1b[31m", "--out", "-z\n", name(draw)))))
    return [value.replace("\0", "") for value in (*given, *values)]


def _judged(code: object, out: str, err: str) -> str:
    """Of a command that ended: raise for what must not be, InputError if it refused, else its output."""
    if "Traceback (most recent call last)" in err or code not in CODES:
        lines = [line.strip() for line in err.splitlines() if line.strip()]
        at = [line for line in lines if line.startswith("File ") and "/probablyexists/" in line]
        where = at[-1].rpartition("/probablyexists/")[2].replace('"', "") if at else ""
        raise NotOurs(
            "crashed",
            f"command ({code}) {where} {lines[-1][:40] if lines else ''}",
            f"code {code}: {' | '.join(lines[-4:])}"[:600],
        )
    if SECRET in out + err:
        raise NotOurs("escaped", "the canary's content was shown", err[-300:])
    said = [line for line in err.splitlines() if line.startswith("probablyexists: ")]
    judged_text(err.replace("\r", "\n"), "what a command says on stderr")
    if code == 2:
        rest = err[err.rindex("probablyexists: ") :].strip() if said else ""
        if said and "\n" in rest:
            raise NotOurs("crashed", "a message of several lines", rest[:300])
        raise InputError(
            said[-1] if said else "usage: " + " ".join(err.split())[-150:].encode("ascii", "replace").decode()
        )
    judged_text(out, "what a command prints on stdout")
    return out


def in_process(argv: list[str]) -> str:
    """Run a command line in this process."""
    from probablyexists.cli.main import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    before, sys.argv = sys.argv, ["probablyexists", *argv]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    finally:
        sys.argv = before
    return _judged(code, out.getvalue(), err.getvalue())


def whole(argv: list[str], cwd: Path, cache: Path) -> str:
    """Run a command line in a process of its own."""
    environment = os.environ | {"PROBABLYEXISTS_CACHE": str(cache), "NO_COLOR": "1"}
    text = [value.replace("\0", "").encode("utf-8", "surrogateescape") for value in argv]
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"probablyexists", *text],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
    )
    return _judged(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def plant_arguments(draw: Draw, folder: Path, _: Any) -> Planted:
    """Nothing that is given exists, so that nothing is computed: only the reading of the command line is tried."""
    command = str(pick(draw, tuple(key for key in OPTIONS if key not in ("demo", "lab train"))))
    (folder / "empty").mkdir()
    (folder / "file.csv").write_bytes(b"path,person\n")
    places = (str(folder / "empty"), str(folder / "file.csv"), str(folder / "nothing"), "1", "training")
    argv = without_ray(arguments(draw, command, lambda: str(pick(draw, places))))
    return Planted(words(argv), lambda: in_process(argv), follows_paths=True)


_CONFIG = 'seed = 3\nlevel = 0.05\nsamples = 5\nmore-attacks = ["plda"]\nfaces = "aligned"\nshow-names = true\n'


def plant_config(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / "config.toml"
    # In the working folder: a path of which a part is deleted would still be what the file asks for.
    places = 'training = "training"\nheldout = "heldout"\ngenerated = "generated"\nout = "results"\n'
    data, note = damaged_toml(draw, places + _CONFIG)
    if chance(draw, 0.3):
        key = pick(draw, ("threads", "memory", "cache", "config", "help", "json", "recogniser"))
        data += f"{key} = {pick(draw, TOML_TEXTS)}\n".encode("utf-8", "surrogatepass")
    at.write_bytes(data)
    odd = pick(draw, ("", *[""] * 15, "fifo", "folder", "zero"))
    if odd:
        at.unlink()
        if odd == "fifo":
            os.mkfifo(at)
        elif odd == "folder":
            at.mkdir()
        else:
            at.symlink_to("/dev/zero")
    return Planted(f"{note} {odd}", lambda: in_process(["audit", "--config", str(at)]), follows_paths=True)


def without_ray(argv: list[str]) -> list[str]:
    """The same without a cluster, which takes longer to start than all else."""
    return ["local" if before == "--engine" else value for before, value in zip(["", *argv[:-1]], argv, strict=True)]


def words(argv: list[str]) -> str:
    """A command line, shortened."""
    return " ".join(ascii(value)[1:-1][:40] for value in argv)[:400]


KINDS = (
    Kind("arguments", "writing", plant_arguments, 1.0),
    Kind("--config", "writing", plant_config, 1.0),
)
