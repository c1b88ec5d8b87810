"""Open the sources of a task, and check what can be checked from names alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES, Role
from probablyexists.basis.text import shown
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.open_generator import open_generator
from probablyexists.generators.own_process import Limits
from probablyexists.intake.settings import (
    AskSettings,
    AuditSettings,
    BlindSettings,
    Drawing,
    DrawSettings,
    EmbedSettings,
    GeneratorSettings,
    GuardSettings,
)
from probablyexists.sources.folder import FilesSource
from probablyexists.sources.folder_names import why_not_people
from probablyexists.sources.listing import is_candidate
from probablyexists.sources.open_source import Source, left_of, open_source
from probablyexists.stats.conformal import MIN_HELDOUT

NEED_NAMES: tuple[Role, ...] = ("unseen", "reference")
"""Roles whose photos must have names."""
SAMPLES = 10_000
"""Samples to draw from a generator if no number is given."""


@dataclass(frozen=True)
class Fresh:
    """How a generator is sampled where it is not as the settings alone say."""

    seed: int
    samples: int
    """Where the settings give no number."""


def open_sources(settings: AuditSettings, progress: Progress, fresh: Fresh | None = None) -> dict[Role, Source]:
    """The sources of an audit, checked as far as names alone allow. InputError names the setting."""
    sources: dict[Role, Source] = {}
    named: dict[Role, Path | None] = {
        "training": settings.training,
        "unseen": settings.unseen,
        "heldout": settings.heldout,
    }
    if settings.flat and settings.unseen is not None:
        raise InputError(
            f"{option('unseen')}: needs people's names, and with {option('flat', True)} photos have none; leave out "
            "one of them"
        )
    for role, where in named.items():
        if where is not None:
            sources[role] = _open_people(role, where, settings)
    if settings.reference is not None:
        sources["reference"] = _open_reference(settings.reference)
    sources["generated"] = _open_generated(settings, progress, fresh)
    _refuse_one_place_in_two_roles(sources)
    _refuse_people_in_two_roles(sources)
    refuse_few_people("heldout", _people(sources["heldout"]), MIN_HELDOUT)
    _tell(sources, progress, flat=settings.flat)
    return sources


def open_guarded(settings: GuardSettings, progress: Progress) -> dict[Role, Source]:
    """The sources of a guard, checked as far as names alone allow. InputError names the setting."""
    sources: dict[Role, Source] = {}
    roles: tuple[Role, ...] = ("training", "unseen", "heldout")
    for role in roles:
        where = getattr(settings, role)
        if where is not None:
            sources[role] = _opened(role, where, partial(open_source, str(where), role=role))
            _refuse_no_people(role, where, sources[role])
    if settings.training is None and settings.unseen is not None:
        raise InputError(f"{option('unseen')}: is of members; give {option('training')} too, or leave it out")
    if settings.training is None and not has_names(sources["heldout"]):
        raise InputError(f"{option('heldout')}: needs people's names without {option('training')}; one folder a person")
    _refuse_one_place_in_two_roles(sources)
    _refuse_people_in_two_roles(sources)
    refuse_few_people("heldout", _people(sources["heldout"]), MIN_HELDOUT)
    _tell(sources, progress)
    return sources


def open_asked(settings: AskSettings, progress: Progress) -> dict[Role, Source]:
    """The photos asked about, the reference people's, and the samples."""
    asked = _opened("photos", settings.photos[0], lambda: open_photos(settings.photos))
    reference = _open_reference(settings.reference, MIN_HELDOUT)
    sources: dict[Role, Source] = {"asked": asked, "reference": reference}
    sources["generated"] = _open_generated(settings, progress)
    _tell(sources, progress)
    return sources


def open_blind(settings: BlindSettings, progress: Progress, at_least: int) -> dict[Role, Source]:
    """The photos of at least `at_least` reference people, and the samples."""
    reference = _open_reference(settings.reference, at_least)
    sources: dict[Role, Source] = {"reference": reference, "generated": _open_generated(settings, progress)}
    _tell(sources, progress)
    return sources


def open_images(settings: EmbedSettings, progress: Progress) -> dict[Role, Source]:
    """The images to embed."""
    sources: dict[Role, Source] = {
        "images": _opened("images", settings.images, partial(open_source, str(settings.images)))
    }
    _tell(sources, progress)
    return sources


def about_sources(sources: Mapping[Role, Source], *, flat: bool = False) -> list[str]:
    """What the reader must know of an audit's sources: what was not read, and why people are groups of faces.

    Without paths, because these may carry names.
    """
    not_read = [f"{TITLES[role]}: {some.what}" for role, source in sources.items() for some in left_of(source).not_read]
    return not_read + _without_names(sources, flat=flat)


def _tell(sources: Mapping[Role, Source], progress: Progress, *, flat: bool = False) -> None:
    for role, source in sources.items():
        for some in left_of(source).not_read:
            progress.say(f"{TITLES[role]}: {some}")
    for text in _without_names(sources, flat=flat):
        progress.say(text)


def _without_names(sources: Mapping[Role, Source], *, flat: bool) -> list[str]:
    """Why the people of an audit are groups of similar faces, and what might name them; empty if names are used."""
    people: tuple[Role, ...] = ("training", "heldout")
    nameless = [role for role in people if role in sources and not has_names(sources[role])]
    if not nameless:
        return []
    who = " and ".join(TITLES[role] for role in nameless)
    text = f"people are groups of similar faces, because {who} have no names"
    if flat:
        return [f"{text}, as asked"]
    unused = [f"{', '.join(names)} ({TITLES[role]})" for role in nameless if (names := left_of(sources[role]).names)]
    unused += [f"the names of {TITLES[role]}" for role in people if role in sources and role not in nameless]
    return [text + (f"; there and not used: {'; '.join(unused)}" if unused else "")]


def _opened(name: str, where: Path, open_it: Callable[[], Source]) -> Source:
    """The result of `open_it`. Its InputError, which begins with `where`, gets the setting's name added."""
    try:
        return open_it()
    except InputError as error:
        said, known = error.raw, shown(where)
        named = option(name, where) + said.removeprefix(known) if said.startswith(known) else f"{option(name)}: {said}"
        raise InputError(named) from None


def _open_people(role: Role, where: Path, settings: AuditSettings) -> Source:
    """Photos of people, by their names, or without if `flat`. InputError if the folders are not people."""
    named = False if settings.flat else None
    source = _opened(role, where, partial(open_source, str(where), role=role, named=named))
    _refuse_no_people(role, where, source)
    return source


def _refuse_no_people(role: Role, where: Path, source: Source) -> None:
    why = why_not_people(source)
    if why is None:
        return
    instead = "" if role in NEED_NAMES else f", give {option('flat', True)} if the photos have no names"
    raise InputError(
        f"{option(role, where)}: {why}; give one folder a person{instead}, or a manifest with a column person"
    )


def open_photos(photos: tuple[Path, ...]) -> Source:
    others = [path for path in photos if not (path.is_file() and is_candidate(path.name))]
    if not others:
        return FilesSource(photos)
    if len(photos) > 1:
        if not os.path.exists(others[0]):
            raise InputError(f"{shown(others[0])}: does not exist; check its name")
        raise InputError(f"{shown(others[0])}: is not an image file; give image files, or a single folder or archive")
    _refuse_several_people(photos[0])
    return open_source(str(photos[0]), named=False)


def _refuse_several_people(where: Path) -> None:
    """InputError if the photos are in several folders, or have several people's names."""
    try:
        people = sorted({str(photo.person) for photo in open_source(str(where)).photos})
    except InputError:  # such as photos in folders beside loose ones: these are not people's folders
        return
    if len(people) > 1:
        raise InputError(
            f"{shown(where)}: holds {len(people)} people or folders ({_some(people)}); give the photos of one person, "
            "in one folder"
        )


def _open_reference(where: Path, at_least: int = 1) -> Source:
    # A manifest with roles has no role for reference people; its held-out people are used.
    source = _opened("reference", where, partial(open_source, str(where), role="heldout", named=True))
    _refuse_no_people("reference", where, source)
    refuse_few_people("reference", _people(source), at_least)
    return source


def open_drawn(settings: DrawSettings, progress: Progress) -> GeneratedSource:
    """The pictures of a generator, and of nothing else."""
    where = settings.generated if isinstance(settings.generated, Path) else Path("the generator")
    source = _drawn_from(settings, where, Fresh(settings.seed, SAMPLES), progress)
    if source is None:
        what = "is no generator" if where.exists() else "does not exist; check the path"
        raise InputError(f"{shown(where)}: {what}; give an .onnx or TorchScript file, or module:Name")
    return source


def _open_generated(settings: GeneratorSettings, progress: Progress, fresh: Fresh | None = None) -> Source:
    where = settings.generated if isinstance(settings.generated, Path) else Path("the generator")
    fresh = fresh or Fresh(settings.seed, SAMPLES)
    return _opened("generated", where, lambda: _samples(settings, where, fresh, progress))


def _drawn_from(settings: Drawing, where: Path, fresh: Fresh, progress: Progress) -> GeneratedSource | None:
    """The pictures of a generator; None if it is none."""
    limits = Limits(settings.picture_seconds, settings.resources.memory)
    generator = open_generator(settings.generated, settings.given, limits, progress)
    if generator is None:
        return None
    within = getattr(generator, "range", None)
    how = "" if within is None else f", pictures in {within}"
    progress.say(f"generated samples: drawn from {generator.id}{how}")
    n = fresh.samples if settings.samples is None else settings.samples
    return GeneratedSource(generator, str(where), n, fresh.seed, progress)


def _samples(settings: GeneratorSettings, where: Path, fresh: Fresh, progress: Progress) -> Source:
    if (drawn := _drawn_from(settings, where, fresh, progress)) is not None:
        return drawn
    source = open_source(str(where), role="generated", named=False)
    for name in ("samples", "latent_shape", "picture_range"):
        if getattr(settings, name) is not None:
            raise InputError(
                f"{shown(where)}: contains {len(source.photos):,} images, and all of them are used; leave out "
                f"{option(name)}, which is for generators"
            )
    return source


def generator_of(source: Source) -> dict[str, str | int]:
    """The signature's entries about the generator that was sampled; empty for a set of images."""
    if not isinstance(source, GeneratedSource):
        return {}
    return {"generator": source.generator.id, "samples": len(source.photos)}


def share_refused(source: Source) -> float | None:
    """Share of the pictures drawn that a guard before the generator refused; None without one, or if none was drawn."""
    counts = getattr(getattr(source, "generator", None), "counts", None)
    if not isinstance(counts, Mapping) or not counts.get("drawn"):
        return None
    return float((counts["copy"] + counts["likeness"]) / counts["drawn"])


def has_names(source: Source) -> bool:
    """Whether the photos of the source have people's names."""
    return source.photos[0].person is not None


def _people(source: Source) -> set[str | None]:
    """The people of a source; None for photos without names."""
    return {photo.person for photo in source.photos}


def refuse_few_people(role: Role, people: Collection[str | None], at_least: int, which: str = "") -> None:
    """InputError if there are fewer than `at_least` people, unless some photos have no names (None)."""
    if None not in people and len(people) < at_least:
        raise InputError(
            f"{option(role)}: needs at least {at_least} people, has {len(people)}{which}; give more people that the "
            "generator was not trained on"
        )


def _refuse_one_place_in_two_roles(sources: Mapping[Role, Source]) -> None:
    """InputError if two roles have the same folder or file, unless it is a manifest that divides its photos."""
    for (role, one), (other_role, other) in combinations(sources.items(), 2):
        same_place = os.path.realpath(one.name) == os.path.realpath(other.name)
        if same_place and not {photo.path for photo in one.photos}.isdisjoint(photo.path for photo in other.photos):
            raise InputError(
                f"{option(role)} and {option(other_role)}: both are {shown(one.name)}; give each role its own photos"
            )


def _refuse_people_in_two_roles(sources: Mapping[Role, Source]) -> None:
    """Members, held-out people and reference people must differ; unseen photos must be of members."""
    people: dict[Role, set[str]] = {
        role: {person for person in _people(source) if person is not None}
        for role, source in sources.items()
        if role != "generated"
    }
    rules: tuple[tuple[Role, tuple[Role, ...], str], ...] = (
        ("heldout", ("training", "unseen"), "held-out people must never have been trained on"),
        ("reference", ("training", "unseen", "heldout"), "reference people must not be among the people judged"),
    )
    for other, roles, why in rules:
        for role in roles:
            both = sorted(people.get(role, set()) & people.get(other, set()))
            if both:
                raise InputError(
                    f"{option(role)} and {option(other)}: {len(both)} people are in both ({_some(both)}); {why}: "
                    "remove them from one side"
                )
    if "unseen" not in sources:
        return
    if not has_names(sources["training"]) or not has_names(sources["unseen"]):
        raise InputError(
            f"{option('unseen')}: needs people's names (one folder a person) here and in {option('training')}; leave "
            "it out"
        )
    strangers = sorted(people["unseen"] - people["training"])
    if strangers:
        raise InputError(
            f"{option('unseen')}: {len(strangers)} people are not in {option('training')} ({_some(strangers)}); unseen "
            "photos are other photos of members"
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(ascii(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown}, ..."
