"""Text from outside as Markdown that shows it as it is: nothing in it becomes markup, a link or a mention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from probablyexists.report.words import visible

_MARKUP = re.compile(r"([\\`*_{}\[\]<>&|~$#])")
_AT_THE_START = re.compile(r"^(\d*)([-+=:.)])")
_LINKS = (("://", "\\://"), ("www.", "www\\."))
_MENTION = re.compile(r"@(?=\w)")
_HARD_IN_CODE = re.compile(r"[`|\\]")
_BLANKS = re.compile(r"[ \t\n\r\f\v\x1c-\x1f\x85\u2028\u2029]+")
_NO_ENTITY = re.compile(r"[^A-Za-z0-9 ]")


def plain(text: str) -> str:
    r"""`text` on one line, with everything escaped that Markdown, or GitHub's kind of it, would read as markup.

    >>> plain("2 * 3 < *7* | a_b")
    '2 \\* 3 \\< \\*7\\* \\| a\\_b'
    """
    line = "".join(c if c.isprintable() or c.isspace() else ascii(c)[1:-1] for c in text)
    line = _MARKUP.sub(r"\\\1", _BLANKS.sub(" ", line).strip(" "))
    for link, said in _LINKS:
        line = line.replace(link, said)
    return _AT_THE_START.sub(r"\1\\\2", _MENTION.sub("@<!-- -->", line))


def code(text: str) -> str:
    """A name or path as code: in backticks, or, if it holds what would end them or a table's cell, in `<code>`.

    >>> code("person-0001"), code("a|b")
    ('`person-0001`', '<code>a&#124;b</code>')
    """
    shown = visible(text)
    if not _HARD_IN_CODE.search(shown):
        return f"`{shown}`"
    return f"<code>{_NO_ENTITY.sub(lambda found: f'&#{ord(found[0])};', shown)}</code>"


def bullets(texts: Iterable[str]) -> str:
    """A list of texts that are Markdown already; nothing for none."""
    return "".join(f"- {text}\n" for text in texts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
