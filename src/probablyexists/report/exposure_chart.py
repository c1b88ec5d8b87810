"""The chart of answer 2: every member's exposure in front of the strangers', and from where people are named."""

from __future__ import annotations

import numpy as np

from probablyexists.report.marks import (
    ALARM,
    LETTER,
    MEMBER,
    MUTED,
    STRANGER,
    Chart,
    Drawing,
    Mark,
    Scale,
    bar,
    below,
    beside,
    both,
    mark,
    round_ticks,
    stroke,
    text_at,
)
from probablyexists.report.words import counted, number
from probablyexists.results.findings import Findings, Histogram

MOST_TICKS_NAMED = 400
"""If at most this many people are named, each also gets a mark below the axis."""
N_BINS = 40


def exposure_chart(findings: Findings) -> Chart | None:
    """Histogram of every member's exposure, named people in a colour of their own; None without members."""
    exposure = np.asarray(findings.people["exposure"].to_numpy(), np.float64)
    if not exposure.size:
        return None
    is_named = np.asarray(findings.people["exposed"].to_numpy(zero_copy_only=False), bool)
    named, n_named = exposure[is_named], int(is_named.sum())
    strangers = findings.naming.strangers
    ends = [] if strangers is None else [strangers.low, strangers.high]
    low, high = min(-2.0, float(exposure.min()), *ends), max(3.0, float(exposure.max()), *ends)
    edges, space = np.linspace(low, high, N_BINS + 1), 0.03 * (high - low)
    lower, upper = (np.histogram(part, edges)[0] for part in (exposure[~is_named], named))
    behind = _heights(strangers, exposure.size, edges)
    most = max(1.0, float((lower + upper).max()), float(behind.max(initial=0.0)))
    marked = 0 < n_named <= MOST_TICKS_NAMED
    gap = 14 if marked else 0

    def draw(width: int) -> Drawing:
        ticks = round_ticks(0, most, 4, smallest_step=1)
        y = Scale(0, 1.08 * most, 180, 22)
        x = Scale(low - space, high + space, 32 + LETTER * len(ticks[-1][1]), width - 8)
        marks = beside(y, x, ticks, "members")
        step = x(edges[1]) - x(edges[0])
        for left, n in zip(edges, behind, strict=False):
            if n > 0:
                marks.append(_stranger(x(left), y(n), step, y.start))
                marks.append(stroke(x(left), y(n), x(left) + step, y(n), STRANGER, stroke_width=1.2))
        wide = 0.62 * step
        for middle, n, n_above in zip((edges[1:] + edges[:-1]) / 2, lower, upper, strict=True):
            for n_from, n_to, colour in ((0, n, MEMBER), (n, n + n_above, ALARM)):
                if n_to > n_from:
                    marks.append(bar(x(middle) - wide / 2, y(n_to), wide, y(n_from) - y(n_to), colour))
        if n_named:
            at = x(float(named.min()))
            anchor = "start" if at < (x.start + x.end) / 2 else "end"
            marks.append(stroke(at, y.end, at, y.start, ALARM, stroke_dasharray="4 3"))
            said = f"lowest named: {number(float(named.min()), 1, signed=True)}"
            marks.append(text_at(at, y.end - 7, said, MUTED, text_anchor=anchor))
        if marked:
            marks += [stroke(x(v), y.start + 5, x(v), y.start + 13, ALARM, stroke_width=1.6) for v in named]
        title = "exposure, in standard deviations above strangers"
        return Drawing(width, 240, marks + below(x, y.start, round_ticks(low, high, 8), title, gap=gap))

    return both(draw, _caption(n_named, marked, strangers), _alt(exposure, named))


def _caption(n_named: int, marked: bool, strangers: Histogram | None) -> str:
    caption = "Exposure of every member."
    if n_named:
        caption += f" Red: named{'; each also has a mark below the axis' if marked else ''}."
    if strangers is not None:
        caption += " Grey: strangers, drawn as if they were as many."
    return f"{caption} Strangers have a mean of 0 and a standard deviation of 1 by construction."


def _alt(exposure: np.ndarray, named: np.ndarray) -> str:
    who = "nobody is named."
    if named.size:
        who = f"the {named.size} named are between {number(float(named.min()), 1)} and {number(float(named.max()), 1)}."
    return (
        f"Histogram of the exposure of {counted(exposure.size, 'member')} from {number(float(exposure.min()), 1)} to "
        f"{number(float(exposure.max()), 1)}, in front of the strangers'; {who}"
    )


def _stranger(left: float, top: float, width: float, bottom: float) -> Mark:
    return mark("rect", x=left, y=top, width=width, height=bottom - top, fill=STRANGER, fill_opacity="0.35")


def _heights(strangers: Histogram | None, n_members: int, edges: np.ndarray) -> np.ndarray:
    """(n_bins,) strangers in each bin of the chart, as if they were as many as the members.

    A bin of the strangers is spread evenly over the bins of the chart that it meets.
    """
    if strangers is None or not sum(strangers.counts):
        return np.zeros(len(edges) - 1)
    own = np.linspace(strangers.low, strangers.high, len(strangers.counts) + 1)
    below_edge = np.interp(edges, own, np.concatenate([[0], np.cumsum(strangers.counts, dtype=float)]))
    return np.asarray(np.diff(below_edge) * n_members / sum(strangers.counts))
