"""From people to a guard's content: templates, thresholds for copies, and the threshold for likenesses.

A picture's score is its highest cosine with a member's template, less that member's commonness (`likeness`); a copy of
a member's photo scores above every likeness. What a score is depends on members alone, and thresholds for copies are
set on members' photos alone. So held-out pictures and pictures of new strangers are exchangeable, and the threshold
from `stats.refusals` keeps the rate of both kinds of refusal together. It holds for pictures like the held-out ones in
which a face is found. A generator's pictures may look otherwise: what it refuses of strangers there is not promised.

Whoever adds or removes a person changes the scores. So the held-out embeddings stay in the file, and the threshold is
set on them again: the rate is kept for every guard that is made without looking at the held-out people.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.copying import own_thresholds, same_person
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.text import on_one_line, shown
from probablyexists.copies.blocks import How
from probablyexists.copies.gallery import Gallery, gallery
from probablyexists.copies.search import SAME_PICTURE, find_in, threshold
from probablyexists.faces.compiled import PICTURE_SIDE
from probablyexists.guarding.kept_out import Content, Members, Strangers
from probablyexists.guarding.likeness import faces_of
from probablyexists.guarding.looking import Looked
from probablyexists.guarding.other_names import other_names, same_pictures
from probablyexists.intake.halves import fingerprints
from probablyexists.intake.people import pseudonyms
from probablyexists.matching.crowd import Crowd
from probablyexists.stats.estimate import Figure
from probablyexists.stats.rates import share_of_people
from probablyexists.stats.refusals import people_needed, refusal_limit, smallest_rate

MOST_PICTURES = 4
"""Most pictures of a held-out person that are used and kept."""
LITTLE = 4096
"""Up to this number of photos, they stay prepared for the copy check (20 kB each)."""
LONGEST_NAME = 200
"""Characters of a name that a person is added under."""


def members_of(training: Crowd, salt: bytes, threads: int | None) -> Members:
    """The people of a training set under their pseudonyms, as audits call them.

    The threshold for copies: 0.85, or higher so that at most 1 in 100 of other photos of the same person would pass for
    copies; higher for people with many photos (`own_thresholds`).
    """
    table, people = training.table, training.people
    alike = same_person(training, threads)
    common = threshold(np.empty(0), alike[alike < SAME_PICTURE]).value
    owner = np.full(len(table), -1, np.int32)
    for number, rows in enumerate(people.rows):
        owner[rows] = number
    return Members(
        pseudonyms(training, salt),
        table.embeddings,
        table.pictures,
        owner,
        np.array([photo_print(salt, sha256) for sha256 in table.sha256], np.uint8).reshape(-1, 8),
        own_thresholds(training, common, threads).astype(np.float32),
    )


def nobody(dim: int) -> Members:
    """No members."""
    return Members(
        (),
        np.empty((0, dim), np.float32),
        np.empty((0, 2, PICTURE_SIDE, PICTURE_SIDE), np.uint8),
        np.empty(0, np.int32),
        np.empty((0, 8), np.uint8),
        np.empty(0, np.float32),
    )


def photo_print(salt: bytes, sha256: bytes) -> list[int]:
    """Eight bytes that stand for a photo, as `Embedded.label` has them."""
    return list(hashlib.sha256(salt + sha256).digest()[:8])


def one_member(seen: Looked, salt: bytes, name: str | None, others: Members) -> Members:
    """A person to be added, from their own photos. InputError if none has a face, for a name that is taken or cannot
    be shown.

    A picture is a copy of an added photo from a correlation of 0.95 on, as the held-out people's pictures are no longer
    there to be counted. Photos of one picture count once.
    """
    rows = seen.with_face
    if not len(rows):
        raise InputError(f"{option('photos')}: no face is found in any of {len(seen.reasons)}; give other photos")
    rows = rows[np.unique([seen.sha256[row] for row in rows], return_index=True)[1]]
    digest = hashlib.sha256(b"probablyexists/person" + salt + b"".join(sorted(seen.sha256[row] for row in rows)))
    called = f"P-{digest.hexdigest()[:8]}" if name is None else _name(name)
    if taken := others.called(called):
        spelled = "" if taken == (called,) else f", as {' and '.join(map(ascii, taken))}"
        raise InputError(
            f"{shown(called)}: is already in this guard{spelled}; remove this person first, or give another name"
        )
    return Members(
        (called,),
        seen.embeddings[rows],
        seen.pictures[rows],
        np.zeros(len(rows), np.int32),
        np.array([photo_print(salt, seen.sha256[row]) for row in rows], np.uint8),
        np.full(len(rows), SAME_PICTURE, np.float32),
    )


def _name(name: str) -> str:
    """As it is kept: on one line, in the form of Unicode that people's names have everywhere here."""
    try:
        return unicodedata.normalize("NFC", on_one_line(name, LONGEST_NAME))
    except ValueError as error:
        raise InputError(f"{option('name', name[:LONGEST_NAME])}: {error}") from None


def refuse_known_photos(content: Content, more: Members, threads: int | None) -> None:
    """InputError if photos of a person to be added are in the guard already, under another name."""
    found = [one for one in other_names(content, more, threads) if one.photos]
    if found:
        names = ", ".join(f"{shown(one.person)} ({one.photos} of {len(more.pictures)})" for one in found[:5])
        rest = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
        raise InputError(
            f"{option('photos')}: are in this guard already, under {names}{rest}, who is kept out; leave these photos "
            f"out, or give {option('twice', True)} to have the person under both names (each has to be removed then)"
        )


def galleries(members: Members, threads: int | None) -> dict[int, Gallery]:
    """The members' photos, prepared for the copy check in both views."""
    how = How(0, threads)
    few = len(members.pictures) <= LITTLE
    portions = how.portions if few else replace(how.portions, held=0)
    return {view: gallery(members.pictures[:, view], How(view, threads, portions)) for view in range(2)}


def copies_of(
    members: Members,
    known: dict[int, Gallery],
    pictures: NDArray[np.uint8],
    at_least: float = 0.0,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """((n,) row of the member's photo that each picture is a copy of, -1 for none; (n,) correlation with it).

    `at_least`: the correlation needed beside each photo's own.
    """
    if not len(members.pictures) or not len(pictures):
        return np.full(len(pictures), -1, np.int32), np.full(len(pictures), -1.0)
    found = find_in(known, pictures, max(at_least, float(members.copy_from.min())))
    needed = np.append(np.maximum(members.copy_from, at_least), np.inf)[found.index]
    return np.where(found.correlation >= needed, found.index, -1).astype(np.int32), found.correlation


def strangers_of(heldout: Crowd, members: Members, salt: bytes, threads: int | None) -> Strangers:
    """Held-out people, at most four pictures each."""
    rows = [its[:MOST_PICTURES] for its in heldout.people.rows]
    every = np.concatenate(rows)
    copied, _ = copies_of(members, galleries(members, threads), heldout.table.pictures[every])
    return Strangers(
        heldout.table.embeddings[every],
        np.repeat(np.arange(len(rows)), [len(its) for its in rows]).astype(np.int32),
        copied,
        np.array([photo_print(salt, heldout.table.sha256[row]) for row in every], np.uint8),
        np.array([list(one) for one in fingerprints(heldout, salt)], np.uint8).reshape(-1, 32),
    )


def refuse_rate(rate: float, n_people: int, given: int | None = None) -> None:
    """InputError if so many held-out people cannot promise the rate. `given`: the people before they were halved."""
    if rate * (n_people + 1) >= 1 - 1e-9:
        return
    needs = f"{option('rate', rate)}: needs at least {people_needed(rate):,} held-out people, and"
    smallest = f"{option('rate', _least(n_people))}, the smallest for these"
    if given is None:
        raise InputError(f"{needs} {n_people:,} set the threshold; give more people, or {smallest}")
    half = option("half", True)
    enough = "" if given >= people_needed(rate) else f" with {option('rate', _least(given))}"
    raise InputError(
        f"{needs} {half} leaves {n_people:,} of {given:,} to set the threshold; leave out {half}{enough}, give more "
        f"people, or {smallest}"
    )


def _least(n_people: int) -> float:
    """The smallest rate that so many people can promise, rounded up to two digits."""
    least = float(f"{smallest_rate(n_people) * 1.005:.2g}")
    return least if least >= smallest_rate(n_people) else float(f"{smallest_rate(n_people) * 1.06:.2g}")


def set_threshold(content: Content) -> Content:
    """The content with the threshold for its members, and the rate it keeps; without members there is none."""
    members, strangers, about = content.members, content.strangers, content.about
    if not members.names:
        return content.with_about(threshold=None, refused=None)
    refuse_rate(about.rate, len(strangers.prints))
    scores = faces_of(members.templates).scores(strangers.embeddings)[0]
    limit = refusal_limit(np.where(strangers.copied >= 0, np.inf, scores), strangers.whose, about.rate)
    if not np.isfinite(limit.value):
        raise InputError(
            f"{option('heldout')}: {int((strangers.copied >= 0).sum()):,} of {len(strangers.whose):,} pictures are "
            f"taken for copies of training photos, more than {option('rate', about.rate)} allows; give held-out people "
            f"from other pictures, or a higher {option('rate')}"
        )
    return content.with_about(threshold=limit.value, refused=limit.refused)


def missed_unseen(content: Content, unseen: Crowd, threads: int | None) -> Figure:
    """Share of members' unseen photos that is let through: mean over people."""
    rows, whose = np.concatenate(unseen.people.rows), np.repeat(np.arange(len(unseen.people)), unseen.people.counts)
    members = content.members
    scores = faces_of(members.templates).scores(unseen.table.embeddings[rows])[0]
    copied, _ = copies_of(members, galleries(members, threads), unseen.table.pictures[rows])
    assert content.about.threshold is not None
    through = (scores <= content.about.threshold) & (copied < 0)
    return share_of_people(np.bincount(whose, through) / unseen.people.counts)


def with_missed_left_out(content: Content) -> Content:
    """With the same share of members' own photos, each left out of its person's template (people with two or more)."""
    members, limit = content.members, content.about.threshold
    if limit is None:
        return content.with_about(missed=None, missed_on=None)
    rows = np.flatnonzero(members.owner >= 0)
    whose = members.owner[rows]
    scores = faces_of(members.templates).left_out(members.embeddings[rows], whose)
    several = np.isfinite(scores)
    through = np.bincount(whose[several], scores[several] <= limit, len(members.names))
    counts = np.bincount(whose[several], minlength=len(members.names))
    missed = share_of_people(through[counts > 0] / counts[counts > 0])
    return content.with_about(missed=missed, missed_on="each photo left out")


def put_in(content: Content, more: Members) -> Content:
    """With one more person; the threshold is set again. A held-out person with the same photo is this person, and no
    longer counts. InputError if too few are left then."""
    strangers, rate = content.strangers, content.about.rate
    same = (strangers.photos[:, None] == more.prints[None]).all(axis=2).any(axis=1)
    others = strangers.without(np.unique(strangers.whose[same]))
    if len(others.prints) < people_needed(rate):
        raise InputError(
            f"{option('photos')}: are of a held-out person, who would no longer count, and this guard's rate of "
            f"{rate:g} needs {people_needed(rate):,} of them, with {len(others.prints):,} left; make the guard again "
            "with more held-out people"
        )
    return with_missed_left_out(set_threshold(replace(content, members=content.members.and_(more), strangers=others)))


def taken_out(content: Content, name: str, threads: int | None) -> Content:
    """Without one person; the threshold is set again. Their photos go, also where they are here as nobody's."""
    members, strangers = content.members, content.strangers
    number = members.number(name)
    people = np.arange(len(members.names)) != number
    photos = members.owner != number
    nobodys = np.flatnonzero(members.owner < 0)
    if len(nobodys):
        same = same_pictures(members.only(-1), members.only(number), threads)
        photos[nobodys[[row for _, row in same]]] = False
    new_number = np.append(np.cumsum(people) - 1, -1)
    new_row = np.append(np.where(photos, np.cumsum(photos) - 1, -1), -1)
    names = tuple(one for one, kept in zip(members.names, people, strict=True) if kept)
    left = members.at(np.flatnonzero(photos), names, new_number[members.owner].astype(np.int32))
    others = replace(strangers, copied=new_row[strangers.copied].astype(np.int32))
    return set_threshold(replace(content, members=left, strangers=others))
