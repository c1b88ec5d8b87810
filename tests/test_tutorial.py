"""The tutorial runs, and finds what it planted."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial" / "first_audit.py"


def test_the_tutorial_finds_what_it_planted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    held = runpy.run_path(str(TUTORIAL), run_name="__main__")
    assert held["findings"].verdict == "leak"
    assert held["named"] == held["truth"]
    assert held["found_copied"] == {held["copied"]}
    assert (held["sheet"].evidence, held["stranger"].evidence) == ("evidence", "no evidence")
    assert held["refused"] >= held["secret"]
    assert len(held["refused"] - held["secret"]) <= 12  # 5 % of some 90 are expected
    assert "remembered: person-0000, person-0001" in capsys.readouterr().out


def test_the_tutorial_is_cells_that_notebooks_read() -> None:
    """Percent format: every line is below a mark of a cell, and text cells are comments."""
    cells = TUTORIAL.read_text().split("# %%")
    assert cells[0] == ""
    for cell in cells[1:]:
        mark, _, body = cell.partition("\n")
        assert mark in ("", " [markdown]")
        lines = body.rstrip("\n").splitlines()
        assert lines
        if mark:
            assert all(not line or line == "#" or line.startswith("# ") for line in lines)
        else:
            assert any(not line.startswith("#") for line in lines)
    assert sum(cell.startswith(" [markdown]") for cell in cells) >= 10
