"""Names from outside as text that can be stored and printed on one line; a share in words."""

from __future__ import annotations

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def clean(name: str) -> str:
    """`name` as text that UTF-8 can encode: undecodable bytes become `\\udcXX` spelled out."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode("utf-8")
    return name


def shown(name: object) -> str:
    """`name` for a one-line message: as it is, or in quotes with escapes if it holds unprintable characters."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def on_one_line(text: str, most: int) -> str:
    """`text` with single spaces for blanks and line breaks. ValueError if it is empty, longer than `most` characters,
    or has a character that is not seen, such as one that turns the direction of writing; joiners, which scripts need,
    are allowed.
    """
    line = " ".join(text.split())
    if not line:
        raise ValueError("is empty; leave it out, or say something")
    if len(line) > most:
        raise ValueError(f"has {len(line):,} characters; at most {most} fit on the page")
    for unseen in line:
        if not unseen.isprintable() and unseen not in _JOINERS:
            raise ValueError(f"has the character U+{ord(unseen):04X}, which is not seen; leave it out")
    return line


def one_in(share: float) -> str:
    """A share as "1 in n", where n rounds to 1 in a hundred.

    >>> one_in(1 / 1001), one_in(0.0029), one_in(0.95)
    ('1 in 1,001', '1 in 345', '95 in 100')
    """
    n = round(1 / share)
    return f"{round(100 * share)} in 100" if n == 1 and share < 1 else f"1 in {n:,}"


def one_line(error: BaseException) -> str:
    """Another library's error, shortened, for the end of a message."""
    return shown(" ".join(f"{type(error).__name__}: {error}".split())[:200])
