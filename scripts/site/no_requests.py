"""mkdocs hook: a built page must fetch nothing from another machine. Links that a reader may follow are not fetched."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

LOG = logging.getLogger("mkdocs.hooks.no_requests")
TAG = re.compile(r"<(?!a\b)[a-z][^>]*?\s(?:src|href|srcset|action|data|poster)\s*=\s*[\"']?(?:https?:)?//[^>]*>", re.I)
STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//[^)\s\"']+", re.I)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of each place; a strict build then fails."""
    for place, found in outside_requests(Path(config.site_dir)):
        LOG.warning("%s: would be fetched from another machine: %s", place, found)


def outside_requests(site: Path) -> list[tuple[str, str]]:
    """Tags and style rules of a built site by which a browser would ask another machine: file, and what it has."""
    return [
        (str(path.relative_to(site)), found)
        for path in sorted(site.rglob("*"))
        if path.suffix in (".html", ".css")
        for pattern in ((TAG, STYLE) if path.suffix == ".html" else (STYLE,))
        for found in pattern.findall(path.read_text("utf-8"))
    ]
