"""Check a recogniser before an audit relies on it: its error rates on somebody's photos, beside the default's."""

from __future__ import annotations

import time
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
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.feed_trial import try_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import decide, embed_sources
from probablyexists.intake.settings import CheckSettings
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.templates import People, group
from probablyexists.results.findings import ErrorRates
from probablyexists.sources.folder_names import why_not_people
from probablyexists.sources.open_source import Source, open_source

DEFAULT = "dlib"
FEWEST = 6
"""People with two photos: three to set the thresholds, and three to measure."""
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
    n_people: int
    """People with at least two usable photos; half of all people set the thresholds."""
    n_measured: int
    """Those of them whose comparisons are counted."""
    recognisers: Sequence[Checked]


def check_recogniser_on(settings: CheckSettings, progress: Progress) -> Check:
    """Error rates as an audit measures them (answer 7), on half of the people, drawn by the seed.

    Raises InputError, also if no way to feed the network tells these people apart.
    """
    source = open_source(settings.photos, named=True)
    if (why := why_not_people(source)) is not None:
        raise InputError(f"{source.name}: {why}")
    sources: dict[Role, Source] = {"images": source}
    cache = settings.resources.cache
    with engine(settings.resources, progress) as work:
        asked = open_recogniser(settings.recogniser, cache, settings.feed)
        decisions = decide(sources, settings, progress)
        why_so = None
        if isinstance(asked, OnnxRecogniser):
            modes = [(source, decisions["images"].mode)]
            trial = try_feeds(asked, modes, cache=cache, seed=settings.seed, look=work.look)
            if trial.chosen is None:
                raise InputError(f"{shown(settings.recogniser)}: {trial.why}")
            asked, why_so = asked.fed(trial.chosen), trial.why
        default = open_recogniser(DEFAULT, cache)
        given = {str(settings.recogniser): asked} | ({} if default.id == asked.id else {DEFAULT: default})
        tables = {
            name: embed_sources(sources, decisions, recogniser, cache, work.look, progress)["images"]
            for name, recogniser in given.items()
        }
    halves = _halves(tables[str(settings.recogniser)], source.name, settings.seed)
    found = [
        _checked(name, recogniser, tables[name], halves, source, why_so if recogniser is asked else None, settings.seed)
        for name, recogniser in given.items()
    ]
    enough = [people.counts >= 2 for people in halves]
    return Check(source.name, int(sum(map(np.sum, enough))), int(enough[1].sum()), found)


def _halves(table: Embedded, name: str, seed: int) -> tuple[People, People]:
    """The people who set the thresholds, and those who are measured."""
    people = group(table, seed=seed)
    n_enough = int((people.counts >= 2).sum())
    if n_enough < FEWEST:
        raise InputError(
            f"{name}: needs at least {FEWEST} people with two usable photos, has {n_enough}; give more, such as those "
            "of: probablyexists reference lfw --out R"
        )
    # Those with two photos are divided by themselves: a half without any could not be measured.
    order = rng(seed, "check").permutation(len(people))
    order = np.concatenate([order[people.counts[order] >= 2], order[people.counts[order] < 2]])
    first, second = (np.sort(order[start::2]) for start in (0, 1))
    return _some(people, first), _some(people, second)


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
