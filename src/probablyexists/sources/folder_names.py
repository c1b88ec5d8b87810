"""Whether folders are people, as far as names tell: splits, a level too many, and the buckets that tools write."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from probablyexists.basis.text import shown
from probablyexists.sources.archives import ZipSource
from probablyexists.sources.folder import FolderSource
from probablyexists.sources.listing import Photo, count
from probablyexists.sources.open_source import Source
from probablyexists.sources.persons import person_name
from probablyexists.sources.shards import ShardsSource

MANY = 1000
"""Photos of a single person that are rather a set of people; fewer are compared with held-out people."""
_MANY_FOLDERS = 50
"""Folders in each of several folders that are rather people in letters than videos of a person."""
_BUCKET = 1000
"""Images in a folder of FFHQ and of StyleGAN's dataset tool."""
_WORDS = frozenset(
    (
        *("train", "training", "val", "valid", "validation", "test", "testing", "eval", "all", "dataset", "data"),
        *("images", "image", "imgs", "img", "photos", "photo", "pictures", "pics", "faces", "face", "samples", "raw"),
        *("aligned", "crops", "cropped", "thumbnails", "members", "member", "nonmembers", "heldout", "unseen", "seen"),
        *("real", "fake", "generated", "jpg", "jpeg", "png"),
    )
)
_NAMES_TOO = frozenset(("val", "all", "real"))
_DECORATION = re.compile(r"\d+x\d+|[\W\d_]+")
_DIGITS = re.compile(r"\d+")
_HEX = re.compile(r"[0-9a-f]+")


def why_not_people(source: Source) -> str | None:
    """Why the folders of a source are not people, and what to do; None if nothing speaks against it.

    A source whose people are in a column has none of these folders.
    """
    if not isinstance(source, FolderSource | ZipSource | ShardsSource) or source.photos[0].person is None:
        return None
    places = [place for photo in source.photos if (place := _place(photo))]
    if len(places) < len(source.photos):
        return None  # side files name the people
    return _a_level_too_high(places) or _words(places) or _buckets(places)


def _place(photo: Photo) -> tuple[str, tuple[str, ...], str] | None:
    """(person, folders below the person's, name of the file) of a photo; None if no folder is the person."""
    *folders, file = photo.path.split("/")
    at = next((i for i, folder in enumerate(folders) if person_name(folder) == photo.person), None)
    return None if at is None else (folders[at], tuple(folders[at + 1 :]), file)


def _a_level_too_high(places: Sequence[tuple[str, tuple[str, ...], str]]) -> str | None:
    """Splits or buckets that hold folders of people: no photo is directly in them."""
    inner: dict[str, set[str]] = defaultdict(set)
    for person, folders, _ in places:
        if not folders:
            return None
        inner[person].add(folders[0])
    each = [folder for folders in inner.values() for folder in folders]
    # Sessions or videos of a person have the same names for many people, or are few; people's names differ.
    many = len(each) >= _MANY_FOLDERS * len(inner) and len(set(each)) >= 0.9 * len(each)
    if len(each) < 2 or not (many or len(inner) == 1 or _all_words(inner)):
        return None
    return (
        f"{_listed(inner)} {'holds' if len(inner) == 1 else 'hold'} {count(len(each), 'folder', 'folders')} of images, "
        f"such as {shown(min(each))!a}; if those are the people, give the folder that holds them"
    )


def _words(places: Sequence[tuple[str, tuple[str, ...], str]]) -> str | None:
    """Folders called as no person is, or a single one with very many photos."""
    people = {person for person, _, _ in places}
    if _all_words(people):
        if len(people) > 1:
            return f"{_listed(people)} are called like sets, not like people"
        return f"{_listed(people)} is called like a set, not like a person; rename it if it is one"
    if len(people) == 1 and len(places) >= MANY:
        return f"all {len(places):,} photos are in one folder, {shown(min(people))!a}, as of one person"
    return None


def _all_words(people: Collection[str]) -> bool:
    """Whether all are called like sets. A word that several share is how people are numbered: face_001, face_002."""
    words = {_DECORATION.sub("", person.casefold()) for person in people}
    return words <= _WORDS and len(words) == len(people) and not (len(people) == 1 and words <= _NAMES_TOO)


def _buckets(places: Sequence[tuple[str, tuple[str, ...], str]]) -> str | None:
    """Folders that only divide a numbered or hashed list of images: 00000/img00000012.png, 01000/01234.png."""
    people = {person for person, _, _ in places}
    stems = [(person, PurePosixPath(file).stem) for person, _, file in places]
    numbers = [(person, int(found[-1])) for person, stem in stems if (found := _DIGITS.findall(stem))]
    said = f"{_listed(people)} divide a list of images ({{}})"
    if len(numbers) == len(places) and all(person.isascii() and person.isdigit() for person in people):
        example = shown(f"{places[0][0]}/{places[0][2]}")
        of_tool = all(re.fullmatch(r"img\d{8}", stem) for _, stem in stems)
        filled = len(places) / len(people) >= _BUCKET / 4
        by_thousand = all(number // _BUCKET == int(person) for person, number in numbers)
        from_thousand = all(number - number % _BUCKET == int(person) for person, number in numbers)
        if (by_thousand and (of_tool or filled)) or (from_thousand and len(people) > 1):
            return said.format(f"as {example}")
    hashes = all(len(stem) >= 16 and _HEX.fullmatch(stem) and stem.startswith(person) for person, stem in stems)
    return said.format("by the beginning of its name") if hashes and len(people) > 1 else None


def _listed(people: Collection[str]) -> str:
    first = ", ".join(f"{shown(person)!a}" for person in sorted(people)[:3])
    more = f" and {len(people) - 3:,} more" if len(people) > 3 else ""
    return f"{count(len(people), 'folder', 'folders')} ({first}{more})"
