"""The grid of audits in which nothing leaks: its functions on a few audits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import null_grid

REGIMES = ["20-members", "samples-10"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nulls")
    null_grid.run(folder, REGIMES, audits=2, processes=1)
    return folder


def test_an_interrupted_grid_goes_on_where_it_stopped(work: Path) -> None:
    """A third audit is added, and a line that was cut off is done again."""
    file = work / "samples-10.jsonl"
    first, second = file.read_text().splitlines()
    file.write_text(first + "\n" + second[:20] + "\n")
    untouched = (work / "20-members.jsonl").read_text()
    lines = null_grid.run(work, REGIMES, audits=3, processes=1)
    assert sorted((line["regime"], line["audit"]) for line in lines) == [(r, s) for r in REGIMES for s in range(3)]
    assert (work / "20-members.jsonl").read_text().startswith(untouched)
    assert not {line["verdict"] for line in lines} - {"leak", "no evidence", "inconclusive"}


def test_an_audit_depends_on_its_regime_and_number_alone(work: Path) -> None:
    (before,) = (line for line in null_grid.done(work) if (line["regime"], line["audit"]) == ("samples-10", 0))
    again = null_grid.one_audit(("samples-10", 0))
    assert {**again, "seconds": 0} == {**before, "seconds": 0}


def test_a_row_counts_each_verdict_once() -> None:
    line = {"regime": "hubs", "rules": [], "seconds": 1.0}
    lines = [line | {"verdict": "leak", "rules": ["named"]}, line | {"verdict": "inconclusive"}]
    row = null_grid.table(lines, [*REGIMES, "hubs"]).splitlines()[-1]
    assert row == "| hubs | 2 | 1 | 50.0 (9.5 to 90.5) | 0 | 1 | 0 | 1 / 0 / 0 | 1.00 |"
