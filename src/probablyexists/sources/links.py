"""Links inside an archive: where they lead, within the archive only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

MOST_HOPS = 40


def follow(path: str, links: Mapping[str, str]) -> str | None:
    """The path without links that `path` leads to; None for a loop, and for what climbs out of the archive.

    `links`: path -> target as written, counted from the link's folder; from the archive's top if it begins with "/".

    >>> follow("ann/1.jpg", {"ann": "store/a", "store/a/1.jpg": "../b/./2.jpg"})
    'store/b/2.jpg'
    >>> follow("a", {"a": "b", "b": "a"}), follow("a", {"a": "../x"})
    (None, None)
    """
    left, done, hops = path.split("/")[::-1], list[str](), 0
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                return None
            done.pop()
            continue
        done.append(part)
        target = links.get("/".join(done))
        if target is not None:
            hops += 1
            if hops > MOST_HOPS:
                return None
            done = [] if target.startswith("/") else done[:-1]
            left += target.split("/")[::-1]
    return "/".join(done)


def below(folder: str, paths: list[str]) -> list[str]:
    """Of sorted paths those below a folder; all below ""."""
    if not folder:
        return paths
    return paths[bisect_left(paths, f"{folder}/") : bisect_left(paths, f"{folder}0")]  # "0" follows "/"
