"""Names from outside as text that can be stored and printed on one line."""

from __future__ import annotations


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


def one_line(error: BaseException) -> str:
    """Another library's error, shortened, for the end of a message."""
    return shown(" ".join(f"{type(error).__name__}: {error}".split())[:200])
