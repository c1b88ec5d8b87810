"""Kill commands at any moment and give them again: every one must end with the result of an undisturbed run.

    python scripts/kill_anywhere.py --n 100 --seed 0
    python scripts/kill_anywhere.py --n 100 --folder work/   # given again, goes on after the cases already done

Real processes of audit, ask, blind, embed and match on a few drawn people, each with an empty cache. Half of the kills
come at a time drawn from the length of an undisturbed run; half wait, looking on from outside, until the run is in a
stage drawn before, and then some. Seven in ten are SIGKILL, the others SIGINT and SIGTERM, which must also be said in
one line. In every third case of audit, ask and blind the folder holds an earlier result, and --overwrite is given: a
folder with a mark must hold the old result or the new one, never a mixture. A run that ended before its kill is no
case; its result must be whole, and the kill is drawn again. Exit code 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.drawn.population import write_population

COMMANDS = ("audit", "ask", "blind", "embed", "match")
STAGES = ("start-up", "reading", "embedding", "matching", "answers", "writing")
MARKS = {"audit": "findings.json", "ask": "sheet.json", "blind": "frequent.json"}
ANSWERS = ("scoring people", "ranking the person")
MATCHING = ("looking for", "matching samples", *ANSWERS)
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
ODDS = (0.7, 0.15, 0.15)
MISSES = 5
"""Runs that may end before a kill in a stage that is too short to hit; after them the time is drawn."""
LONGEST = 300.0
"""Seconds after which a run counts as hung."""


@dataclass(frozen=True)
class World:
    """Drawn people, a folder a role, and two small tables of embeddings."""

    root: Path

    def draw(self) -> None:
        """People of 64 pixels; members' photos among the samples."""
        for name, people, photos in (
            ("t", range(22), range(2)), ("h", range(22, 46), range(2)), ("g", range(6), range(10, 16)),
            ("other", range(60, 66), range(6)), ("r", range(100, 152), range(2)), ("p", range(1), range(2)),
        ):  # fmt: skip
            write_population(self.root / name, people, photos, size=64)

    def embed(self, root: Path) -> None:
        """Make the tables for `match`."""
        for side in ("r", "t"):
            if not (self.root / f"table-{side}").exists():
                undisturbed("embed", root / f"making-{side}", [str(self.root / side), "--faces", "aligned"])
                shutil.move(root / f"making-{side}" / "out", self.root / f"table-{side}")

    def arguments(self, command: str, generated: str = "g") -> list[str]:
        """Without --out and --cache."""
        at = {name: str(self.root / name) for name in ("t", "h", generated, "r", "p", "table-t", "table-r")}
        return {
            "audit": ["--training", at["t"], "--heldout", at["h"], "--generated", at[generated], "--faces", "aligned"],
            "ask": [at["p"], "--generated", at[generated], "--reference", at["r"], "--faces", "aligned"],
            "blind": ["--generated", at[generated], "--reference", at["r"], "--faces", "aligned"],
            "embed": [at["r"], "--faces", "aligned"],
            "match": [at["table-r"], at["table-t"]],
        }[command]


@dataclass
class Running:
    """A command as a process of its own, in a folder of its own."""

    command: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    def stage(self) -> str:
        """Where it is, seen from outside."""
        out = self.folder / "out"
        if any(out.glob(".writing-*")) or (self.command in ("embed", "match") and out.is_dir()):
            return "writing"
        said = self.said
        if any(words in said for words in ANSWERS):
            return "answers"
        if any(words in said for words in MATCHING):
            return "matching"
        if self.command == "match":
            return "matching" if "pyarrow" in Path(f"/proc/{self.process.pid}/maps").read_text() else "start-up"
        cache = self.folder / "cache"
        if (cache / "embeddings").is_dir():
            return "embedding"
        return "reading" if cache.is_dir() else "start-up"

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(LONGEST)


def start(command: str, folder: Path, given: list[str]) -> Running:
    """Begin the command in `folder`, which is its working folder."""
    asked = [sys.executable, "-m", "probablyexists", command, *given, "--out", "out", "--threads", "2"]
    if command != "match":
        asked += ["--cache", "cache"]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        return Running(command, folder, subprocess.Popen(asked, cwd=folder, stdout=out, stderr=err))


def result(folder: Path) -> dict[str, Any]:
    """Every file of a result, hidden ones too, without dates and durations."""
    return {str(path.relative_to(folder)): _undated(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _undated(path: Path) -> Any:
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            found: dict[str, Any] = json.loads(data)
        except ValueError:
            return data
        for name in ("date", "seconds"):
            found["signature"].pop(name)
        return found
    if path.suffix == ".html":
        return re.sub(rb"\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC|took [^<]*", b"", data)
    return data


@dataclass(frozen=True)
class Whole:
    """An undisturbed run."""

    result: dict[str, Any]
    seconds: float
    begins: dict[str, float]
    """Seconds after which each stage was seen to begin."""

    def length(self, stage: str) -> float:
        """Seconds of the stage."""
        order = sorted(self.begins, key=lambda name: self.begins[name])
        later = order[order.index(stage) + 1 :]
        return (self.begins[later[0]] if later else self.seconds) - self.begins[stage]


def undisturbed(command: str, folder: Path, given: list[str]) -> Whole:
    """Run the command and time its stages."""
    folder.mkdir(parents=True)
    started = time.monotonic()
    running, begins = start(command, folder, given), {"start-up": 0.0}
    while running.process.poll() is None:
        begins.setdefault(_seen(running), time.monotonic() - started)
        time.sleep(0.0005)
    if running.process.returncode:
        raise SystemExit(f"{command} fails undisturbed: {running.said}")
    return Whole(result(folder / "out"), time.monotonic() - started, begins)


def timed_once(command: str, folder: Path, given: list[str]) -> Whole:
    """`undisturbed`, or what an earlier start of this script found."""
    times = folder / "times.json"
    if times.exists():
        return Whole(result(folder / "out"), **json.loads(times.read_text(encoding="utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    whole = undisturbed(command, folder, given)
    times.write_text(json.dumps({"seconds": whole.seconds, "begins": whole.begins}), encoding="utf-8")
    return whole


def _seen(running: Running) -> str:
    try:
        return running.stage()
    except OSError:  # it ended meanwhile
        return "writing"


@dataclass(frozen=True)
class Case:
    """One kill and what became of it."""

    number: int
    command: str
    stage: str
    signal: str
    aimed: bool
    overwrite: bool
    seconds: float
    already_whole: int
    """Runs that had ended before their kill, all with a whole result."""
    faults: tuple[str, ...]


def _aim(running: Running, whole: Whole, stage: str | None, draw: np.random.Generator, tries: int) -> None:
    """Wait until the moment of the kill, sooner after each run that ended before it."""
    if stage is None:
        time.sleep(float(draw.uniform(0, whole.seconds * 0.8**tries)))
        return
    at = STAGES.index(stage)
    while running.process.poll() is None and STAGES.index(_seen(running)) < at:
        time.sleep(0.0002)
    time.sleep(float(draw.uniform(0, whole.length(stage) * 0.5**tries)))


def case(number: int, seed: int, root: Path, world: World, known: dict[str, Whole], old: dict[str, Path]) -> Case:
    """Kill a run, look at what it left, give the command again."""
    draw = np.random.default_rng([seed, number])
    command = list(known)[number % len(known)]
    whole = known[command]
    aimed = bool(number // len(known) % 2)
    overwrite = command in MARKS and number % 3 == 0
    stage = str(draw.choice(sorted(whole.begins))) if aimed else None
    given = [*world.arguments(command), *(["--overwrite"] if overwrite else [])]
    before = result(old[command]) if overwrite else {}
    already_whole = 0
    for tries in range(20):
        folder = root / f"case-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if overwrite:
            shutil.copytree(old[command], folder / "out")
        number_of_signal = SIGNALS[draw.choice(3, p=ODDS)]
        started = time.monotonic()
        running = start(command, folder, given)
        _aim(running, whole, stage if tries < MISSES else None, draw, tries)
        seconds, seen = time.monotonic() - started, _seen(running)
        running.process.send_signal(number_of_signal)
        code = running.ended()
        left = result(folder / "out")
        shown = {name: data for name, data in left.items() if not name.startswith(".")}
        if code == 0 or shown == whole.result:
            already_whole += 1
            if shown != whole.result:
                return Case(number, command, seen, number_of_signal.name, aimed, overwrite, seconds, 0, ("not whole",))
            continue
        break
    faults = []
    if command in MARKS and MARKS[command] in shown and shown != before:
        faults.append("a mark without its whole result")
    said = running.said
    if number_of_signal != signal.SIGKILL and "cli/main.py" in said:
        faults.append(f"more than a line: {said[-300:]}")
    again = start(command, folder, given)
    if again.ended():
        faults.append(f"given again: exit code {again.process.returncode}: {again.said[-300:]}")
    elif result(folder / "out") != whole.result:
        faults.append("another result")
    if not faults:
        shutil.rmtree(folder)
    name = number_of_signal.name
    return Case(number, command, seen, name, aimed, overwrite, seconds, already_whole, tuple(faults))


def table(cases: list[Case]) -> str:
    """Markdown: killed and resumed to the same result, by stage, command and signal."""
    lines = ["| | killed | resumed to the same result |", "|---|---|---|"]
    for kind in ("stage", "command", "signal"):
        killed = Counter(getattr(case, kind) for case in cases)
        good = Counter(getattr(case, kind) for case in cases if not case.faults)
        order = STAGES if kind == "stage" else sorted(killed)
        lines += [f"| {kind} {name} | {killed[name]} | {good[name]} |" for name in order if killed[name]]
    over = [case for case in cases if case.overwrite]
    lines.append(f"| with --overwrite | {len(over)} | {sum(not case.faults for case in over)} |")
    lines.append(f"| all | {len(cases)} | {sum(not case.faults for case in cases)} |")
    ended = sum(case.already_whole for case in cases)
    return "\n".join([*lines, "", f"{ended} more runs had ended before their kill, with a whole result."])


def prepared(root: Path, commands: list[str]) -> tuple[World, dict[str, Whole], dict[str, Path]]:
    """The people; for each command an undisturbed run, and the folder of an earlier result to replace."""
    world = World(root / "world")
    if not world.root.exists():
        world.draw()
    if "match" in commands:
        world.embed(root)
    known, old = {}, {}
    for command in commands:
        known[command] = timed_once(command, root / "undisturbed" / command, world.arguments(command))
        print(f"{command}: {known[command].seconds:.1f} s undisturbed", flush=True)
        if command in MARKS:
            timed_once(command, root / "earlier" / command, world.arguments(command, "other"))
            old[command] = root / "earlier" / command / "out"
    return world, known, old


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--folder", type=Path, help="keep the work here, and go on with it")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background, and so by what it starts
    with tempfile.TemporaryDirectory() as name:
        root = chosen.folder or Path(name)
        world, known, old = prepared(root, chosen.commands)
        log = root / f"cases-{chosen.seed}-{'-'.join(chosen.commands)}.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        cases = [Case(**json.loads(line)) for line in lines]
        for number in range(len(cases), chosen.n):
            found = case(number, chosen.seed, root, world, known, old)
            cases.append(found)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            print(
                f"{number + 1:4d} {found.command:<6}{found.stage:<10}{found.signal:<8} after {found.seconds:5.2f} s"
                f"{' --overwrite' if found.overwrite else ''}: {'; '.join(found.faults) or 'resumed, equal'}",
                flush=True,
            )
    print(f"\n{table(cases)}")
    return int(any(case.faults for case in cases))


if __name__ == "__main__":
    sys.exit(main())
