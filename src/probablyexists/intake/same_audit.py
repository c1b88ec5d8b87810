"""The same audit again: the first one's settings and people, and samples that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import sha256_file
from probablyexists.basis.own_code import is_object_name
from probablyexists.basis.roles import Role
from probablyexists.basis.text import shown
from probablyexists.embeddings.embed import Embedded
from probablyexists.intake.open_sources import Fresh
from probablyexists.intake.settings import AuditSettings, ReauditSettings, checked, signed
from probablyexists.results.findings import Findings, GuardUsed
from probablyexists.sources.open_source import Source

SAME = ("faces", "recogniser", "feed", "seed", "more_recognisers", "more_attacks", "consensus", "flat", "level")
"""Settings that are the first audit's, whatever the user says."""
_SHOWN = ("show_names",)
"""Settings that are the first audit's so that people are called the same."""
_MOVED = ("recogniser", "more_recognisers")
"""Settings that may be given under another name, as their files may have moved: their ids are compared."""
_SEVERAL = ("more_recognisers", "more_attacks")
_ROLES: tuple[Role, ...] = ("training", "unseen", "heldout", "reference")


def with_first(settings: ReauditSettings, first: Findings) -> ReauditSettings:
    """The settings with those of the first audit. InputError for one that is given and differs, and for code that the
    findings name and the user does not."""
    held = first.signature.settings
    before: dict[str, Any] = {}
    for name in (*SAME, *_SHOWN):
        if name not in held:
            raise InputError(f"{option('before', settings.before)}: does not say its {name}; audit again")
        value = held[name]
        before[name] = tuple(filter(None, str(value).split(", "))) if name in _SEVERAL else value
    given = {name: getattr(settings, name) for name in settings.model_fields_set if name != "resources"}
    now = signed(settings)
    for name in (*SAME, *_SHOWN):
        if name in given and name not in _MOVED and now[name] != held[name]:
            raise InputError(
                f"{option(name, None if now[name] is True else now[name])}: the first audit has {shown(held[name])}, "
                "and two audits are compared with the same settings; leave it out, or audit the first samples again "
                "with it"
            )
    for name in ("recogniser", *_SEVERAL):
        for one in before[name] if name in _SEVERAL else (before[name],):
            if name not in given and is_object_name(str(one)):
                raise InputError(
                    f"{option(name)}: the first audit's is Python code ({shown(one)}), which is not run because a file "
                    f"says so; give {option(name, str(one))}"
                )
    try:
        return checked(ReauditSettings, {**before, **given, **dict(settings.resources)})
    except InputError as error:
        raise InputError(f"{option('before', settings.before)}: its settings cannot be used ({error.raw})") from None


def fresh_samples(settings: ReauditSettings, first: Findings, n_looks: int) -> Fresh:
    """As many samples as in the first audit, with a seed that neither it nor the looks at it before have used."""
    used = settings.seed if first.again is None or first.again.sample_seed is None else first.again.sample_seed
    if not 0 <= used < 2**61:
        raise InputError(f"{option('before', settings.before)}: has the seed {used}, below 0 or too large; audit again")
    return Fresh(used + 1 + n_looks, sum(role.n_images for role in first.data.roles if role.role == "generated"))


def refuse_other_roles(settings: AuditSettings, first: Findings) -> None:
    """InputError if other roles are given than in the first audit."""
    held, now = first.signature.settings, signed(settings)
    for name in ("unseen", "reference", "groups"):
        was, is_now = held.get(name) is not None, now[name] is not None
        if was and not is_now:
            raise InputError(f"{option(name)}: the first audit had one; give the same, so that both can be compared")
        if is_now and not was:
            raise InputError(f"{option(name, str(now[name]))}: the first audit had none; leave it out")


def refuse_other_numbers(sources: Mapping[Role, Source], first: Findings) -> None:
    """InputError if a role has not as many images as in the first audit: known before anything is read."""
    for role in first.data.roles:
        if role.role in _ROLES and role.role in sources and len(sources[role.role].photos) != role.n_images:
            source = sources[role.role]
            raise InputError(
                f"{option(role.role, source.name)}: has {len(source.photos):,} images, and had {role.n_images:,} in "
                "the first audit; give the same people and photos, or audit the first samples again with these"
            )


def refuse_other_people(tables: Mapping[Role, Embedded], now: Mapping[Role, str], first: Findings) -> None:
    """InputError if a role's people or photos are not those of the first audit. `now`: role -> its fingerprint."""
    for role in first.data.roles:
        if role.role in now and now[role.role] != role.fingerprint:
            n = len(tables[role.role])
            raise InputError(
                f"{option(role.role)}: other people or photos than in the first audit ({n:,} photos used, then "
                f"{role.n_acquired:,}); give the same, or audit the first samples again with these"
            )


def refuse_other_recognisers(recognisers: Sequence[str], first: Findings) -> None:
    """InputError if the recognisers, by their ids, are not those of the first audit."""
    was = [trust.recogniser for trust in first.trust]
    for place, (now, then) in enumerate(zip(recognisers, was, strict=False)):
        if now != then:
            name = "more_recognisers" if place else "recogniser"
            raise InputError(
                f"{option(name)}: is {shown(now)}, and the first audit's was {shown(then)}; give that one, or audit "
                "the first samples again with this one"
            )
    if len(recognisers) != len(was):
        raise InputError(f"{option('more_recognisers')}: {len(was) - 1} in the first audit; give the same")


class AboutGuard(Protocol):
    """What a guard says of itself, as far as it counts here."""

    @property
    def recogniser_id(self) -> str: ...

    @property
    def salt(self) -> str:
        """What its halves of held-out people were drawn with: hexadecimal."""

    @property
    def half(self) -> bool:
        """Whether half of the held-out people were left for verdicts."""

    @property
    def threshold(self) -> float | None:
        """The score above which it refuses a picture."""


def used_guard(path: Path, about: AboutGuard, first: Findings) -> GuardUsed:
    """The guard as it goes into the findings.

    InputError if its recogniser judges beside another: the other alone must judge.
    """
    judges = [trust.recogniser for trust in first.trust]
    if about.recogniser_id in judges and len(judges) > 1:
        others = ", ".join(shown(judge) for judge in judges if judge != about.recogniser_id)
        raise InputError(
            f"{option('guard', path)}: looks with {shown(about.recogniser_id)}, which judges here too; audit the first "
            f"samples again without it, as there is another that took no part ({others}), and then these"
        )
    return GuardUsed(
        fingerprint=sha256_file(path),
        recogniser=about.recogniser_id,
        threshold=about.threshold,
        half=about.half,
        judges_too=about.recogniser_id in judges,
    )


def first_folder(before: Path) -> Path:
    """The folder of an audit that is given by it, or by its findings.json."""
    return before if before.is_dir() else before.parent
