"""What samples are called in results: by their paths, or by numbers where a path may carry somebody's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from probablyexists.basis.roles import Role
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.sources.folder import FolderSource
from probablyexists.sources.open_source import Source

SHORTEST = 3
"""Fewest letters and digits of a name that is looked for in paths: shorter ones are found everywhere."""


def sample_names(sources: Mapping[Role, Source], *, show_names: bool) -> dict[str, str]:
    """Path of each sample -> its name in results; empty if samples are called by their paths.

    Without `show_names`, all samples are numbered by their place in the sorted list of paths (`sample-000001`, ...) if
    a folder among the paths has a letter in its name, or a path holds the name of a person of any role. Samples drawn
    from a generator are called by their seed.
    """
    source = sources["generated"]
    if show_names or isinstance(source, GeneratedSource):
        return {}
    paths = [photo.path for photo in source.photos]
    people = {photo.person for each in sources.values() for photo in each.photos if photo.person is not None}
    shapes = _shapes(paths)
    if not (any(_has_letter(shape.rpartition("/")[0]) for shape in shapes) or _any_holds(paths, shapes, people)):
        return {}
    width = max(6, len(str(len(paths))))
    return {path: f"sample-{number:0{width}d}" for number, path in enumerate(paths, start=1)}


def paths_on_disk(source: Source, names: Mapping[str, str]) -> dict[str, str]:
    """Name of each sample in results -> its path, for those that differ; a path as the file system spells it."""
    if not names and not (isinstance(source, FolderSource) and not source.is_text):
        return {}
    pairs = ((names.get(photo.path, photo.path), path_on_disk(source, photo.path)) for photo in source.photos)
    return {name: path for name, path in pairs if name != path}


def path_on_disk(source: Source, path: str) -> str:
    """A photo's path as the file system spells it; it differs in a folder where UTF-8 cannot hold the name."""
    return source.on_disk(path) if isinstance(source, FolderSource) else path


def _has_letter(folder: str) -> bool:
    return any(character.isalpha() for character in folder)


def _any_holds(paths: Sequence[str], shapes: Collection[str], people: Iterable[str]) -> bool:
    """Whether any path holds the name of a person, however it is spelled or divided; numbers are not names.

    `shapes`: of the paths.
    """
    divided = [_parts(person) for person in people]
    names = {name for parts in divided if len(name := "".join(parts)) >= SHORTEST and not name.isdigit()}
    longest = max(map(len, divided), default=0)
    about = {_undigited(name) for name in names}
    alike = {shape for shape in shapes if not about.isdisjoint(map(_undigited, _runs(_parts(shape), longest)))}
    return bool(alike) and any(
        not names.isdisjoint(_runs(_parts(path), longest)) for path in paths if _undigited(path) in alike
    )


def _shapes(paths: Sequence[str]) -> set[str]:
    """The paths with 0 for every digit: few, where a million differ in their digits alone."""
    every = _APART.join(path.encode("utf-8", "surrogatepass") for path in paths)
    return {shape.decode("utf-8", "surrogatepass") for shape in every.translate(_BYTE_DIGITS).split(_APART)}


_APART = b"\xff"
"""No byte of UTF-8."""
_BYTE_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


def _undigited(text: str) -> str:
    """The text with 0 for every digit.

    >>> _undigited("seed-17.png")
    'seed-00.png'
    """
    return text.translate(_DIGITS)


_DIGITS = str.maketrans("123456789", "0" * 9)


def _parts(text: str) -> list[str]:
    """The words and numbers of a name or path, in lower case and without accents.

    >>> _parts("AngélaMerkel_01.png")
    ['angela', 'merkel', '01', 'png']
    """
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return [part.casefold() for part in _PART.findall(plain)]


_PART = re.compile(r"\d+|[A-Z]*[^\W\d_A-Z]+|[A-Z]+")


def _runs(parts: list[str], longest: int) -> Iterator[str]:
    """Up to `longest` parts in a row, joined."""
    for start in range(len(parts)):
        run = ""
        for part in parts[start : start + longest]:
            run += part
            yield run
