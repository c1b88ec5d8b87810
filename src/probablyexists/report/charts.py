"""The charts of the report: what each answer's numbers look like."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probablyexists.report.svg import ALARM, BAND, INK, LINE, MEMBER, MUTED, NARROW, PAPER, STRANGER, WIDE, Chart, draw
from probablyexists.report.words import counted, number, percent
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS_NAMED = 400
"""More named people than this are drawn as a histogram of their own, not one mark each."""


def membership_chart(findings: Findings) -> Chart | None:
    """AUROC of every population and level, with the split baseline, around the line of guessing; None without any."""
    order = sorted(findings.membership, key=lambda m: (m.population == "seen photos", m.level == "photo"))
    rows: list[tuple[str, Figure]] = [(f"{m.population}, by {m.level}", m.auroc) for m in order]
    rows.append(("split baseline", findings.split_baseline.auroc))
    lows = [figure.low for _, figure in rows if isinstance(figure, Estimate)]
    if not lows:
        return None
    left = max(0.0, math.floor(min([0.4, *lows]) * 10) / 10)

    def paint(axes: Axes) -> None:
        for y, (label, figure) in enumerate(reversed(rows)):
            colour = STRANGER if label == "split baseline" else MEMBER
            _interval(axes, figure, y, colour)
        axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        _above(axes, 0.5, "guessing")
        axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(left - 0.01, 1.01)
        axes.set_xticks(np.arange(round(left * 10), 11, 1 if left > 0.25 else 2) / 10)
        axes.set_xlabel("AUROC")
        _quiet(axes, "x")

    said = [f"{label} {number(f.value) if isinstance(f, Estimate) else 'cannot be given'}" for label, f in rows]
    return _both(
        "membership",
        lambda _: 74 + 34 * len(rows),
        paint,
        "How well an attacker tells members from strangers: 0.5 is guessing, 1 certainty. Dot: estimate; line: 95 % "
        "interval.",
        f"AUROC on a line from {number(left, 1)} to 1, guessing at 0.5: {'; '.join(said)}.",
    )


def exposure_chart(findings: Findings) -> Chart | None:
    """Everybody's exposure, those named marked; None without members."""
    exposure = np.asarray(findings.people["exposure"].to_numpy(), np.float64)
    if not exposure.size:
        return None
    exposed = np.asarray(findings.people["exposed"].to_numpy(zero_copy_only=False), bool)
    low, high = min(-2.0, float(exposure.min())), max(3.0, float(exposure.max()))
    edges = np.linspace(low, high, 41)

    from matplotlib.ticker import MaxNLocator

    def paint(axes: Axes) -> None:
        axes.axvspan(-1, 1, color=BAND, linewidth=0, zorder=0)
        counts, _ = np.histogram(exposure[~exposed], edges)
        middle, width = (edges[1:] + edges[:-1]) / 2, (edges[1] - edges[0]) * 0.86
        axes.bar(middle, counts, width, color=MEMBER, zorder=2)
        named, _ = np.histogram(exposure[exposed], edges)
        axes.bar(middle, named, width, bottom=counts, color=ALARM, zorder=2)
        if 0 < exposed.sum() <= MOST_TICKS_NAMED:
            axes.plot(
                exposure[exposed],
                np.full(int(exposed.sum()), -0.06),
                "|",
                color=ALARM,
                markersize=8,
                markeredgewidth=1.6,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
            )
            axes.tick_params(axis="x", pad=18)
        _above(axes, 0, "strangers")
        axes.set_ylim(0, 1.08 * max(1, int((counts + named).max())))
        axes.set_xlabel("exposure, in standard deviations above strangers")
        axes.set_ylabel("members")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _quiet(axes, "y")

    n = int(exposed.sum())
    marks = "; each has a mark below the axis as well" if n <= MOST_TICKS_NAMED else ""
    marked = f"Red: named{marks}. " if n else ""
    return _both(
        "exposure",
        lambda width: 240 if width == WIDE else 230,
        paint,
        f"Exposure of every member. {marked}Shaded: strangers, whose mean is 0 and whose standard "
        "deviation is 1 by construction.",
        f"Histogram of the exposure of {counted(exposure.size, 'member', 'members')} from "
        f"{number(float(exposure.min()), 1)} to {number(float(exposure.max()), 1)}"
        + (f"; the {n} named lie between {_range(exposure[exposed])}." if n else "; nobody is named."),
    )


def resemblance_chart(findings: Findings) -> Chart:
    """Samples that resemble members beside samples that resemble strangers."""
    r = findings.resemblance
    rows = [("a stranger", r.strangers, STRANGER), ("a member", r.members, MEMBER)]

    def paint(axes: Axes) -> None:
        top = max(r.members, r.strangers, 1e-9)
        for y, (_, share, colour) in enumerate(rows):
            axes.barh(y, share, 0.56, color=colour)
            axes.annotate(percent(share), (share, y), xytext=(6, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(2), [label for label, _, _ in rows])
        axes.set_xlim(0, top * 1.18)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("share of samples that resemble ...", loc="left")

    return _both(
        "resemblance",
        lambda _: 118,
        paint,
        "Samples that resemble a member, and samples that resemble somebody in an equally large group of strangers.",
        f"Two bars: {percent(r.members)} of samples resemble a member, {percent(r.strangers)} a stranger.",
    )


def dose_chart(findings: Findings) -> Chart | None:
    """Mean exposure against the number of training photos; None if no point can be drawn."""
    points = [(p, p.mean_exposure) for p in findings.dose.points]
    drawn = [(p, figure) for p, figure in points if isinstance(figure, Estimate)]
    if not drawn:
        return None

    from matplotlib.ticker import MaxNLocator

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for x, (_, figure) in enumerate(drawn):
            axes.plot([x, x], [figure.low, figure.high], color=MEMBER, linewidth=2, solid_capstyle="round")
            axes.plot([x], [figure.value], "o", color=MEMBER, markersize=8, markeredgecolor=PAPER, markeredgewidth=1.5)
        axes.set_xticks(range(len(drawn)), [_span(p.photos_from, p.photos_to) for p, _ in drawn])
        axes.set_xlim(-0.5, len(drawn) - 0.5)
        axes.set_xlabel("training photos of the person")
        axes.set_ylabel("mean exposure")
        axes.yaxis.set_major_locator(MaxNLocator(5))
        _quiet(axes, "y")

    said = [f"{_span(p.photos_from, p.photos_to)} photos: {number(f.value, 1)}" for p, f in drawn]
    return _both(
        "dose",
        lambda _: 240,
        paint,
        "Mean exposure of people with about the same number of training photos. Dot: mean; line: 95 % interval; "
        "dashed: strangers.",
        f"Mean exposure by number of photos. {'; '.join(said)}.",
    )


def _both(name: str, height: Callable[[int], int], paint: Callable[[Axes], None], caption: str, alt: str) -> Chart:
    wide, narrow = (draw(name, height(width), paint, width=width) for width in (WIDE, NARROW))
    return Chart(wide, narrow, caption, alt)


def _interval(axes: Axes, figure: Figure, y: float, colour: str) -> None:
    if not isinstance(figure, Estimate):
        axes.annotate(
            "cannot be given",
            (0, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=MUTED,
        )
        return
    axes.plot([figure.low, figure.high], [y, y], color=colour, linewidth=2.4, solid_capstyle="round")
    axes.plot([figure.value], [y], "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.5)


def _above(axes: Axes, x: float, text: str) -> None:
    """A word above the axes at `x`."""
    axes.annotate(
        text,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        color=MUTED,
    )


def _quiet(axes: Axes, grid: str) -> None:
    """Light grid lines behind the data instead of axes."""
    axes.set_axisbelow(True)
    axes.grid(axis="x" if grid == "x" else "y", color=LINE, linewidth=0.8)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="both", labelcolor=INK)


def _range(values: NDArray[np.float64] | Sequence[float]) -> str:
    return f"{number(float(min(values)), 1)} and {number(float(max(values)), 1)}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
