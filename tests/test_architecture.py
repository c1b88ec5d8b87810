"""The house is as docs/architecture.md shows it, and a name is used once."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "probablyexists"
ROWS = re.findall(
    r"^\| (\d+) \| `([^`]+)` \| ([^|]+) \| ([^|]*) ?\|$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE
)
COMMANDS = {
    *("audit", "ask", "blind", "demo", "draw", "embed", "export", "guard", "lab", "recognisers", "reference", "split"),
    *("compare", "reaudit", "withhold"),
    *("train", "run", "plot", "table", "leaderboard", "judge"),
}
"""A command's file in cli/ has the name of what it calls."""


def is_listed(path: Path) -> bool:
    return (path.suffix in (".py", ".c") and path.stem != "__init__") or (path.is_dir() and path.name != "__pycache__")


def test_the_page_lists_every_folder_with_its_files() -> None:
    shown = {name: [part.strip() for part in files.split(",") if part.strip()] for _, name, _, files in ROWS}
    rooms = {path.name + "/": path for path in PACKAGE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    rooms |= {path.name: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert set(shown) == set(rooms)
    for name, path in rooms.items():
        inside = sorted(at.name if at.is_dir() else at.stem for at in path.iterdir()) if path.is_dir() else []
        there = {at.name if at.is_dir() else at.stem for at in path.iterdir() if is_listed(at)} if inside else set()
        assert shown[name] == sorted(there), name
    assert all(line.strip() for _, _, line, _ in ROWS)


def test_the_floors_of_the_page_are_those_that_the_linter_holds() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = [set(layer.split(" | ")) for layer in contracts[0]["layers"]]
    shown: dict[int, set[str]] = {}
    for floor, name, _, _ in ROWS:
        shown.setdefault(int(floor), set()).add(name.removesuffix("/").removesuffix(".py"))
    assert [shown[floor] for floor in sorted(shown, reverse=True)] == held


def test_no_two_files_share_a_name() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.stem != "__init__"]
    outside_cli = Counter(path.stem for path in files if "cli" not in path.parts)
    assert [name for name, n in outside_cli.items() if n > 1] == []
    in_cli = {path.stem for path in files if "cli" in path.parts}
    assert {name for name in in_cli if name in outside_cli} <= COMMANDS
