"""What a person said in a blind review: how often "same" of members and of strangers, and where the audit differs.

The null: the reviewer says "same" no more often for members than for strangers whose samples are equally similar.
"Cannot say" counts as not saying "same", on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from probablyexists.answers.review_pairs import Pair, Plan, Side
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.paired import sign_test
from probablyexists.stats.rates import wilson

Decision = Literal["same", "different", "cannot say"]
DECISIONS: tuple[Decision, ...] = ("same", "different", "cannot say")


def decision_of(text: object) -> Decision | None:
    """The decision that a text means; None if it is none."""
    return next((one for one in DECISIONS if one == text), None)


@dataclass(frozen=True)
class Half:
    """What was said of one side."""

    n: int
    same: int
    different: int
    unsure: int
    similarity: float
    """Mean cosine of these people and their samples, -1 to 1; 0 without any."""
    common: float
    """How common their faces are: mean cosine with those who look most like them; 0 without any."""

    @property
    def rate(self) -> Figure:
        """Share of them for whom "same" was said, 0 to 1. Each person is asked about once."""
        if self.n == 0:
            return Unresolvable("no pair was answered", 1, 0)
        share = self.same / self.n
        low, high = wilson(share, self.n)
        return Estimate(share, min(low, share), max(high, share), LEVEL, "Wilson, people", self.n)


@dataclass(frozen=True)
class Compared:
    """Both sides of pairs of which both questions were answered."""

    members: Half
    strangers: Half
    more: int
    """Pairs in which "same" was said of the member alone."""
    less: int
    """Of the stranger alone."""
    p: float
    """One-sided, exact."""


@dataclass(frozen=True)
class Reviewed:
    """The result of one reviewer."""

    reviewer: str
    n_answered: int
    """Questions answered."""
    n_half: int
    """Of these, those whose counterpart was not answered: they are not counted."""
    matched: Compared
    """Pairs that are equally similar."""
    beyond: Compared
    """Pairs whose member is more similar to a sample than every stranger who was free: there is no equal control."""
    named: Half
    """Members whom the audit names, whether or not their counterpart was answered."""
    not_named: Half
    """The other members, likewise."""
    ended: bool
    """Whether the reviewer has seen the result; until then nobody should, as it ends the blindness."""


def reviewed(plan: Plan, reviewer: str, decisions: Mapping[int, Decision], *, ended: bool) -> Reviewed:
    """`decisions`: question -> what was said."""
    said: dict[tuple[int, bool], Decision] = {plan.questions[at]: one for at, one in decisions.items()}
    whole = [i for i in range(len(plan.pairs)) if (i, True) in said and (i, False) in said]
    asked = [(pair, said[i, True]) for i, pair in enumerate(plan.pairs) if (i, True) in said]
    both = [(plan.pairs[i], said[i, True], said[i, False]) for i in whole]
    return Reviewed(
        reviewer,
        len(said),
        len(said) - 2 * len(whole),
        _compared([one for one in both if one[0].matched]),
        _compared([one for one in both if not one[0].matched]),
        _members(asked, named=True),
        _members(asked, named=False),
        ended,
    )


@dataclass(frozen=True)
class Differs:
    """A question on which the audit and the reviewer differ."""

    question: int
    person: str
    kind: Literal["named", "not named", "unjudged", "stranger"]
    """`unjudged` is a member not named who could not be judged; only who shows the audit can tell."""
    said: Decision


def differing(plan: Plan, decisions: Mapping[int, Decision]) -> list[Differs]:
    """Named people who were not confirmed; strangers, and members who are not named, of whom "same" was said."""
    found = []
    for at, (i, member) in enumerate(plan.questions):
        pair, said = plan.pairs[i], decisions.get(at)
        named = member and pair.named
        if said is not None and (said == "same") != named:
            kind: Literal["named", "not named", "stranger"]
            kind = "named" if named else "not named" if member else "stranger"
            found.append(Differs(at, plan.side(at).person, kind, said))
    order = ("named", "not named", "stranger")
    return sorted(found, key=lambda one: (order.index(one.kind), one.question))


def _compared(pairs: Sequence[tuple[Pair, Decision, Decision]]) -> Compared:
    more = sum(ours == "same" != theirs for _, ours, theirs in pairs)
    less = sum(theirs == "same" != ours for _, ours, theirs in pairs)
    members = _half([ours for _, ours, _ in pairs], [pair.member for pair, _, _ in pairs])
    strangers = _half([theirs for _, _, theirs in pairs], [pair.stranger for pair, _, _ in pairs])
    return Compared(members, strangers, more, less, sign_test(more, less))


def _members(asked: Sequence[tuple[Pair, Decision]], *, named: bool) -> Half:
    ours = [(pair.member, said) for pair, said in asked if pair.named is named]
    return _half([said for _, said in ours], [side for side, _ in ours])


def _half(said: Sequence[Decision], sides: Sequence[Side]) -> Half:
    n = max(1, len(sides))
    similarity, common = sum(side.similarity for side in sides) / n, sum(side.common for side in sides) / n
    same, different, unsure = (said.count(one) for one in DECISIONS)
    return Half(len(said), same, different, unsure, similarity, common)
