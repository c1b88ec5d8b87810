"""Fill the disk of the cache, then that of the results, to ten levels: one line, nothing lost, and the command goes on.

    python scripts/full_disk.py                  # as root, or below: unshare --map-root-user --mount
    python scripts/full_disk.py --command embed

A command runs on a few drawn people with its cache, or its output folder, on a file system in memory that has room for
0, 10, ... 90 % of what an undisturbed run writes there. It must end with exit code 2 and one line that names a file (or
succeed with the same result, where less room is enough). An earlier result in the output folder must be as it was. Then
the file system gets room, and the same command must end with the result of the undisturbed run. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kill_anywhere import COMMANDS, MARKS, World, result, start, undisturbed

LEVELS = range(10)
PAGE = 4096


def sized(folder: Path, size: int, *, new: bool) -> None:
    """A file system in memory of `size` bytes at `folder`; not `new`: the one there gets this size."""
    option = f"size={max(size // PAGE, 1) * PAGE}" if new else f"remount,size={size}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", folder], check=True)


def taken(folder: Path) -> int:
    """Bytes on disk, in whole pages."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", choices=COMMANDS, default="audit")
    command = parser.parse_args().command
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        world = World(root / "world")
        world.draw()
        if command == "match":
            world.embed(root)
        whole = undisturbed(command, root / "undisturbed", world.arguments(command))
        if command in MARKS:
            undisturbed(command, root / "earlier", world.arguments(command, "other"))
        given = [*world.arguments(command), *(["--overwrite"] if command in MARKS else [])]
        print(f"| {command}: on the full disk | room for | exit code | said | then, with room |\n|---|---|---|---|---|")
        for place in ("cache", "out") if command != "match" else ("out",):
            for level in LEVELS:
                folder = root / f"{place}-{level}"
                (folder / place).mkdir(parents=True)
                has_earlier = command in MARKS and place == "out"
                room = taken(root / "undisturbed" / place) * level // len(LEVELS)
                room += taken(root / "earlier" / "out") if has_earlier else 0
                sized(folder / place, room, new=True)
                try:
                    if has_earlier:
                        shutil.copytree(root / "earlier" / "out", folder / "out", dirs_exist_ok=True)
                    first = start(command, folder, given)
                    code = first.ended()
                    lines = [line for line in first.said.splitlines() if line.startswith("probablyexists: ")]
                    good = (code == 2 and len(lines) == 1) or (code == 0 and result(folder / "out") == whole.result)
                    good &= "Traceback" not in first.said
                    if has_earlier and code:
                        good &= result(folder / "out") == result(root / "earlier" / "out")
                    sized(folder / place, 1 << 28, new=False)
                    again = "-"
                    if code:
                        ended = start(command, folder, given).ended()
                        same = result(folder / "out") == whole.result
                        again = f"exit code {ended}, {'the same result' if same else 'ANOTHER RESULT'}"
                        good &= ended == 0 and same
                finally:
                    subprocess.run(["umount", folder / place], check=True)
                faults += not good
                said = lines[0].removeprefix("probablyexists: ") if lines else first.said[-200:] if code else ""
                print(f"| {place} | {level * 10} % | {code} | {said} | {again}{'' if good else ' WRONG'} |", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
