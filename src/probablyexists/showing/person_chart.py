"""One person's exposure among strangers, as a chart."""

from __future__ import annotations

from probablyexists.report.marks import (
    ALARM,
    LETTER,
    MEMBER,
    MUTED,
    STRANGER,
    Chart,
    Drawing,
    Scale,
    bar,
    below,
    beside,
    both,
    round_ticks,
    stroke,
    text_at,
)
from probablyexists.report.words import number
from probablyexists.results.findings import Histogram


def person_chart(exposure: float, strangers: Histogram | None, *, named: bool) -> Chart | None:
    """The held-out people's exposures, and a line at the person's; None where the audit did not keep them."""
    if strangers is None or not sum(strangers.counts):
        return None
    step = (strangers.high - strangers.low) / len(strangers.counts) or 0.1
    low, high = min(strangers.low, exposure), max(strangers.high, exposure)
    space, colour = 0.06 * (high - low), ALARM if named else MEMBER

    def draw(width: int) -> Drawing:
        ticks = round_ticks(0, max(strangers.counts), 4, smallest_step=1)
        y = Scale(0, 1.08 * max(strangers.counts), 160, 26)
        x = Scale(low - space, high + space, 32 + LETTER * len(ticks[-1][1]), width - 8)
        marks = beside(y, x, ticks, "strangers")
        for i, n in enumerate(strangers.counts):
            if n:
                left, right = x(strangers.low + i * step), x(strangers.low + (i + 1) * step)
                marks.append(bar(left, y(n), max(1.0, right - left - 1), y.start - y(n), STRANGER))
        at = x(exposure)
        anchor = "start" if at < (x.start + x.end) / 2 else "end"
        marks.append(stroke(at, y.end, at, y.start, colour, stroke_width=2.4))
        marks.append(
            text_at(at, y.end - 8, f"this person: {number(exposure, 1, signed=True)}", MUTED, text_anchor=anchor)
        )
        title = "exposure, in standard deviations above strangers"
        return Drawing(width, 220, marks + below(x, y.start, round_ticks(low, high, 8), title))

    higher = sum(n for i, n in enumerate(strangers.counts) if strangers.low + i * step >= exposure)
    said = f"{number(exposure, 1, signed=True)} standard deviations above strangers"
    return both(
        draw,
        "Grey: people the generator never saw, as exposed as they are by chance. Line: this person.",
        f"Histogram of strangers' exposure; this person is at {said}, and about {higher} strangers are higher.",
    )
