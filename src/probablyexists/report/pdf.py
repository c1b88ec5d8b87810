"""The report as PDF, by WeasyPrint: nothing is fetched and no file is read, whatever the page asks for."""

from __future__ import annotations

import logging
import re
from typing import Any, NamedTuple

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.text import one_line

_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_COLOUR = re.compile(r"--([\w-]+):\s*([^;}]+)[;}]")
_VARIABLE = re.compile(r"var\(--([\w-]+)\)")
_SYMBOL = re.compile(r'<symbol id="([\w-]+)" (viewBox="[^"]*")>(.*?)</symbol>', re.DOTALL)
_USE = re.compile(r'<svg class="face (\w+)"([^>]*)><use href="#([\w-]+)"\s*/></svg>')
_HALO = re.compile(r"(<text\b[^>]*?)((?: (?:paint-order|stroke|stroke-width)=\"[^\"]*\"){3})([^>]*>[^<]*</text>)")
_ON_PAPER = """
.pairs { grid-template-columns: 1fr 1fr !important }
.key { display: table !important; width: 100%; table-layout: fixed; border-spacing: 1px }
.key > div { display: table-cell !important }
"""
"""What WeasyPrint does not lay out as browsers do: columns as many as fit, and boxes as high as their text."""
_ADVICE = "or print report.html to PDF in a browser"


class Pdf(NamedTuple):
    """A page as PDF."""

    data: bytes
    refused: list[str]
    """Addresses that the page asked for and did not get."""
    boxes: list[str]
    """Characters that no font of this machine has, sorted: an empty box stands for each."""


def to_pdf(html: str) -> Pdf:
    """A page as PDF; a picture in the page itself is kept.

    MissingExtraError without WeasyPrint, InputError without the system's libraries that it needs, or if it fails.
    """
    try:
        weasyprint = required("weasyprint", "pdf")
    except OSError as error:  # Pango is a library of the system
        said = f"weasyprint: a library of the system is missing ({one_line(error)}); install Pango"
        cure = "Debian and Ubuntu: apt install libpango-1.0-0 libpangoft2-1.0-0"
        raise InputError(f"{said} ({cure}), {_ADVICE}") from None
    fetcher, boxes = _only_within(weasyprint.urls.URLFetcher), _Boxes()
    weasyprint.LOGGER.addHandler(boxes)
    try:
        page = weasyprint.HTML(string=stand_alone(html), base_url=None, url_fetcher=fetcher, media_type="print")
        data = page.write_pdf(stylesheets=[weasyprint.CSS(string=_ON_PAPER)], pdf_tags=True)
    except Exception as error:  # a damaged page: any error of a large library
        raise InputError(f"report.html: cannot be made a PDF ({one_line(error)}); audit again, {_ADVICE}") from error
    finally:
        weasyprint.LOGGER.removeHandler(boxes)
    return Pdf(data, fetcher.refused, sorted(boxes.characters))


class _Boxes(logging.Handler):
    """Keeps the characters for which WeasyPrint draws a box (`.notdef`): it tells of them in its log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.characters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef") and isinstance(record.args, tuple):
            self.characters.add(str(record.args[0]))


def stand_alone(html: str) -> str:
    """The page with drawings that stand alone: WeasyPrint gives them neither the page's colours nor its symbols."""
    screen, _, paper = html.partition("@media print")
    colours = dict(reversed(_COLOUR.findall(screen))) | dict(_COLOUR.findall(paper))
    symbols = {name: (box, within) for name, box, within in _SYMBOL.findall(html)}

    def outline(found: re.Match[str]) -> str:
        kind, attributes, name = found.groups()
        box, within = symbols.get(name, ("", ""))
        line = 'fill="none" stroke="var(--muted)" stroke-width="1.5" stroke-dasharray="3 2"'
        pen = line if kind == "generated" else 'fill="var(--muted)"'
        return f'<svg class="face {kind}"{attributes} {box}><g {pen}>{within}</g></svg>'

    def coloured(found: re.Match[str]) -> str:
        # WeasyPrint paints the halo of a word over the word: the word once more.
        haloed = _HALO.sub(r"\1\2\3\1\3", found[0])
        return _VARIABLE.sub(lambda name: colours.get(name[1], "#000000").strip(), haloed)

    return _DRAWING.sub(coloured, _USE.sub(outline, html))


def _only_within(base: Any) -> Any:
    """A fetcher that gives pictures within the page (`data:`), and counts and refuses all else."""

    class OnlyWithin(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False)
            self.refused: list[str] = []

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.lower().startswith("data:"):
                self.refused.append(url)
            return super().fetch(url, headers)

    return OnlyWithin()
