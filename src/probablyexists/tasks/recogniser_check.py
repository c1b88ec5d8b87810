"""Check a recogniser before an audit relies on it: its error rates on somebody's photos, beside the default's."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.trust import trust
from probablyexists.answers.view import View
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.basis.text import shown
from probablyexists.embeddings.embed import Embedded, Some
from probablyexists.embeddings.feed_trial import try_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.settings import CheckSettings
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.templates import People, group
from probablyexists.results.findings import ErrorRates
from probablyexists.sources.folder_names import why_not_people
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, open_source

DEFAULT = "dlib"
FEWEST = 6
"""People with two photos: three to set the thresholds, and three to measure."""
MOST_PEOPLE, MOST_PHOTOS = 600, 4
"""Of the people with two photos, and of the photos of each, that are looked at: minutes, not hours."""
_TIMED = 32
"""Faces whose embedding is timed."""


@dataclass(frozen=True)
class Checked:
    """One recogniser on these photos."""

    recogniser: str
    """As it was given."""
    known_as: str | None
    """Its name in the table of known networks; None if it is not in it."""
    feed: str | None
    """How it is fed; None if that is part of it."""
    why: str | None
    """Why so."""
    licence: str | None
    """Of its weights; None if not known."""
    trained_on: str | None
    """None if not known."""
    overlaps: bool
    """Whether the photos' name says that they show people of its training data."""
    rates: Sequence[ErrorRates]
    """At thresholds set on other people."""
    faces_a_second: float
    """Aligned faces embedded in a second, on one core."""


@dataclass(frozen=True)
class Check:
    """The recogniser that was asked about, and the default."""

    photos: str
    n_given: int
    """People with at least two photos."""
    n_people: int
    """Those of them who were looked at and have two usable photos."""
    n_measured: int
    """Those of them whose comparisons are counted; the others set the thresholds."""
    recognisers: Sequence[Checked]


def check_recogniser_on(settings: CheckSettings, progress: Progress) -> Check:
    """Error rates as an audit measures them (answer 7), on half of the people, drawn by the seed.

    Raises InputError, also if no way to feed the network tells these people apart. The people it is tried on are
    among those it is measured on.
    """
    given = open_source(settings.photos, named=True)
    if (why := why_not_people(given)) is not None:
        raise InputError(f"{given.name}: {why}")
    source, n_given = _some_people(given, settings.seed)
    sources: dict[Role, Source] = {"images": source}
    cache = settings.resources.cache
    with engine(settings.resources, progress) as work:
        asked = open_recogniser(settings.recogniser, cache, settings.feed)
        why_so = None
        if isinstance(asked, OnnxRecogniser):
            modes = [(source, settings.faces)]
            trial = try_feeds(asked, modes, cache=cache, seed=settings.seed, look=work.look)
            if trial.chosen is None:
                raise InputError(f"{shown(settings.recogniser)}: {trial.why}")
            asked, why_so = asked.fed(trial.chosen), trial.why
        default = open_recogniser(DEFAULT, cache)
        both = {str(settings.recogniser): asked} | ({} if default.id == asked.id else {DEFAULT: default})
        tables = {
            name: embed_sources(sources, settings.faces, recogniser, cache, work.look, progress)["images"]
            for name, recogniser in both.items()
        }
    halves = _halves(group(tables[str(settings.recogniser)], seed=settings.seed), source.name, settings.seed)
    found = [
        _checked(name, recogniser, tables[name], halves, source, why_so if recogniser is asked else None, settings.seed)
        for name, recogniser in both.items()
    ]
    return Check(source.name, n_given, len(halves[0]) + len(halves[1]), len(halves[1]), found)


def _some_people(source: Source, seed: int) -> tuple[Source, int]:
    """(at most `MOST_PEOPLE` of the people with two photos, with at most `MOST_PHOTOS` each; how many there are)."""
    of: dict[str, list[Photo]] = defaultdict(list)
    for photo in source.photos:
        of[str(photo.person)].append(photo)
    people = sorted(name for name, photos in of.items() if len(photos) >= 2)
    _refuse_few(len(people), source.name, "photos")
    draw = rng(seed, "check", "people")
    drawn = [people[i] for i in draw.permutation(len(people))[:MOST_PEOPLE]]
    photos = [of[name][i] for name in drawn for i in draw.permutation(len(of[name]))[:MOST_PHOTOS]]
    return Some(source, tuple(sorted(photos))), len(people)


def _refuse_few(n: int, name: str, what: str) -> None:
    if n < FEWEST:
        raise InputError(
            f"{name}: needs at least {FEWEST} people with two {what}, has {n}; give more, such as those of: "
            "probablyexists reference lfw --out R"
        )


def _halves(people: People, name: str, seed: int) -> tuple[People, People]:
    """The people who set the thresholds, and those who are measured; both have two usable photos."""
    enough = np.flatnonzero(people.counts >= 2)
    _refuse_few(len(enough), name, "usable photos")
    order = enough[rng(seed, "check", "halves").permutation(len(enough))]
    return _some(people, np.sort(order[0::2])), _some(people, np.sort(order[1::2]))


def _some(people: People, which: NDArray[np.intp]) -> People:
    return People(tuple(people.names[i] for i in which), tuple(people.rows[i] for i in which))


def _checked(
    name: str,
    recogniser: Recogniser,
    table: Embedded,
    halves: tuple[People, People],
    source: Source,
    why: str | None,
    seed: int,
) -> Checked:
    setting, measured = (Crowd(table, people) for people in halves)
    view = View(recogniser.id, setting, None, measured, photos_of(table.take([])))
    found = trust(view, recogniser, {"heldout": source.name}, seed)
    known = recogniser.known if isinstance(recogniser, OnnxRecogniser) else None
    return Checked(
        recogniser=name,
        known_as=None if known is None else known.name,
        feed=str(recogniser.feed) if isinstance(recogniser, OnnxRecogniser) else None,
        why=why,
        licence="CC0" if name.startswith("dlib") else known.licence if known is not None else None,
        trained_on=found.trained_on,
        overlaps=bool(found.overlaps),
        rates=found.rates,
        faces_a_second=_speed(recogniser, seed),
    )


def _speed(recogniser: Recogniser, seed: int) -> float:
    side = recogniser.side
    chips = rng(seed, "timed").integers(0, 256, (_TIMED, side, side, 3), dtype=np.uint8)
    recogniser.embed(chips[:2])
    started = time.perf_counter()
    recogniser.embed(chips)
    return _TIMED / (time.perf_counter() - started)
