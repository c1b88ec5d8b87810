"""The charts of the report: the place of every bar, line, dot and word. `chart.svg.j2` writes them as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from probablyexists.report.words import counted, number, percent
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Figure

WIDE, NARROW = 660, 380
"""Widths in CSS pixels at which a chart is drawn: one for a page, one for a telephone."""
FONT_SIZE = 13
LETTER = 7.2
"""Width of a letter in pixels in a wide font (DejaVu Sans); the page's own font is not known here."""
MOST_TICKS_NAMED = 400
"""If at most this many people are named, each also gets a mark below the axis."""
INK, MUTED, LINE, BAND, PAPER, MEMBER, STRANGER, ALARM = (
    f"var(--{name})" for name in ("ink", "muted", "line", "band", "paper", "member", "stranger", "alarm")
)
"""Colours are variables of the page's style sheet, which has a light and a dark value for each."""


@dataclass(frozen=True)
class Mark:
    """One SVG element."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(frozen=True)
class Drawing:
    """A chart at one width, in CSS pixels; later marks cover earlier ones."""

    width: int
    height: int
    marks: list[Mark]
    font_size: int = FONT_SIZE


@dataclass(frozen=True)
class Chart:
    """One chart at two widths; the style sheet shows the one that fits."""

    wide: Drawing
    narrow: Drawing
    caption: str
    alt: str
    """What the chart shows, in words."""


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


Ticks = list[tuple[float, str]]


def round_ticks(low: float, high: float, most: int, smallest_step: float = 0.0) -> Ticks:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `most` steps; each with its label.

    >>> round_ticks(-0.3, 1.1, 4)
    [(0.0, '0.0'), (0.5, '0.5'), (1.0, '1.0')]
    """
    least = max((high - low) / most, smallest_step)
    power = math.floor(math.log10(least))
    step = next(s for n in (1, 2, 5, 10) if (s := n * 10.0**power) >= least * (1 - 1e-9))
    values = [round(i * step, 9) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    digits = max(0, -math.floor(math.log10(step * (1 + 1e-9))))
    return [(value, number(value, digits)) for value in values]


def membership_chart(findings: Findings) -> Chart | None:
    """AUROC of every population and level and of the split baseline; None if there is no AUROC."""
    order = sorted(findings.membership, key=lambda m: (m.population == "seen photos", m.level == "photo"))
    rows: list[tuple[str, Figure]] = [(f"{m.population}, by {m.level}", m.auroc) for m in order]
    rows.append(("split baseline", findings.split_baseline.auroc))
    lows = [figure.low for _, figure in rows if isinstance(figure, Estimate)]
    if not lows:
        return None
    left = max(0.0, math.floor(min([0.4, *lows]) * 10) / 10)

    def draw(width: int) -> Drawing:
        top, bottom = 22, 30 + 34 * len(rows)
        x = Scale(left - 0.01, 1.01, LETTER * max(len(label) for label, _ in rows) + 8, width - 8)
        ticks = round_ticks(left, 1.0, 7)
        marks = [_line(x(at), top, x(at), bottom, LINE) for at, _ in ticks]
        marks.append(_line(x(0.5), top, x(0.5), bottom, MUTED, stroke_dasharray="4 3"))
        marks.append(_text(x(0.5), top - 7, "guessing", MUTED))
        for i, (label, figure) in enumerate(rows):
            y = top + 21 + 34 * i
            marks.append(_label(x.start - 8, y, label, "end"))
            if isinstance(figure, Estimate):
                ends = (x(figure.low), y, x(figure.high), y)
                marks += _interval(ends, (x(figure.value), y), STRANGER if label == "split baseline" else MEMBER)
            else:
                marks.append(_label(x.start + 6, y, "cannot be estimated", "start", MUTED))
        return Drawing(width, bottom + 44, marks + _below(x, bottom, ticks, "AUROC"))

    values = [f"{label} {number(f.value) if isinstance(f, Estimate) else 'cannot be estimated'}" for label, f in rows]
    return _both(
        draw,
        "How well an attacker can tell members from strangers: 0.5 is guessing, 1 is certainty. Dot: estimate; line: "
        "95 % interval.",
        f"AUROC on a line from {number(left, 1)} to 1, guessing at 0.5: {'; '.join(values)}.",
    )


def exposure_chart(findings: Findings) -> Chart | None:
    """Histogram of every member's exposure, named people in a colour of their own; None without members."""
    exposure = np.asarray(findings.people["exposure"].to_numpy(), np.float64)
    if not exposure.size:
        return None
    is_named = np.asarray(findings.people["exposed"].to_numpy(zero_copy_only=False), bool)
    named, n_named = exposure[is_named], int(is_named.sum())
    low, high = min(-2.0, float(exposure.min())), max(3.0, float(exposure.max()))
    edges, space = np.linspace(low, high, 41), 0.03 * (high - low)
    below, above = (np.histogram(part, edges)[0] for part in (exposure[~is_named], named))
    most = max(1, int((below + above).max()))
    marked = 0 < n_named <= MOST_TICKS_NAMED

    def draw(width: int) -> Drawing:
        ticks = round_ticks(0, most, 4, smallest_step=1)
        y = Scale(0, 1.08 * most, 180, 22)
        x = Scale(low - space, high + space, 32 + LETTER * len(ticks[-1][1]), width - 8)
        marks = [_bar(x(-1), y.end, x(1) - x(-1), y.start - y.end, BAND), _text(x(0), y.end - 7, "strangers", MUTED)]
        marks += _beside(y, x, ticks, "members")
        bar = 0.86 * (x(edges[1]) - x(edges[0]))
        for middle, n, n_above in zip((edges[1:] + edges[:-1]) / 2, below, above, strict=True):
            for n_from, n_to, colour in ((0, n, MEMBER), (n, n + n_above, ALARM)):
                if n_to > n_from:
                    marks.append(_bar(x(middle) - bar / 2, y(n_to), bar, y(n_from) - y(n_to), colour))
        if marked:
            marks += [_line(x(value), y.start + 5, x(value), y.start + 13, ALARM, stroke_width=1.6) for value in named]
        title = "exposure, in standard deviations above strangers"
        axis = _below(x, y.start, round_ticks(low, high, 8), title, gap=14 if marked else 0)
        return Drawing(width, 240, marks + axis)

    red, who = "", "nobody is named."
    if n_named:
        red = f"Red: named{'; each also has a mark below the axis' if marked else ''}. "
        who = f"the {n_named} named are between {number(float(named.min()), 1)} and {number(float(named.max()), 1)}."
    return _both(
        draw,
        f"Exposure of every member. {red}Shaded: strangers, whose mean is 0 and whose standard deviation is 1 by "
        "construction.",
        f"Histogram of the exposure of {counted(exposure.size, 'member')} from "
        f"{number(float(exposure.min()), 1)} to {number(float(exposure.max()), 1)}; {who}",
    )


def resemblance_chart(findings: Findings) -> Chart:
    """The share of samples that resemble a member, and the share that resemble a stranger."""
    r = findings.resemblance
    rows = (("resemble a member", r.members, MEMBER), ("resemble a stranger", r.strangers, STRANGER))

    def draw(width: int) -> Drawing:
        x = Scale(0, max(r.members, r.strangers, 1e-9), LETTER * len(rows[1][0]) + 8, width - 64)
        marks = []
        for y, (label, share, colour) in zip((28, 72), rows, strict=True):
            marks.append(_label(x.start - 8, y, label, "end"))
            marks.append(_bar(x.start, y - 12, x(share) - x.start, 24, colour))
            marks.append(_label(x(share) + 6, y, percent(share), "start"))
        marks.append(_line(x.start, 8, x.start, 92, LINE))
        return Drawing(width, 118, [*marks, _text(x.start, 110, "share of samples", MUTED, text_anchor="start")])

    return _both(
        draw,
        "Samples that resemble a member, and samples that resemble somebody in an equally large group of strangers.",
        f"Two bars: {percent(r.members)} of samples resemble a member, {percent(r.strangers)} a stranger.",
    )


def dose_chart(findings: Findings) -> Chart | None:
    """Mean exposure against the number of training photos; None if no point can be drawn."""
    drawn = [
        (str(p.photos_from) if p.photos_from == p.photos_to else f"{p.photos_from}–{p.photos_to}", p.mean_exposure)
        for p in findings.dose.points
        if isinstance(p.mean_exposure, Estimate)
    ]
    if not drawn:
        return None

    def draw(width: int) -> Drawing:
        low, high = min(0.0, *(f.low for _, f in drawn)), max(0.0, *(f.high for _, f in drawn))
        space = 0.06 * (high - low or 1.0)
        y = Scale(low - space, high + space, 196, 10)
        ticks = round_ticks(y.low, y.high, 5)
        x = Scale(-0.5, len(drawn) - 0.5, 32 + LETTER * max(len(label) for _, label in ticks), width - 8)
        marks = _beside(y, x, ticks, "mean exposure")
        marks.append(_line(x.start, y(0), x.end, y(0), MUTED, stroke_dasharray="4 3"))
        for i, (_, figure) in enumerate(drawn):
            marks += _interval((x(i), y(figure.low), x(i), y(figure.high)), (x(i), y(figure.value)), MEMBER)
        labels = [(float(i), label) for i, (label, _) in enumerate(drawn)]
        return Drawing(width, 240, marks + _below(x, y.start, labels, "training photos of the person"))

    values = [f"{label} photos: {number(figure.value, 1)}" for label, figure in drawn]
    return _both(
        draw,
        "Mean exposure of people with about the same number of training photos. Dot: mean; line: 95 % interval; "
        "dashed: strangers.",
        f"Mean exposure by number of photos. {'; '.join(values)}.",
    )


def _both(draw: Callable[[int], Drawing], caption: str, alt: str) -> Chart:
    return Chart(draw(WIDE), draw(NARROW), caption, alt)


def _below(x: Scale, bottom: float, ticks: Ticks, title: str, gap: float = 0) -> list[Mark]:
    """The axis below the data, its labels `gap` pixels further down, and its title."""
    labels = [_text(x(at), bottom + gap + 18, label) for at, label in ticks]
    title_mark = _text((x.start + x.end) / 2, bottom + gap + 37, title, MUTED)
    return [_line(x.start, bottom, x.end, bottom, LINE), *labels, title_mark]


def _beside(y: Scale, x: Scale, ticks: Ticks, title: str) -> list[Mark]:
    """Grid lines across the data, their labels on the left, and the title of the axis, upright."""
    marks = [_line(x.start, y(at), x.end, y(at), LINE) for at, _ in ticks]
    marks += [_label(x.start - 8, y(at), label, "end") for at, label in ticks]
    middle = (y.start + y.end) / 2
    return [*marks, _text(12, middle, title, MUTED, transform=f"rotate(-90 12 {middle:.1f})")]


def _interval(ends: tuple[float, float, float, float], dot: tuple[float, float], colour: str) -> list[Mark]:
    """A line over the interval, and a dot at the estimate."""
    line = _line(*ends, colour, stroke_width=2.4, stroke_linecap="round")
    return [line, _mark("circle", cx=dot[0], cy=dot[1], r=5, fill=colour, stroke=PAPER, stroke_width=1.5)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, **style: str | float) -> Mark:
    return _mark("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, **style)


def _bar(x: float, y: float, width: float, height: float, colour: str) -> Mark:
    return _mark("rect", x=x, y=y, width=width, height=height, fill=colour)


def _label(x: float, y: float, text: str, anchor: str, colour: str = INK) -> Mark:
    """Words that start or end at `x`, centred on the height `y`."""
    return _text(x, y + 0.35 * FONT_SIZE, text, colour, text_anchor=anchor)


def _text(x: float, y: float, text: str, colour: str = INK, **style: str | float) -> Mark:
    """Words with their baseline at `y`, centred on `x`."""
    return _mark("text", text, x=x, y=y, fill=colour, **({"text_anchor": "middle"} | style))


def _mark(tag: str, text: str = "", /, **attributes: str | float) -> Mark:
    """Numbers are pixels and written to a tenth: the same bytes everywhere."""
    written = {name: value if isinstance(value, str) else f"{value:.1f}" for name, value in attributes.items()}
    return Mark(tag, {name.replace("_", "-"): value for name, value in written.items()}, text)
