"""What leaks against one number of the design, where nothing else differs: people, photos a person, or pixels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from probablyexists.basis.errors import InputError
from probablyexists.basis.plain_files import MOST_JSON, json_line, read_plain
from probablyexists.basis.text import shown
from probablyexists.lab.pool import UNSEEN, Cell, figure
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.power import smallest_difference

Axis = Literal["people", "photos", "size"]


@dataclass(frozen=True)
class Point:
    """One design."""

    x: int
    """People, photos a person, or pixels."""
    n_runs: int
    above: Estimate
    """AUROC of unseen photos by person less the baseline's, pooled over the runs."""
    seen_from: float
    """The smallest such difference that these runs would have shown with 80 % power (`power.smallest_difference`)."""


@dataclass(frozen=True)
class Curve:
    """Designs that differ in one number, each photo shown as often, or as many images shown in all."""

    set: str
    procedure: str
    equal: str
    """What is the same: "3 photos each, 32 pixels, 500 images a photo", or "..., 100,000 images" in all."""
    points: tuple[Point, ...]
    """Two or more, sorted."""


@dataclass(frozen=True)
class Visible:
    """What a recogniser sees of real photos reduced to a size; one line of a file that --visible names."""

    set: str
    size: int
    what: str
    """Of the share: "TPR at FMR 0.1 %"."""
    share: Estimate
    """0 to 1"""


def curves(cells: Sequence[Cell], axis: Axis) -> list[Curve]:
    """Curves over `axis`, in the order of the cells; doses, and cells that are not pooled, are left out.

    Of two parts with one design the one with more runs is the point, of equals the later.
    """
    groups: dict[tuple[str, str], dict[int, tuple[Cell, Point]]] = {}
    for cell in cells:
        above = cell.above.get(UNSEEN)
        if not isinstance(above, Estimate) or cell.rows[0]["design"]["dose"]:
            continue
        row = cell.rows[0]
        x = row["training" if axis == "size" else "design"][axis]
        if not isinstance(x, int):
            continue
        free = (axis, "images", "seed", "people_seed")
        rest = [{k: v for k, v in row[part].items() if k not in free} for part in ("design", "training")]
        alike = json.dumps([cell.set, rest, row["samples"]], sort_keys=True)
        images = row["training"]["images"] or row["images"]
        point = Point(x, len(cell.rows), above, smallest_difference(above))
        design = {"people": f"{row['design']['people']} people", "photos": f"{row['design']['photos']} photos each"}
        design["size"] = f"{row['training']['size']} pixels"
        same = ", ".join(words for name, words in design.items() if name != axis)
        for equal in (f"{images / row['n_trained_on']:,.0f} images a photo", f"{images:,} images"):
            points = groups.setdefault((alike, f"{same}, {equal}"), {})
            if x not in points or points[x][1].n_runs <= point.n_runs:
                points[x] = cell, point
    found: dict[tuple[int, ...], Curve] = {}
    for (_, equal), points in groups.items():
        if len(points) > 1:
            its = [points[x] for x in sorted(points)]
            curve = Curve(its[0][0].set, its[0][0].procedure, equal, tuple(point for _, point in its))
            # Where the number of photos is the same, as many images are as many images a photo: one curve.
            found.setdefault(tuple(id(point) for point in curve.points), curve)
    return list(found.values())


def read_visible(path: Path) -> list[Visible]:
    """Lines of JSON, each with `set`, `size`, `what` and `share` (a figure, as in a row). InputError."""
    try:
        lines = [json_line(line, path) for line in read_plain(path, MOST_JSON).splitlines() if line.strip()]
        found = []
        for line in lines:
            share = figure(line["share"])
            if isinstance(share, Estimate):
                found.append(Visible(str(line["set"]), int(line["size"]), str(line["what"]), share))
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror}); give another file") from None
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"{shown(path)}: a line lacks set, size, what or share, which is a figure ({error})") from None
    return found
