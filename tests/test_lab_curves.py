"""What leaks against people and pixels: which designs make a curve, and what would have been seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from probablyexists.basis.errors import InputError
from probablyexists.lab.curves import curves, read_visible
from probablyexists.lab.plot import plot
from probablyexists.lab.pool import UNSEEN, pool
from probablyexists.lab.results_table import table
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.pooled import PooledRun, pooled_difference
from probablyexists.stats.power import smallest_difference

ROWS = Path(__file__).parents[1] / "docs" / "results" / "lab"
SHARE = {"value": 0.6, "low": 0.5, "high": 0.7, "level": 0.95, "method": "Wilson", "n": 50}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROWS / f"{name}.jsonl").read_text().splitlines()]


def cells(found: list[dict[str, Any]]) -> Any:
    return pool(found, lambda _: None)


def at_64(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of diffusion with 3 photos, as if of another size."""
    chosen = [row for row in found if row["training"]["procedure"] == "diffusion" and row["design"]["photos"] == 3]
    return [{**row, "training": {**row["training"], "size": 64}} for row in chosen]


def test_people_with_as_many_images_a_photo_are_one_curve_whose_points_are_the_rows_own() -> None:
    found = rows("evidence")
    (curve,) = curves(cells(found), "people")
    assert (curve.set, curve.procedure, curve.equal) == (
        "lfw",
        "diffusion",
        "3 photos each, 32 pixels, 500 images a photo",
    )
    assert [point.x for point in curve.points] == [20, 60]
    for point in curve.points:
        (row,) = (
            row
            for row in found
            if row["training"]["procedure"] == "diffusion"
            and (row["design"]["people"], row["design"]["photos"]) == (point.x, 3)
        )
        assert vars(point.above) == row["above_baseline"][UNSEEN]
        assert point.n_runs == 1


def test_people_after_as_many_images_in_all_are_a_curve_too() -> None:
    (curve,) = curves(cells(rows("paper")), "people")
    assert (curve.set, curve.equal) == ("people:300x24", "8 photos each, 32 pixels, 100,000 images")
    assert [point.x for point in curve.points] == [20, 60, 220]


def test_the_order_of_runs_changes_no_curve() -> None:
    found = rows("paper")
    assert curves(cells(found[::-1]), "people") == curves(cells(found), "people")


def test_pixels_make_a_curve_where_nothing_else_differs() -> None:
    found = rows("evidence")
    assert curves(cells(found), "size") == []
    by_size = curves(cells(found + at_64(found)), "size")
    assert [curve.equal for curve in by_size] == [f"{n} people, 3 photos each, 500 images a photo" for n in (20, 60)]
    assert [[point.x for point in curve.points] for curve in by_size] == [[32, 64], [32, 64]]
    longer = [{**row, "training": {**row["training"], "images": 1}} for row in at_64(found)]
    assert curves(cells(found + longer), "size") == []


def test_of_two_parts_with_one_design_the_one_with_more_runs_is_the_point() -> None:
    found = [row for row in rows("evidence") if row["training"]["procedure"] == "diffusion"]
    other = [{**row, "part": "another"} for row in found if row["design"]["people"] == 60]
    moved = {**other[0]["above_baseline"][UNSEEN], "value": 0.25}
    other[0]["above_baseline"] = {UNSEEN: moved}
    (curve,) = curves(cells(found + other), "people")
    assert [point.above.value for point in curve.points][1] == 0.25
    assert len(curve.points) == 2


def test_what_would_have_been_seen_by_hand() -> None:
    """Half the width is 1.96 standard errors, and 0.84 more are needed to be above it in 80 %."""
    found = Estimate(0.1, -0.096, 0.296, 0.95, "", 20)
    assert smallest_difference(found) == pytest.approx(0.1 * (1.959964 + 0.841621), rel=1e-4)
    assert norm.sf(1.959964 - smallest_difference(found) / 0.1) == pytest.approx(0.8, abs=1e-3)
    cut_off = Estimate(0.9, 0.704, 1.0, 0.95, "", 20)
    assert smallest_difference(cut_off) == pytest.approx(smallest_difference(found))


def test_a_difference_of_that_size_is_found_in_four_of_five_audits() -> None:
    """20 members against 100 strangers, 300 audits: the difference that their own intervals name."""
    draw = np.random.default_rng(0)

    def audit(shift: float) -> Estimate:
        blind = draw.normal(size=120)
        attack = blind * 0.6 + draw.normal(size=120) * 0.8
        attack[:20] += shift
        sides = range(20), range(20, 120)
        runs = [PooledRun(scores[:20], sides[0], scores[20:], sides[1]) for scores in (attack, blind)]
        found = pooled_difference([runs[0]], [runs[1]])
        assert isinstance(found, Estimate)
        return found

    least = float(np.median([smallest_difference(audit(0.0)) for _ in range(50)]))
    # The AUROC of two normals a shift apart is that of the shift over root 2.
    found = [audit(float(norm.ppf(0.5 + least)) * 2**0.5).low > 0 for _ in range(300)]
    assert 0.74 < np.mean(found) < 0.92


def test_the_table_ends_with_the_curves() -> None:
    said = table(cells(rows("evidence")))
    assert "### by people\n\n| set | procedure | equal | people | runs | above the baseline | seen from |" in said
    assert "500 images a photo | 60 | 1 | +0.23 (+0.14 to +0.32) | +0.13 |" in said


def test_curves_and_the_visible_limit_are_drawn(tmp_path: Path) -> None:
    found = rows("evidence")
    seen = tmp_path / "visible.jsonl"
    line = {"set": "lfw", "what": "TPR at FMR 0.1 %", "share": SHARE}
    seen.write_text("".join(json.dumps({**line, "size": size}) + "\n" for size in (32, 64)))
    visible = read_visible(seen)
    assert [(one.set, one.size, one.share.value) for one in visible] == [("lfw", 32, 0.6), ("lfw", 64, 0.6)]
    with_it = {path.name: path.read_text() for path in plot(cells(found + at_64(found)), tmp_path / "a", visible)}
    without = {path.name: path.read_text() for path in plot(cells(found + at_64(found)), tmp_path / "b")}
    assert with_it.keys() == without.keys()
    assert {"people.svg", "size.svg"} <= with_it.keys()
    assert [name for name in with_it if with_it[name] != without[name]] == ["size.svg"]


@pytest.mark.parametrize("text", ["{}", '{"set": "lfw", "size": "x", "what": "", "share": {"value": 1}}', "[1]", "?"])
def test_a_line_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "visible.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=r"visible\.jsonl"):
        read_visible(path)
    with pytest.raises(InputError, match="give another file"):
        read_visible(tmp_path / "gone.jsonl")
