"""Ten thousand hostile inputs: every reader, every opener, the store, tables, findings, and whole commands.

    python scripts/hostile.py --n 10000 --seed 0
    python scripts/hostile.py --only "source: zip:17" --out kept/   # one input again, and its files

Each input is made from its seed, kind and number alone. It is read in a process of its own folder; the last six
columns of the table count what must never happen. Exit code 1 if one of them is not 0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from hostile_inputs.catalogue import KINDS, kinds_by_name
from hostile_inputs.judge import COLUMNS, Auditor, Jail, Outcome, judge, plant
from hostile_inputs.kind import Kind
from hostile_inputs.watch import Worker
from hostile_inputs.world import World

Task = tuple[str, int]
MOST_KEPT = 64 << 20


def tasks(kinds: Sequence[Kind], n: int, whole: int) -> list[Task]:
    """Which inputs: by each kind's share, the kinds mixed; `whole` of them whole commands."""
    wholes = [kind for kind in kinds if kind.whole]
    others = [kind for kind in kinds if not kind.whole]
    found: list[tuple[float, str, int]] = []
    for some, many in ((wholes, min(whole, n) if others else n), (others, n - min(whole, n) if wholes else n)):
        total = sum(kind.share for kind in some)
        done = 0.0
        for kind in some:
            first, done = round(done * many / total), done + kind.share
            count = round(done * many / total) - first
            found += [((i + 0.5) / count, kind.name, i) for i in range(count)]
    return [(kind, number) for _, kind, number in sorted(found)]


def table(kinds: Sequence[Kind], outcomes: Sequence[Outcome]) -> str:
    """Markdown: a row a kind."""
    head = ("input", "tried", "refused", "read", *COLUMNS, "what a damaged one must give, if read")
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 2) + "|---|"]
    total: Counter[str] = Counter()
    for kind in kinds:
        its = [outcome for outcome in outcomes if outcome.kind == kind.name]
        counts = Counter(outcome.result for outcome in its if outcome.result in ("refused", "read"))
        for outcome in its:
            counts.update({fault.column for fault in outcome.faults})
        counts["tried"] = len(its)
        if its:
            total += counts
            lines.append(_line(kind.name, counts, kind.oracle or "-"))
    return "\n".join([*lines, _line("**all**", total, "")])


def _line(name: str, counts: Counter[str], oracle: str) -> str:
    cells = [f"{counts[column]:,}" for column in ("tried", "refused", "read", *COLUMNS)]
    return "| " + " | ".join([name, *cells, oracle]) + " |"


def faults(outcomes: Sequence[Outcome]) -> str:
    """Each fault once, by where it happens, with the inputs that show it."""
    same: dict[tuple[str, str], list[tuple[Outcome, str]]] = defaultdict(list)
    for outcome in outcomes:
        for fault in outcome.faults:
            same[fault.column, fault.where].append((outcome, fault.text))
    lines = []
    for (column, where), shown in sorted(same.items(), key=lambda item: (item[0][0], -len(item[1]))):
        first, text = shown[0]
        numbers = ", ".join(f"{o.kind}:{o.number}" for o, _ in shown[:4])
        lines.append(f'- **{column}** ({len(shown)}x) at {where}: {text[:260]} [{first.note[:120]}] --only "{numbers}"')
    return "\n".join(lines)


def work(args: argparse.Namespace) -> None:
    """A worker: reads tasks from a pipe, one after another."""
    asks, says = map(int, args.worker.split(","))
    root = Path(args.at)
    jail, known = Jail(root), kinds_by_name()
    os.chdir(root / "in")
    auditor, world = Auditor(jail), World(root.parent / "base", root)
    with os.fdopen(asks, "rb") as asked:
        os.write(says, b'{"ready": 1}\n')
        for line in asked:
            kind, number = json.loads(line)
            planted = plant(known[kind], args.seed, number, jail, world)
            os.write(says, json.dumps({"begun": planted.note}).encode() + b"\n")
            Path("/proc/self/clear_refs").write_text("5")
            outcome = judge(planted, kind, number, jail, auditor)
            peaks = [row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")]
            outcome.peak = max(outcome.peak, int(peaks[0].split()[1]) << 10)
            os.write(says, json.dumps(outcome.as_json()).encode() + b"\n")


def run(todo: list[Task], args: argparse.Namespace, root: Path) -> list[Outcome]:
    """All inputs, by `--jobs` workers."""
    outcomes: list[Outcome] = []
    lock, started, n = threading.Lock(), time.monotonic(), len(todo)
    waiting = iter(todo)

    def take(number: int) -> None:
        worker = Worker(Path(__file__).resolve(), root / f"w{number}", args.seed)
        try:
            while True:
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                outcome = worker.judge(*task)
                if args.out and (outcome.faults or args.only):
                    keep(outcome, worker.root, args.out)
                with lock:
                    outcomes.append(outcome)
                    if args.out:
                        args.out.mkdir(parents=True, exist_ok=True)
                        with (args.out / "outcomes.jsonl").open("a") as log:
                            log.write(json.dumps(outcome.as_json()) + "\n")
                    show(len(outcomes), n, started, sum(bool(o.faults) for o in outcomes))
        finally:
            worker.stop()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(args.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(file=sys.stderr)
    return sorted(outcomes, key=lambda o: (o.kind, o.number))


def show(done: int, n: int, started: float, bad: int) -> None:
    spent = time.monotonic() - started
    left = spent / done * (n - done)
    if sys.stderr.isatty() or done % 200 == 0 or done == n:
        end = "\r" if sys.stderr.isatty() else "\n"
        said = f"{done:,} of {n:,}, {bad:,} with a fault, {spent:.0f} s, {left:.0f} s left"
        print(said, end=end, file=sys.stderr, flush=True)


def keep(outcome: Outcome, root: Path, out: Path) -> None:
    """The input, and a line that says how it was made and what it did."""
    name = "".join(c if c.isalnum() else "-" for c in outcome.kind) + f"-{outcome.number}"
    target = out / name
    shutil.rmtree(target, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    files = [path for path in (root / "in").rglob("*") if path.is_file() and not path.is_symlink()]
    try:
        if sum(path.lstat().st_size for path in files) < MOST_KEPT:
            shutil.copytree(root / "in", target, symlinks=True, ignore=_no_pipes)
    except (OSError, shutil.Error) as error:
        print(f"{name}: not kept whole ({type(error).__name__})", file=sys.stderr)
    (out / f"{name}.json").write_text(json.dumps(outcome.as_json(), indent=1) + "\n")


def _no_pipes(folder: str, names: list[str]) -> list[str]:
    kinds = (os.path.islink, os.path.isfile, os.path.isdir)
    return [name for name in names if not any(kind(os.path.join(folder, name)) for kind in kinds)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000, help="inputs")
    parser.add_argument("--whole", type=int, default=200, help="of them whole commands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="only kinds whose name contains this; several with commas")
    parser.add_argument("--only", default="", help="KIND:NUMBER, several with commas: these inputs alone")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keep each input that shows a fault here")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return 0
    words = [word for word in args.kinds.split(",") if word]
    kinds = [kind for kind in KINDS if not words or any(word in kind.name for word in words)]
    if args.only:
        asked = [entry.strip().rpartition(":") for entry in args.only.split(",")]
        todo = [(kind, int(number)) for kind, _, number in asked]
    else:
        todo = tasks(kinds, args.n, args.whole)
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        outcomes = run(todo, args, Path(folder))
    print(table(kinds, outcomes))
    bad = [outcome for outcome in outcomes if outcome.faults]
    if args.only:
        for outcome in outcomes:
            print(f"\n{outcome.kind}:{outcome.number}: {outcome.note}\n{outcome.result}: {outcome.said}")
    if bad:
        print(f"\n{len(bad)} inputs show a fault:\n\n{faults(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
