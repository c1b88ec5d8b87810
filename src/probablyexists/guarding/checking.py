"""The guard: refuses copies and likenesses of the people in it, before a picture leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.own_code import is_object_name
from probablyexists.basis.text import shown
from probablyexists.copies.gallery import Gallery
from probablyexists.copies.search import SAME_PICTURE
from probablyexists.embeddings.feed import feed_of
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.guarding.calibrating import (
    copies_of,
    galleries,
    one_member,
    put_in,
    refuse_known_photos,
    taken_out,
    with_missed_left_out,
)
from probablyexists.guarding.given_images import Images, given_images
from probablyexists.guarding.guard_file import read_guard, write_guard
from probablyexists.guarding.kept_out import Content
from probablyexists.guarding.likeness import Faces, faces_of
from probablyexists.guarding.looking import Looked, look_at_all
from probablyexists.guarding.other_names import OtherName, other_names

Kind = Literal["allowed", "no face", "copy", "likeness", "unread"]


@dataclass(frozen=True)
class Decision:
    """What a guard says of a picture."""

    kind: Kind
    """`no face`: nothing to compare, so it is allowed, unless it is a copy. `unread`: not a picture, so it is not."""
    person: str | None = None
    """Who is copied or resembled."""
    photo: str | None = None
    """Fingerprint of the photo that is copied."""
    similarity: float | None = None
    """Cosine with the person whom the picture resembles most, commonness taken out; of a copy, the correlation of the
    pixels. None without a face."""
    threshold: float | None = None
    """What the similarity was compared with, for this person: a likeness is above it, a copy at it or above."""
    reason: str | None = None
    """Why there is no face, or no picture."""

    @property
    def allowed(self) -> bool:
        """Whether the picture may be published."""
        return self.kind in ("allowed", "no face")

    def __str__(self) -> str:
        if self.kind == "copy":
            return f"copy of {self.person or 'a training photo'} ({self.photo}, correlation {self.similarity:.2f})"
        if self.kind == "likeness":
            return f"likeness of {self.person} (similarity {self.similarity:.3f}, refused above {self.threshold:.3f})"
        return f"{self.kind} ({self.reason})" if self.reason else self.kind


class Guard:
    """The people who are kept out, and how pictures are compared with them. It is biometric data.

    `open_guard` reads one from its file; `guard` makes one. `add` and `remove` give another guard.
    """

    def __init__(self, content: Content, recogniser: Recogniser, threads: int | None = 1) -> None:
        about = content.about
        if recogniser.id != about.recogniser_id:
            raise InputError(
                f"{option('recogniser', recogniser.id)}: the guard was made with {about.recogniser_id}; give that one, "
                "or make the guard again"
            )
        self.content, self.recogniser, self.threads = content, recogniser, threads

    def __repr__(self) -> str:
        return f"Guard({len(self.people):,} people, {len(self.content.members.pictures):,} photos)"

    def __len__(self) -> int:
        return len(self.people)

    @property
    def people(self) -> tuple[str, ...]:
        """Who is kept out: pseudonyms, or the names that they were added under."""
        return self.content.members.names

    @property
    def id(self) -> str:
        """Changes whenever a decision would."""
        import hashlib

        members, about = self.content.members, self.content.about
        parts = [about.recogniser_id, about.faces, repr(about.threshold), *members.names]
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass"))
        for array in (members.embeddings, members.owner, members.pictures, members.copy_from):
            digest.update(np.ascontiguousarray(array).tobytes())
        return f"guard/{digest.hexdigest()[:16]}"

    def check(self, images: Images, *, picture_range: Sequence[float] | None = None) -> list[Decision]:
        """A decision for each picture; for one that depends on no other.

        `images`: one or several of PIL images; NumPy arrays (n, h, w, 3) or (h, w, 3), uint8 or floats of 0..1; torch
        tensors (n, 3, h, w) or (3, h, w); paths; files' bytes. `picture_range`: the values of black and white, such as
        (-1, 1); float tensors need it. InputError for anything else.
        """
        return self.decide(look_at_all(given_images(images, picture_range), self.content.about.faces, self.recogniser))

    def decide(self, seen: Looked) -> list[Decision]:
        """A decision for each picture that was looked at."""
        members, limit = self.content.members, self.content.about.threshold
        found = [Decision("unread", reason=reason) for reason in seen.reasons]
        bare, faces = seen.readable, seen.with_face
        for row in bare:
            found[row] = Decision("no face", reason=seen.reasons[row])
        if limit is None:
            for row in faces:
                found[row] = Decision("allowed")
            return found
        for row, score, who in zip(faces, *self._faces.scores(seen.embeddings[faces]), strict=True):
            alike, common = score > limit, float(self._faces.common[who])
            person = members.names[who] if alike else None
            found[row] = Decision("likeness" if alike else "allowed", person, None, score + common, limit + common)
        both, frames = self._galleries, {1: self._galleries[1]}
        # Without a face nobody counted how often a stranger's picture would pass for a copy: only certain copies count.
        for rows, known, at_least in ((faces, both, 0.0), (bare, frames, SAME_PICTURE)):
            for row, photo, alike_by in zip(
                rows, *copies_of(members, known, seen.pictures[rows], at_least), strict=True
            ):
                if photo >= 0:
                    owner = int(members.owner[photo])
                    name = members.names[owner] if owner >= 0 else None
                    needed = max(at_least, float(members.copy_from[photo]))
                    found[row] = Decision("copy", name, members.photo(photo), float(alike_by), needed)
        return found

    @cached_property
    def _faces(self) -> Faces:
        return faces_of(self.content.members.templates, self.threads)

    @cached_property
    def _galleries(self) -> dict[int, Gallery]:
        return galleries(self.content.members, self.threads)

    def add(self, photos: Images, *, name: str | None = None, twice: bool = False) -> Guard:
        """A guard that keeps out one more person, whose photos these are; the threshold is set again.

        `name`: what the person is called; default: a pseudonym. A held-out person with one of these photos, as a file,
        no longer counts. What is missed is measured again on photos that are left out of their person's template.
        InputError if no photo shows a face, if somebody is called so, and, unless `twice`, if one of the photos is here
        under another name: whoever removes one name would leave the person in. `other_names` tells who looks like them.
        """
        seen = look_at_all(given_images(photos), self.content.about.faces, self.recogniser)
        content, salt = self.content, bytes.fromhex(self.content.about.salt)
        more = one_member(seen, salt, name, content.members)
        if not twice:
            refuse_known_photos(content, more, self.threads)
        return Guard(put_in(content, more), self.recogniser, self.threads)

    def remove(self, person: str) -> Guard:
        """A guard without this person and their photos; the threshold is set again. InputError if nobody is called so.

        Ask `other_names` before: the person may be in the guard under another name too.
        """
        left = with_missed_left_out(taken_out(self.content, person, self.threads))
        return Guard(left, self.recogniser, self.threads)

    def other_names(self, person: str) -> tuple[OtherName, ...]:
        """Who else in this guard has photos of this person, or looks like them: as a guard without the person judges.

        InputError if nobody is called so.
        """
        members = self.content.members
        alone = members.only(members.number(person))
        return other_names(taken_out(self.content, person, self.threads), alone, self.threads)

    def write(self, path: str | Path, pass_phrase: str | None = None) -> None:
        """Write the file, readable for its owner only, and encrypted if there is a pass phrase. WriteError."""
        write_guard(self.content, Path(path), pass_phrase)

    def safety_checker(self) -> Callable[..., tuple[Any, list[bool]]]:
        """The guard in the form of diffusers' `safety_checker`: refused pictures become black."""
        from probablyexists.guarding.safety_checker import SafetyChecker

        return SafetyChecker(self)


def open_guard(
    path: str | Path,
    *,
    pass_phrase: str | None = None,
    recogniser: str | Recogniser | None = None,
    threads: int | None = 1,
    cache: str | Path | None = None,
) -> Guard:
    """The guard in a file.

    `recogniser`: needed if the guard was made with an .onnx file or an object, because a file names no code to run;
    it must be the same. `threads`: for the copy check; None: all cores. InputError for anything but a whole guard, and
    for a wrong pass phrase.
    """
    content = read_guard(Path(path), pass_phrase)
    return Guard(content, _recogniser_of(content, recogniser, Path(cache) if cache else default_cache()), threads)


def _recogniser_of(content: Content, given: str | Recogniser | None, cache: Path) -> Recogniser:
    name = given if given is not None else content.about.recogniser
    if name is None or (given is None and (is_object_name(str(name)) or str(name).endswith(".onnx"))):
        raise InputError(
            f"{option('recogniser')}: the guard was made with {shown(content.about.recogniser or 'an object')}, which "
            "is not opened on a file's word; give it again"
        )
    recogniser = open_recogniser(name, cache)
    if isinstance(recogniser, OnnxRecogniser) and content.about.feed is not None:
        recogniser = recogniser.fed(feed_of(content.about.feed, recogniser.side))
    return recogniser
