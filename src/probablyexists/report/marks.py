"""Marks on a chart, in pixels: scales, axes, lines, dots and words. `chart.svg.j2` writes them as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probablyexists.report.words import number
from probablyexists.stats.estimate import Estimate, Figure

WIDE, NARROW = 660, 380
"""Widths in CSS pixels at which a chart is drawn: one for a page, one for a telephone."""
FONT_SIZE = 13
LETTER = 7.2
"""Width of a letter in pixels in a wide font (DejaVu Sans); the page's own font is not known here."""
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


def both(draw: Callable[[int], Drawing], caption: str, alt: str) -> Chart:
    """The chart at both widths. `draw`: width in pixels -> drawing."""
    return Chart(draw(WIDE), draw(NARROW), caption, alt)


def below(x: Scale, bottom: float, ticks: Ticks, title: str, gap: float = 0) -> list[Mark]:
    """The axis below the data, its labels `gap` pixels further down, and its title."""
    labels = [text_at(x(at), bottom + gap + 18, label) for at, label in ticks]
    title_mark = text_at((x.start + x.end) / 2, bottom + gap + 37, title, MUTED)
    return [stroke(x.start, bottom, x.end, bottom, LINE), *labels, title_mark]


def beside(y: Scale, x: Scale, ticks: Ticks, title: str) -> list[Mark]:
    """Grid lines across the data, their labels on the left, and the title of the axis, upright."""
    marks = [stroke(x.start, y(at), x.end, y(at), LINE) for at, _ in ticks]
    marks += [label_at(x.start - 8, y(at), label, "end") for at, label in ticks]
    middle = (y.start + y.end) / 2
    return [*marks, text_at(12, middle, title, MUTED, transform=f"rotate(-90 12 {middle:.1f})")]


def interval(ends: tuple[float, float, float, float], dot: tuple[float, float], colour: str) -> list[Mark]:
    """A line over the interval, and a dot at the estimate."""
    over = stroke(*ends, colour, stroke_width=2.4, stroke_linecap="round")
    return [over, mark("circle", cx=dot[0], cy=dot[1], r=5, fill=colour, stroke=PAPER, stroke_width=1.5)]


def intervals(
    rows: Sequence[tuple[str, Figure, str]],
    ends: tuple[float, float],
    ticks: Ticks,
    title: str,
    dashed: tuple[float, str] | None = None,
) -> Callable[[int], Drawing]:
    """A row for each figure: its name, a line over the interval and a dot at the estimate.

    `rows`: name, figure, colour. `ends`: lowest and highest value of the axis. `dashed`: a value to compare with, and
    what it is.
    """

    def draw(width: int) -> Drawing:
        top, bottom = 22, 30 + 34 * len(rows)
        x = Scale(*ends, LETTER * max(len(name) for name, _, _ in rows) + 8, width - 8)
        marks = [stroke(x(at), top, x(at), bottom, LINE) for at, _ in ticks]
        if dashed:
            at, what = dashed
            marks.append(stroke(x(at), top, x(at), bottom, MUTED, stroke_dasharray="4 3"))
            marks.append(text_at(x(at), top - 7, what, MUTED))
        for i, (name, figure, colour) in enumerate(rows):
            y = top + 21 + 34 * i
            marks.append(label_at(x.start - 8, y, name, "end"))
            if isinstance(figure, Estimate):
                marks += interval((x(figure.low), y, x(figure.high), y), (x(figure.value), y), colour)
            else:
                marks.append(label_at(x.start + 6, y, "cannot be estimated", "start", MUTED, halo=True))
        return Drawing(width, bottom + 44, marks + below(x, bottom, ticks, title))

    return draw


def stroke(x1: float, y1: float, x2: float, y2: float, colour: str, **style: str | float) -> Mark:
    """A straight line."""
    return mark("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, **style)


def bar(x: float, y: float, width: float, height: float, colour: str) -> Mark:
    """A bar; `x`, `y`: its upper left corner."""
    return mark("rect", x=x, y=y, width=width, height=height, fill=colour)


def label_at(x: float, y: float, text: str, anchor: str, colour: str = INK, *, halo: bool = False) -> Mark:
    """Words that start or end at `x`, centred on the height `y`. `halo`: readable over lines."""
    style = {"paint_order": "stroke", "stroke": PAPER, "stroke_width": "5"} if halo else {}
    return text_at(x, y + 0.35 * FONT_SIZE, text, colour, text_anchor=anchor, **style)


def text_at(x: float, y: float, text: str, colour: str = INK, **style: str | float) -> Mark:
    """Words with their baseline at `y`, centred on `x`."""
    return mark("text", text, x=x, y=y, fill=colour, **({"text_anchor": "middle"} | style))


def mark(tag: str, text: str = "", /, **attributes: str | float) -> Mark:
    """Numbers are pixels and written to a tenth: the same bytes everywhere."""
    written = {name: value if isinstance(value, str) else f"{value:.1f}" for name, value in attributes.items()}
    return Mark(tag, {name.replace("_", "-"): value for name, value in written.items()}, text)
