"""Rules for what was given and could not be used: fixed before any data is read, the same for every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probablyexists.basis.roles import TITLES, Role
from probablyexists.faces.acquire import FLAT
from probablyexists.results.findings import RoleData

WORST_LOSS = 0.20
"""Share of a role's images, or of its people, that could not be used above which the rest does not represent it."""
UNEQUAL_LOSS = 0.10
"""Difference in the share of images above which training and held-out photos are not comparable."""
WORTH_SAYING = 0.01
"""Share of flat or repeated samples, or of those with several faces, that is said as a caution."""

PEOPLE: dict[Role, str] = {
    "training": "members",
    "unseen": "members with unseen photos",
    "heldout": "held-out people",
    "reference": "reference people",
}


@dataclass(frozen=True)
class Losses:
    """What limits a result because images or people could not be used."""

    grave: list[str] = field(default_factory=list)
    """Reasons why finding nothing means nothing."""
    slight: list[str] = field(default_factory=list)


def losses(roles: Sequence[RoleData]) -> Losses:
    """Apply the rules to what became of each role. The photos of the one person asked about are not judged by them."""
    found = Losses()
    shares = {}
    for role in roles:
        if role.role == "asked":
            continue
        share = shares[role.role] = role.n_set_aside / max(1, role.n_acquired + role.n_set_aside)
        if share > WORST_LOSS:
            found.grave.append(_images(role, share))
        if role.people_set_aside:
            lost = role.n_people_set_aside > WORST_LOSS * (role.n_people_given or 1)
            (found.grave if lost else found.slight).append(_people(role))
    if abs(shares.get("training", 0) - shares.get("heldout", 0)) > UNEQUAL_LOSS:
        ours, theirs = (f"{100 * shares[role]:.0f} %" for role in ("training", "heldout"))
        found.grave.append(
            f"the share of images that could not be used differs between training ({ours}) and held-out photos "
            f"({theirs})"
        )
    for role in roles:
        if role.role == "generated":
            _same_again(role, found)
            _several_faces(role, found)
    return found


def _images(role: RoleData, share: float) -> str:
    if not role.n_unreadable:
        return f"no face was found in {100 * share:.0f} % of the {TITLES[role.role]}"
    return f"{100 * share:.0f} % of the {TITLES[role.role]} could not be used ({reasons(role.why_set_aside)})"


def _people(role: RoleData) -> str:
    verb = "is" if role.n_people_set_aside == 1 else "are"
    return (
        f"{role.n_people_set_aside:,} of {role.n_people_given:,} {PEOPLE[role.role]} {verb} without a usable photo "
        f"({reasons(role.people_set_aside)})"
    )


def _several_faces(role: RoleData, found: Losses) -> None:
    """Pictures such as screenshots of a grid: of each the most prominent face was looked at, the others were not."""
    several = role.n_several_faces
    if several > WORTH_SAYING * role.n_images:
        (found.grave if several > WORST_LOSS * role.n_images else found.slight).append(
            f"{several:,} of {role.n_images:,} samples show several faces, and one of each was looked at: give one "
            "face a picture, not screenshots of several"
        )


def reasons(counts: Mapping[str, int]) -> str:
    """Counts by reason as text.

    >>> reasons({"truncated": 1200, "not an image": 3})
    '1,200 truncated, 3 not an image'
    """
    return ", ".join(f"{n:,} {reason}" for reason, n in counts.items())


def _same_again(role: RoleData, found: Losses) -> None:
    repeated, flat = role.n_repeated or 0, role.n_unreadable.get(FLAT, 0)
    if repeated > WORTH_SAYING * role.n_images:
        found.slight.append(
            f"{repeated:,} of {role.n_images:,} samples repeat the picture of another sample, so they show less of the "
            "generator than their number says"
        )
    if flat > WORTH_SAYING * role.n_images:
        found.slight.append(
            f"{flat:,} of {role.n_images:,} samples are flat (black, or of one colour), as a safety filter gives them"
        )
