"""Who judges: one recogniser, or several as one.

With the consensus `joint`, the recognisers that judge are one: their embeddings side by side
(`matching.side_by_side`). With `strict` each judges alone, and the largest p-value counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.view import View
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.matcher import HERE, Matcher
from probablyexists.matching.side_by_side import side_by_side, weights
from probablyexists.results.findings import Trust


@dataclass(frozen=True)
class Judge:
    """The people and the samples, as one recogniser sees them, or several together."""

    recogniser: str
    crowds: Mapping[Role, Crowd]
    generated: Embedded
    """All samples."""
    left_out: NDArray[np.bool_]
    """(n_samples,) the samples that are copies."""
    matcher: Matcher = HERE
    groups: Mapping[str, str] = field(default_factory=dict)
    """As in `View`."""

    @cached_property
    def others(self) -> Embedded:
        """The samples that are not copies."""
        return self.generated.take(np.flatnonzero(~self.left_out))

    @cached_property
    def view(self) -> View:
        """What attacks get; the samples are those that are not copies."""
        training, heldout, reference = self.crowds["training"], self.crowds["heldout"], self.crowds.get("reference")
        known = None if reference is None else reference.reference()
        seen = photos_of(self.others)
        return View(
            self.recogniser, training, self.crowds.get("unseen"), heldout, seen, known, self.matcher, self.groups
        )

    def again(self, recogniser: str, tables: Mapping[Role, Embedded]) -> Judge:
        """The same photos in another recogniser's tables. InputError if one of them is missing there."""

        def theirs(role: Role, table: Embedded) -> NDArray[np.float32]:
            found = tables[role].of(table.photos)
            if len(found) < len(table):
                raise InputError(
                    f"{option('more_recognisers', recogniser)}: {len(table) - len(found):,} {role} photos that the "
                    "first recogniser saw could not be read again; audit again when nothing changes them"
                )
            return found.embeddings

        return self._as(recogniser, theirs)

    def _as(self, recogniser: str, embeddings: Callable[[Role, Embedded], NDArray[np.float32]]) -> Judge:
        crowds = {
            role: Crowd(replace(crowd.table, embeddings=embeddings(role, crowd.table)), crowd.people)
            for role, crowd in self.crowds.items()
        }
        samples = replace(self.generated, embeddings=embeddings("generated", self.generated))
        return replace(self, recogniser=recogniser, crowds=crowds, generated=samples)


def together(judges: Sequence[Judge]) -> Judge:
    """All as one; their order changes nothing. One alone as it is."""
    if len(judges) == 1:
        return judges[0]
    ordered = sorted(judges, key=lambda judge: judge.recogniser)
    shares = weights([judge.others.embeddings for judge in ordered])

    def joined(role: Role, _: Embedded) -> NDArray[np.float32]:
        tables = (judge.generated if role == "generated" else judge.crowds[role].table for judge in ordered)
        return side_by_side([table.embeddings for table in tables], shares)

    return judges[0]._as(" + ".join(judge.recogniser for judge in ordered), joined)


def deciding(judges: Sequence[Judge], error_rates: Sequence[Trust], *, strict: bool) -> list[Judge]:
    """Those who must all agree: each recogniser that judges if `strict`, else all of these as one."""
    chosen = [judge for judge, rates in zip(judges, error_rates, strict=True) if rates.judges]
    return chosen if strict else [together(chosen)]


def who_judges(error_rates: Sequence[Trust]) -> list[Trust]:
    """A recogniser that misses more than half of true matches does not judge; if all do, the first judges alone."""
    if any(one.judges for one in error_rates):
        return list(error_rates)
    return [error_rates[0].model_copy(update={"judges": True}), *error_rates[1:]]
