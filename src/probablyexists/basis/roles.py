"""The roles that a set of images can have, and what they are called."""

from __future__ import annotations

from typing import Literal

Role = Literal["training", "unseen", "heldout", "generated", "reference", "asked", "images"]
"""Photos of members, other photos of members, photos of held-out people, samples, photos of reference people, photos of
the one person asked about, and images that are only embedded."""

TITLES: dict[Role, str] = {
    "training": "training photos",
    "unseen": "unseen photos",
    "heldout": "held-out photos",
    "generated": "generated samples",
    "reference": "reference photos",
    "asked": "photos asked about",
    "images": "images",
}
"""In running text."""

HEADINGS: dict[str, str] = {
    "training": "Training (members)",
    "unseen": "Unseen photos of members",
    "heldout": "Held-out people (strangers)",
    "reference": "Reference people",
    "asked": "The person asked about",
    "generated": "Generated samples",
}
"""In the report's tables."""

IN_MANIFESTS: dict[Role, tuple[str, ...]] = {
    "training": ("training", "train", "member", "members", "seen"),
    "unseen": ("unseen",),
    "heldout": ("heldout", "held-out", "held_out", "non-member", "non_member", "nonmember"),
    "generated": ("generated",),
}
"""Words of a manifest's or a table's column `role`."""

KNOWN = ", ".join(IN_MANIFESTS)
_ROLE_OF = {word: role for role, words in IN_MANIFESTS.items() for word in words}


def role_of(word: str) -> Role | None:
    """The role that a word of a manifest means, None if it means none.

    >>> role_of("Member"), role_of("held-out"), role_of("test")
    ('training', 'heldout', None)
    """
    return _ROLE_OF.get(word.strip().lower())
