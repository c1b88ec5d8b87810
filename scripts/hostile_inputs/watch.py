"""Workers: processes that read inputs one after another, watched from outside for time, memory and death."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile_inputs.judge import Fault, Outcome

LONGEST = 30.0
MOST_MEMORY = 2 << 30
KILL_AT = 5 << 30
STARTING = 180.0


def _status(pid: int, key: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found[1:]


@dataclass
class Worker:
    """One process; started again when it dies or is stopped."""

    script: Path
    root: Path
    seed: int
    process: subprocess.Popen[bytes] | None = None
    _starved: bool = False

    def start(self) -> None:
        self.stop()
        asks, self._answers = os.pipe()
        self._asked, says = os.pipe()
        self.root.mkdir(parents=True, exist_ok=True)
        home, tmp = self.root / "home", self.root / "tmp"
        env = os.environ | {"HOME": str(home), "TMPDIR": str(tmp), "PROBABLYEXISTS_CACHE": str(self.root / "cache")}
        env |= {
            "OMP_NUM_THREADS": "1",
            "PYTHONFAULTHANDLER": "1",
            "COLUMNS": "200",
            "XDG_CACHE_HOME": str(home / ".cache"),
            "MPLCONFIGDIR": str(tmp / "matplotlib"),  # elsewhere by default, as the README says
        }
        with (self.root / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(self.script),
                    "--worker",
                    f"{asks},{says}",
                    "--seed",
                    str(self.seed),
                    "--at",
                    str(self.root),
                ],
                pass_fds=(asks, says),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                start_new_session=True,
            )
        os.close(asks)
        os.close(says)
        self._buffer = b""
        self._line(STARTING)

    def stop(self) -> None:
        if self.process is not None:
            for end in (self._answers, self._asked):
                os.close(end)
            for pid in [*descendants(self.process.pid), self.process.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.process.wait()
            self.process = None

    def _line(self, longest: float) -> tuple[dict[str, Any] | str, int]:
        """The worker's next answer, or "died" or "hung" or "memory"; and the most memory seen."""
        assert self.process is not None
        until, peak = time.monotonic() + longest, 0
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._asked], [], [], 0.1)
            peak = max([peak, *(_status(pid, "VmRSS") for pid in (self.process.pid, *descendants(self.process.pid)))])
            if ready:
                more = os.read(self._asked, 1 << 16)
                if not more:
                    return "died", peak
                self._buffer += more
            elif peak > KILL_AT:
                return "memory", peak
            elif time.monotonic() > until:
                return "hung", peak
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line), peak

    def judge(self, kind: str, number: int) -> Outcome:
        """Have one input read; one that takes too long, because the machine is busy, is tried a second time."""
        outcome = self._judge(kind, number)
        if any(fault.column.startswith("hung") for fault in outcome.faults) and self._starved:
            outcome = self._judge(kind, number)
        return outcome

    def _judge(self, kind: str, number: int) -> Outcome:
        if self.process is None:
            self.start()
        os.write(self._answers, json.dumps([kind, number]).encode() + b"\n")
        begun, _ = self._line(STARTING)
        started, before = time.monotonic(), self._cpu()
        answer, peak = self._line(LONGEST) if isinstance(begun, dict) else (begun, 0)
        if isinstance(answer, dict):
            faults = [Fault(**fault) for fault in answer.pop("faults")]
            outcome = Outcome(**answer, faults=faults)
            outcome.peak = max(peak, outcome.peak)
        else:
            outcome = Outcome(kind, number, begun["begun"] if isinstance(begun, dict) else "while it was made", answer)
            outcome.peak = peak
            self._starved = self._cpu() - before < LONGEST / 3 and self._state() == "R"
            where = self._last_words()
            if answer == "died":
                assert self.process is not None
                code = self.process.wait()
                outcome.add("crashed", f"the process died ({code}): {where}", where)
            elif answer == "hung":
                outcome.add("hung > 30 s", where, where)
            self.stop()
        if outcome.peak > MOST_MEMORY:
            outcome.add("over 2 GiB", f"{outcome.kind}", f"{outcome.peak / 2**30:.1f} GiB [{outcome.note}]")
        outcome.seconds = time.monotonic() - started
        return outcome

    def _state(self) -> str:
        assert self.process is not None
        try:
            return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return ""

    def _cpu(self) -> float:
        """Seconds of a core that the process and its children have used."""
        assert self.process is not None
        used = 0.0
        for pid in (self.process.pid, *descendants(self.process.pid)):
            try:
                parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            used += sum(map(int, parts[11:13])) / os.sysconf("SC_CLK_TCK")
        return used

    def _last_words(self) -> str:
        """The line of the package that the process was at, from the trace that SIGABRT makes Python write."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGABRT)
            time.sleep(0.3)
        text = (self.root / "log").read_text(errors="replace")[-20_000:]
        lines = [line.strip() for line in text.splitlines() if line.lstrip().startswith("File ")]
        ours = [line for line in lines if "/probablyexists/" in line and "hostile_inputs" not in line]
        return (
            (ours or lines or ["?"])[0]
            .replace('"', "")
            .removeprefix("File ")
            .rpartition("/src/probablyexists/")[2][:160]
        )
