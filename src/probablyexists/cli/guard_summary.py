"""A guard in words and as JSON: what is in it, what it promises, and who may be in it under two names."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from probablyexists.basis.text import clean, shown

if TYPE_CHECKING:
    from probablyexists.guarding.checking import Guard, Kind
    from probablyexists.guarding.other_names import OtherName
    from probablyexists.stats.estimate import Estimate

BIOMETRIC = (
    "It is biometric data of the people in it, and of held-out people: only you can read the file; keep it as "
    "carefully as the photos."
)
_MOST_NAMES = 5
"""Other names of a person that are told on the terminal; the JSON has all."""
KINDS: dict[Kind, str] = {
    "allowed": "{n} resemble nobody in the guard closely enough",
    "no face": "{n} allowed without a comparison, as no face is found",
    "copy": "{n} refused as copies",
    "likeness": "{n} refused as likenesses",
    "unread": "{n} not allowed, as they cannot be read",
}
"""What became of the pictures of a kind."""


def also_under(others: tuple[OtherName, ...], file: Path, *, removed: bool) -> Iterator[str]:
    """A line for each who may be the person that was added or removed, and what to do."""
    for other in others[:_MOST_NAMES]:
        who = shown(other.person)
        if other.photos:
            why = f"{other.photos} of these photos are here as {who} too"
        else:
            why = f"{who} looks like the same person (similarity {other.similarity:.3f} > {other.threshold:.3f})"
        if removed:
            still = "still in this guard" if other.photos else "perhaps still in this guard"
            command = f"probablyexists guard remove {shlex.quote(shown(file))} {shlex.quote(who)}"
            yield f"caution: {still}: {why}; if this is the person, remove that name too: {command}"
        else:
            yield f"caution: {why}; if this is the person, both names must be removed to take them out"
    if removed and not others:
        yield (
            "no other name here has these photos or looks enough like the person; somebody who was added with other "
            "photos may be missed: see who is in it"
        )
    if len(others) > _MOST_NAMES:
        yield f"caution: {len(others) - _MOST_NAMES:,} more names may be the same person (--json lists all)"


def in_json(found: Guard, others: tuple[OtherName, ...] | None = None) -> str:
    """What `--json` prints. `others`: who else may be the person that was added or removed."""
    members, about = found.content.members, found.content.about
    people = [
        {"person": clean(name), "photos": int(n)} for name, n in zip(members.names, members.n_photos, strict=True)
    ]
    figures = about.model_dump(mode="json", exclude={"salt"})
    said: dict[str, object] = {**figures, "heldout_people": len(found.content.strangers.prints), "people": people}
    if others is not None:
        said["other_names"] = [{**asdict(other), "person": clean(other.person)} for other in others]
    return json.dumps(said, indent=1)


def described(found: Guard, file: Path) -> str:
    """What `guard show` prints."""
    from probablyexists.guarding.guard_file import is_encrypted
    from probablyexists.report.words import counted
    from probablyexists.stats.estimate import Estimate, Unresolvable

    members, about, strangers = found.content.members, found.content.about, found.content.strangers
    sealed = "encrypted" if is_encrypted(file) else "not encrypted"
    people, photos = counted(len(members.names), "person", "people"), counted(len(members.pictures), "photo")
    lines = [f"guard: {shown(file)}, {people}, {photos}, {sealed}"]
    lines.append(BIOMETRIC)
    lines.append(f"recogniser: {shown(about.recogniser_id)}; faces: {about.faces}")
    if about.refused is None:
        lines.append("nobody is kept out yet: probablyexists guard add GUARD PHOTOS")
    else:
        half = " (half of those given)" if about.half else ""
        lines.append(
            f"refused by mistake: of strangers' pictures {100 * about.refused.value:.3g} % on average over guards made "
            f"like this one, asked for at most {100 * about.rate:g} %; by this guard itself "
            f"{_per_cent(about.refused)}, as {len(strangers.prints):,} held-out people{half} set its threshold"
        )
    if isinstance(about.missed, Estimate):
        lines.append(
            f"let through by mistake: of other photos of the people in it {100 * about.missed.value:.1f} %, "
            f"{_per_cent(about.missed)}, measured on {_measured(about.missed_on, about.missed.n)}"
        )
    elif isinstance(about.missed, Unresolvable):
        lines.append(f"let through by mistake: not known ({about.missed.reason})")
    elif about.refused is not None:
        lines.append("let through by mistake: not measured")
    shown_people = [f"{shown(name)} ({n})" for name, n in zip(members.names, members.n_photos, strict=True)]
    if shown_people:
        more = f", and {len(shown_people) - 20:,} more (--json lists all)" if len(shown_people) > 20 else ""
        lines.append(f"people (photos): {', '.join(shown_people[:20])}{more}")
    return "\n".join(lines)


def _per_cent(figure: Estimate) -> str:
    return f"{100 * figure.low:.2g} to {100 * figure.high:.2g} % (95 % interval)"


def _measured(on: str | None, n: int) -> str:
    if on == "unseen photos":
        return f"the unseen photos of {n:,} people"
    return f"photos of {n:,} people, each left out in turn"
