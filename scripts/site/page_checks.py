"""mkdocs hooks: what a built page must not have. Each is a warning, and a strict build then fails.

A browser must fetch nothing from another machine: no script, style, font or picture. Links that a reader may follow are
not fetched. And no block of code may be left as its own backticks, as happens where its first line is not understood.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

LOG = logging.getLogger("mkdocs.hooks.page_checks")
TAG = re.compile(r"<(?!a\b)[a-z][^>]*?\s(?:src|href|srcset|action|data|poster)\s*=\s*[\"']?(?:https?:)?//[^>]*>", re.I)
STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//[^)\s\"']+", re.I)
BACKTICKS = re.compile(r"<p>```.*")


def on_post_page(output: str, **_: object) -> str:
    """The theme's search has no name that a screen reader could say."""
    return output.replace('class="md-search"', 'class="md-search" aria-label="Search"')


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of each fault in the built site."""
    for path, fault in faults(Path(config.site_dir)):
        LOG.warning("%s: %s", path, fault)


def faults(site: Path) -> Iterator[tuple[str, str]]:
    """File and fault, for each that a built site has."""
    for path in sorted(site.rglob("*")):
        if path.suffix not in (".html", ".css"):
            continue
        name, text = str(path.relative_to(site)), path.read_text("utf-8")
        for pattern in (TAG, STYLE) if path.suffix == ".html" else (STYLE,):
            for found in pattern.findall(text):
                yield name, f"would be fetched from another machine: {found}"
        for found in BACKTICKS.findall(text):
            yield name, f"a block of code is not shown as one: {found}"
