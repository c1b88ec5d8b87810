"""A matplotlib drawing as SVG that belongs in a page: its colours and fonts are the page's, its names its own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, NARROW = 660, 380
"""Widths in CSS pixels at which a chart is drawn: one for a page, one for a telephone."""
FONT_SIZE = 13

INK, MUTED, LINE, MEMBER, STRANGER, ALARM, BAND, PAPER = (f"#0a0b0{i}" for i in range(8))
"""Colours to draw with; each becomes a variable of the page's style sheet, which knows light from dark."""
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    MEMBER: "--member",
    STRANGER: "--stranger",
    ALARM: "--alarm",
    BAND: "--band",
    PAPER: "--paper",
}


@dataclass(frozen=True)
class Chart:
    """One chart at two widths; the style sheet shows the one that fits."""

    wide: str
    narrow: str
    caption: str
    alt: str
    """What is to be seen, in words."""


def draw(name: str, height: int, paint: Callable[[Axes], None], *, width: int) -> str:
    """SVG of what `paint` does to a pair of axes, `height` x `width` CSS pixels; the same bytes every time.

    `name` starts every id in it, so that no two charts of a page share one.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": ["DejaVu Sans"],
        "font.size": FONT_SIZE,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "axes.linewidth": 1.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": LINE,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        paint(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _for_the_page(text.getvalue(), f"{name}-{width}")


def _for_the_page(svg: str, prefix: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]+"', svg)
    assert view is not None
    svg = re.sub(r"<svg[^>]*>", f'<svg {view[0]} aria-hidden="true" focusable="false">', svg, count=1)
    used = set(re.findall(r'(?:xlink:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'xlink:href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = svg.replace("font-family: 'DejaVu Sans'", "font-family: inherit")
    svg = re.sub(r"(\d+\.\d{2})\d+(?=[^<>]*>)", r"\1", svg)  # inside tags: coordinates, not labels
    svg = re.sub(r" transform=\"rotate\(-?0 [^)]*\)\"", "", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.strip()
