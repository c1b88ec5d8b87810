"""The lab's curves, as SVG: what leaks against people, photos, pixels and training time, and exposure against dose."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probablyexists.basis.errors import required
from probablyexists.basis.files import written_whole
from probablyexists.lab.curves import Axis, Curve, Visible, curves
from probablyexists.lab.leaderboard import Place
from probablyexists.lab.pool import SEEN, UNSEEN, Cell, answer_of, figure
from probablyexists.stats.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, Estimate]
Curves = Mapping[str, Sequence[Point]]
"""Label -> (x, AUROC with its interval), sorted by x."""

_DASHES = ("-", "--", ":")
"""Line styles: there are ten colours, then the next ten curves are dashed."""


_AXES: Mapping[Axis, str] = {
    "people": "people in the training set",
    "photos": "training photos a person",
    "size": "pixels, width and height",
}


def plot(cells: Sequence[Cell], folder: Path, visible: Sequence[Visible] = ()) -> list[Path]:
    """Write the curves with at least two points; return the files.

    `visible`: what a recogniser sees of real photos of each size, drawn beside the curves over pixels.
    """
    written = []
    over_time = _over_time(cells)
    if any(len(points) > 1 for points in over_time.values()):
        written.append(_write(folder / "time.svg", _auroc_axes, over_time, "training images shown"))
    for axis, label in _AXES.items():
        if found := curves(cells, axis):
            seen = [one for one in visible if axis == "size" and one.set in {curve.set for curve in found}]
            written.append(_write(folder / f"{axis}.svg", _above_axes, found, label, seen))
    dosed = [cell for cell in cells if len({photos for photos, _ in _exposures(cell)}) > 1]
    written += [_write(folder / f"dose-{i}.svg", _dose_axes, cell) for i, cell in enumerate(dosed, start=1)]
    return written


def plot_leaderboard(found: Sequence[Place], path: Path) -> Path:
    """The attacks, best on top: AUROC by person on unseen and on seen photos, and without the generator."""
    return _write(path, _attack_axes, found)


def _over_time(cells: Sequence[Cell]) -> Curves:
    """AUROC of unseen photos, by person, at each snapshot; the mean over runs, and of their limits' distances."""
    curves: dict[str, list[Point]] = {}
    for cell in cells:
        at: dict[int, list[Estimate]] = {}
        for row in cell.rows:
            for point in [*row["curve"], row]:
                answer = answer_of(point, UNSEEN, "person")
                found = figure(answer["auroc"]) if answer else None
                if isinstance(found, Estimate):
                    at.setdefault(point["images"], []).append(found)
        label = f"{cell.set}, {cell.procedure}"
        if at:
            curves.setdefault(label, [(float(images), _mean(of_runs)) for images, of_runs in sorted(at.items())])
    return curves


def _mean(found: Sequence[Estimate]) -> Estimate:
    """Runs taken as independent: good for looking; the table has the pooled interval."""
    n = len(found)
    value = sum(f.value for f in found) / n
    below = math.sqrt(sum((f.value - f.low) ** 2 for f in found)) / n
    above = math.sqrt(sum((f.high - f.value) ** 2 for f in found)) / n
    return Estimate(value, value - below, value + above, found[0].level, "mean of runs", n)


def _exposures(cell: Cell) -> list[tuple[float, float]]:
    """(training photos, exposure on unseen photos) of every member of every run."""
    return [(photos, value) for row in cell.rows for photos, value in row["exposures"].get(UNSEEN, [])]


def _attack_axes(axes: Axes, found: Sequence[Place]) -> None:
    axes.axvline(0.5, color="0.6", linewidth=1, linestyle="--")
    kinds = (
        ("unseen photos", "o", [at.auroc[UNSEEN, "person"] for at in found]),
        ("seen photos", "s", [at.auroc[SEEN, "person"] for at in found]),
        ("unseen photos, blind", "x", [at.blind for at in found]),
    )
    for number, (label, marker, figures) in enumerate(kinds):
        shown = [(row + 0.22 * (number - 1), f) for row, f in enumerate(figures) if isinstance(f, Estimate)]
        y, x = [row for row, _ in shown], [f.value for _, f in shown]
        error = [[f.value - f.low for _, f in shown], [f.high - f.value for _, f in shown]]
        axes.errorbar(x, y, xerr=error, fmt=marker, markersize=4, elinewidth=0.8, label=label)
    axes.set_yticks(range(len(found)), [at.attack for at in found], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("AUROC by person, pooled over victims, 95 % interval")
    axes.legend(fontsize=8, frameon=False)


def _auroc_axes(axes: Axes, curves: Curves, label: str) -> None:
    axes.axhline(0.5, color="0.6", linewidth=1, linestyle="--")
    for number, (name, points) in enumerate(item for item in curves.items() if len(item[1]) > 1):
        # Shifted a little, so that intervals at one x do not cover each other.
        x = [at * 1.015**number for at, _ in points]
        _bars(axes, x, [f for _, f in points], linestyle=_DASHES[number // 10 % len(_DASHES)], label=name)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("AUROC, unseen photos, by person")
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _above_axes(axes: Axes, found: Sequence[Curve], label: str, visible: Sequence[Visible]) -> None:
    axes.axhline(0, color="0.6", linewidth=1, linestyle="--")
    for number, curve in enumerate(found):
        x = [point.x * 1.015**number for point in curve.points]
        named = f"{curve.set}, {curve.procedure},\n" + ",\n".join(curve.equal.rsplit(", ", 1))
        dashes = _DASHES[number // 10 % len(_DASHES)]
        color = _bars(axes, x, [p.above for p in curve.points], linestyle=dashes, label=named)[0].get_color()
        axes.plot(x, [point.seen_from for point in curve.points], "_", color=color, markersize=12)
    axes.plot([], [], "_", color="0.3", markersize=12, label="seen with 80 % power\nfrom here up")
    axes.set_xscale("log")
    ticks = sorted({point.x for curve in found for point in curve.points})
    axes.set_xticks(ticks, [str(x) for x in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label)
    axes.set_ylabel("AUROC above the baseline, unseen photos, by person")
    if visible:
        _visible_axes(axes, visible)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.25 if visible else 1, 0.5))


def _bars(axes: Axes, x: Sequence[float], figures: Sequence[Estimate], **style: Any) -> Any:
    """A line through the values, with their intervals."""
    error = [[f.value - f.low for f in figures], [f.high - f.value for f in figures]]
    drawn: dict[str, Any] = {"marker": "o", "markersize": 4, "elinewidth": 0.7, **style}
    return axes.errorbar(x, [f.value for f in figures], error, **drawn)


def _visible_axes(axes: Axes, visible: Sequence[Visible]) -> None:
    """Another scale, on the right: the share of real photos of each size that a recogniser knows."""
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.set_ylim(0, 1)
    right.set_ylabel(f"real photos of this size: {visible[0].what}", color="0.4")
    for name, marker in zip(dict.fromkeys(one.set for one in visible), itertools.cycle("sDv^")):
        its = sorted((one for one in visible if one.set == name), key=lambda one: one.size)
        x, shares = [float(one.size) for one in its], [one.share for one in its]
        _bars(right, x, shares, marker=marker, linestyle=":", color="0.6")
        axes.plot([], [], marker, color="0.6", linestyle=":", label=f"{name}, real photos\n(scale on the right)")


def _dose_axes(axes: Axes, cell: Cell) -> None:
    points = _exposures(cell)
    axes.plot(*zip(*points, strict=True), "o", markersize=5, alpha=0.6)
    slope = cell.dose.get(UNSEEN)
    if isinstance(slope, Estimate):
        x = [math.log2(photos) for photos, _ in points]
        middle, height = sum(x) / len(x), sum(value for _, value in points) / len(points)
        ends = min(x), max(x)
        axes.plot([2**e for e in ends], [height + slope.value * (e - middle) for e in ends], color="0.3")
    axes.axhline(0, color="0.6", linewidth=1, linestyle="--")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("training photos of a person")
    axes.set_ylabel("exposure on unseen photos (held-out people: 0, sd 1)")
    axes.set_title(f"{cell.part}: {cell.set}, {cell.procedure}", fontsize=10)


def _write(path: Path, paint: Callable[..., None], *shown: object) -> Path:
    """`paint(axes, *shown)` as an SVG file."""
    matplotlib = required("matplotlib", "lab")
    from matplotlib.figure import Figure

    style: dict[str, Any] = {"svg.hashsalt": path.name, "axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.rc_context(style):
        picture = Figure(figsize=(7.5, 4.5), layout="constrained")
        paint(picture.subplots(), *shown)
        with written_whole(path) as aside:
            picture.savefig(aside, format="svg", metadata={"Date": None})
    return path
