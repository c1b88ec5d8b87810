"""Answer 1: can an attacker tell? Seen photos, unseen photos of members, photos of non-members, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from probablyexists.answers.judges import Judge
from probablyexists.attacks.attack import Attack, Scorer
from probablyexists.basis.seeds import rng
from probablyexists.matching.crowd import Crowd, common_count, photos_of
from probablyexists.results.findings import Membership
from probablyexists.stats.pooled import PooledRun
from probablyexists.stats.roc import Side, auroc_estimate, rank_sum_p, tpr_estimate
from probablyexists.stats.several import best_of


def membership(
    training: Crowd,
    unseen: Crowd | None,
    heldout: Crowd,
    scorers: Sequence[Scorer],
    seed: int,
    copies: Literal["in", "out"] = "out",
) -> list[Membership]:
    """AUROC and TPR at FPR 1 % and 0.1 % by photo and by person, for seen and (if given) unseen photos.

    `copies`: whether the samples that the attacks were prepared with hold the copies.
    Figures are from the first attack. p-values are for the best of all attacks, corrected for picking it
    (`stats.several.best_of`).
    """
    of_each = [populations(training, unseen, heldout, score) for score in scorers]
    return [_figures(several, seed, copies) for several in zip(*of_each, strict=True)]


def agreed_membership(by_recogniser: Sequence[list[Membership]]) -> list[Membership]:
    """Of recognisers who must all agree: the first one's figures, with the largest p-value."""
    found = []
    for several in zip(*by_recogniser, strict=True):
        p = [answer.p for answer in several if answer.p is not None]
        found.append(several[0].model_copy(update={"p": max(p, default=None)}))
    return found


@dataclass(frozen=True)
class Population:
    """The scores of members' photos, or of members, beside those of held-out people."""

    name: str
    """seen photos or unseen photos"""
    level: str
    """photo or person"""
    positives: Side
    negatives: Side
    members: tuple[str, ...]
    """Names, by `positives.people`."""
    strangers: tuple[str, ...]
    """Names, by `negatives.people`."""

    @property
    def as_run(self) -> PooledRun:
        """The same scores, to be paired with those of another attack or pooled with another run's."""
        members = [self.members[i] for i in self.positives.people]
        strangers = [self.strangers[i] for i in self.negatives.people]
        return PooledRun(self.positives.scores, members, self.negatives.scores, strangers)


def populations(training: Crowd, unseen: Crowd | None, heldout: Crowd, score: Scorer) -> list[Population]:
    """Seen and (if given) unseen photos, by photo and by person; everybody on the same number of photos."""
    by_photo = _photos(heldout, score)
    found = []
    for name, crowd in (("seen photos", training), ("unseen photos", unseen)):
        if crowd is None:
            continue
        k = common_count(crowd.people.counts, heldout.people.counts)
        ours, members = _people(crowd, k, score)
        theirs, strangers = _people(heldout, k, score)
        names = crowd.people.names, heldout.people.names
        found.append(Population(name, "photo", _photos(crowd, score), by_photo, *names))
        found.append(Population(name, "person", ours, theirs, members, strangers))
    return found


def _figures(by_attack: Sequence[Population], seed: int, copies: str) -> Membership:
    population = by_attack[0]
    positives, negatives = population.positives, population.negatives
    draws = [rng(seed, "membership", population.name, population.level, what) for what in ("1", "0.1")]
    return Membership.model_validate(
        {
            "population": population.name,
            "copies": copies,
            "level": population.level,
            "auroc": auroc_estimate(positives, negatives),
            "tpr_at_fpr_1_percent": tpr_estimate(positives, negatives, 0.01, draws[0]),
            "tpr_at_fpr_0_1_percent": tpr_estimate(positives, negatives, 0.001, draws[1]),
            "p": _p(by_attack, seed) if population.level == "person" else None,
        }
    )


def _p(by_attack: Sequence[Population], seed: int) -> float:
    first = by_attack[0]
    if len(by_attack) == 1:
        return rank_sum_p(first.positives.scores, first.negatives.scores)
    ours = np.column_stack([population.positives.scores for population in by_attack])
    theirs = np.column_stack([population.negatives.scores for population in by_attack])
    return best_of(ours, theirs, rng(seed, "membership", first.name, "several")).p


def _photos(crowd: Crowd, score: Scorer) -> Side:
    photos, whose = crowd.photos()
    return Side(score(photos), whose)


def _people(crowd: Crowd, photos: int, score: Scorer) -> tuple[Side, tuple[str, ...]]:
    faces, who = crowd.faces(photos)
    return Side.one_each(score(faces)), tuple(crowd.people.names[i] for i in who)


def membership_with_copies(judge: Judge, attacks: Sequence[Attack], seed: int) -> list[Membership]:
    """Answer 1 with the copies among the samples, as an attacker sees them; nothing where none is left out."""
    if not judge.left_out.any():
        return []
    view = replace(judge.view, samples=photos_of(judge.generated))
    return membership(view.training, view.unseen, view.heldout, view.scorers(attacks), seed, "in")
