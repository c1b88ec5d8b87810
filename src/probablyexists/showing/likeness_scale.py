"""How alike in words, and where on the scale from strangers to the same person."""

from __future__ import annotations

from dataclasses import dataclass

from probablyexists.results.scale import LikenessScale


@dataclass(frozen=True)
class Place:
    """Where a cosine is on the scale."""

    at: float | None
    """0 as two strangers typically are, 1 as two photos of one person typically are; may be outside; None if the scale
    is not known."""
    words: str


def place(similarity: float, scale: LikenessScale) -> Place:
    """
    >>> scale = LikenessScale(photos=1, strangers=0.80, same_person=0.96, same_person_low=0.90)
    >>> place(0.92, scale).words, round(place(0.92, scale).at, 2)
    ('as alike as many photos of one person are', 0.75)
    >>> place(0.86, scale).words
    'more alike than strangers typically are, less than photos of one person'
    """
    low, high, least = scale.strangers, scale.same_person, scale.same_person_low
    if low is None or high is None or least is None or high <= low:
        return Place(None, "how alike that is cannot be said here: too few held-out people have several photos")
    at = (similarity - low) / (high - low)
    if similarity >= high:
        words = "as alike as two photos of one person typically are"
    elif similarity >= least:
        words = "as alike as many photos of one person are"
    elif similarity > low:
        words = "more alike than strangers typically are, less than photos of one person"
    else:
        words = "no more alike than strangers typically are"
    return Place(at, words)
