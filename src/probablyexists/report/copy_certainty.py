"""How sure each copy is: certain from a pixel correlation that only the same photograph reaches, else probable."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from probablyexists.answers.copying import CERTAIN_COPY
from probablyexists.report.words import counted
from probablyexists.results.findings import Findings


@dataclass(frozen=True)
class SureCopies:
    """The copies of an audit, counted in samples, and whose they are, as far as that is told."""

    n_certain: int
    n_probable: int
    certain: frozenset[str]
    """People with a certain copy."""
    probable: frozenset[str]
    """People with probable copies alone."""

    def word(self, said: str) -> str:
        """`said` ("reproduces", "a copy") with how sure it is of all copies together."""
        if not self.n_probable:
            return said
        return f"certainly or probably {said}" if self.n_certain else f"probably {said}"

    @property
    def copied(self) -> str:
        """ "copied" with how sure it is of the people who are."""
        if not self.probable:
            return "copied"
        return "certainly or probably copied" if self.certain else "probably copied"

    @property
    def counts(self) -> str:
        """Both counts; empty without copies."""
        parts = []
        if self.n_certain:
            parts.append(f"{counted(self.n_certain, 'certain copy', 'certain copies')}{_of(len(self.certain))}")
        if self.n_probable:
            kind = "probable" if parts else "probable copy" if self.n_probable == 1 else "probable copies"
            parts.append(f"{self.n_probable:,} {kind}{_of(len(self.probable), ' more' if self.certain else '')}")
        return ", ".join(parts)

    @property
    def sentence(self) -> str:
        """The counts, and what they mean; empty without copies."""
        if not self.counts:
            return ""
        least = f"pixel correlation of {CERTAIN_COPY:g} or more"
        why = f"certain is a {least}, which only the same photograph reaches"
        return f"{self.counts}, counted in samples: {why}."


def sure_copies(findings: Findings) -> SureCopies:
    """Nothing is counted where chance explains the copies."""
    if not findings.copies.beyond_chance:
        return SureCopies(0, 0, frozenset(), frozenset())
    copies = findings.samples.filter(pc.equal(findings.samples["kind"], "copy"))
    sure = pc.greater_equal(copies["similarity"], CERTAIN_COPY)
    certain, probable = copies.filter(sure), copies.filter(pc.invert(sure))
    people = frozenset(certain["person"].drop_null().to_pylist())
    others = frozenset(probable["person"].drop_null().to_pylist()) - people
    return SureCopies(len(certain), len(probable), people, others)


def _of(n_people: int, more: str = "") -> str:
    return f" ({counted(n_people, f'person{more}', f'people{more}')})" if n_people else ""
