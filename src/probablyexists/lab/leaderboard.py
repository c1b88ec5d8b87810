"""Which attack is best, on generators whose training people are known.

Figures are pooled over victims (attacked generators) by `stats.pooled`, people as units: a fold of a victim is a run
there, and a person is the same person in every victim of a set. The best of many attacks is chosen on one half of the
victims, and its margin is measured on the other half: on the same ones the margin would come out too large.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.errors import InputError
from probablyexists.basis.seeds import rng
from probablyexists.lab.pool import SEEN, UNSEEN, scored_run, where
from probablyexists.lab.results_table import markdown, shown
from probablyexists.lab.victims import N_FOLDS, Victim
from probablyexists.stats.conformal import benjamini_hochberg
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.pooled import PooledRun, pooled_auroc, pooled_difference
from probablyexists.stats.roc import Side, tpr_estimate

LEVEL = 0.05
YARDSTICKS = (NearestSample.id, GanLeaks("pixels").id)
"""What the best attack is compared with: the paper's attack, and GAN-Leaks calibrated on pixels."""

_HEAD = (
    "| attack | unseen, by person | {than} | unseen, by photo | seen, by person | blind, unseen by person "
    "| TPR at FPR 1 %, unseen by person | at 0.1 % | named at q 0.05 | seconds | MiB |"
)


@dataclass(frozen=True)
class Place:
    """One attack over some victims."""

    attack: str
    auroc: Mapping[tuple[str, str], Figure]
    """(population, level) -> pooled AUROC"""
    blind: Figure
    """AUROC of the same attack without the generator, on unseen photos by person."""
    above: Figure | None
    """AUROC of unseen photos by person minus that of the attack that all are compared with; None for itself."""
    tpr: tuple[Figure, Figure]
    """At FPR 1 % and 0.1 %, unseen photos by person, scores standardised by each fold's strangers."""
    n_named: int
    n_members: int
    seconds: float
    mebibytes: float | None


def standings(victims: Sequence[Victim], attacks: Sequence[str], than: str | None = None) -> list[Place]:
    """Best first, by the pooled AUROC of unseen photos by person. InputError without victims.

    `than`: the attack that all are compared with; None: the best.
    """
    if not victims:
        raise InputError("leaderboard: no victims; give folders of finished lab runs")
    runs = {attack: _runs(victims, attack, UNSEEN, "person") for attack in attacks}
    values = {attack: _value(pooled_auroc(its)) for attack, its in runs.items()}
    order = sorted(attacks, key=lambda attack: -values[attack])
    than = than or order[0]
    found = []
    for attack in order:
        n_named, n_members = _named(victims, attack)
        costs = [victim.costs[attack] for victim in victims]
        found.append(
            Place(
                attack=attack,
                auroc={
                    kind: pooled_auroc(_runs(victims, attack, *kind))
                    for kind in ((UNSEEN, "person"), (UNSEEN, "photo"), (SEEN, "person"))
                },
                blind=pooled_auroc(_runs(victims, attack, UNSEEN, "person", blind=True)),
                above=None if attack == than else pooled_difference(runs[attack], runs[than]),
                tpr=_tprs(victims, attack),
                n_named=n_named,
                n_members=n_members,
                seconds=median(cost.seconds for cost in costs),
                mebibytes=max((cost.mebibytes for cost in costs if cost.mebibytes is not None), default=None),
            )
        )
    return found


@dataclass(frozen=True)
class Margin:
    """The winner on one half of the victims, compared with the yardsticks on the other."""

    winner: str
    n_chosen_on: int
    n_reported_on: int
    over: Mapping[str, Figure]
    """Yardstick -> the winner's AUROC of unseen photos by person minus the yardstick's, on the other half."""


def margin(victims: Sequence[Victim], attacks: Sequence[str]) -> Margin:
    """Victims, sorted by set, procedure and seed, go to the two halves in turn. InputError with fewer than 2."""
    if len(victims) < 2:
        raise InputError("leaderboard: one victim cannot both choose an attack and report its margin")
    order = sorted(victims, key=lambda v: (v.run.set, v.run.training.procedure, v.run.seed, v.run.id))
    chosen_on, reported_on = order[::2], order[1::2]
    winner = max(attacks, key=lambda attack: _value(pooled_auroc(_runs(chosen_on, attack, UNSEEN, "person"))))
    ours = _runs(reported_on, winner, UNSEEN, "person")
    over = {y: pooled_difference(ours, _runs(reported_on, y, UNSEEN, "person")) for y in YARDSTICKS if y != winner}
    return Margin(winner, len(chosen_on), len(reported_on), over)


def table(found: Sequence[Place], than: str | None = None) -> str:
    """Markdown. `than`: what `standings` was given."""
    rows = [
        [
            at.attack,
            shown(at.auroc[UNSEEN, "person"]),
            ("best" if than is None else "0") if at.above is None else shown(at.above, "+.2f"),
            shown(at.auroc[UNSEEN, "photo"]),
            shown(at.auroc[SEEN, "person"]),
            shown(at.blind),
            *(_percent(figure) for figure in at.tpr),
            f"{at.n_named} of {at.n_members}",
            f"{at.seconds:.1f}",
            "-" if at.mebibytes is None else f"{at.mebibytes:.0f}",
        ]
        for at in found
    ]
    return markdown(_HEAD.format(than="to the best" if than is None else f"less that of {than}"), rows)


def margin_words(won: Margin) -> str:
    """Markdown: the winner, and its margin on the other half."""
    words = f"Chosen on {won.n_chosen_on} victims: {won.winner}. On the other {won.n_reported_on} its AUROC of"
    over = [f"- {yardstick}: {shown(figure, '+.2f')}" for yardstick, figure in won.over.items()]
    return "\n".join([f"{words} unseen photos by person is higher than that of", *over])


def _percent(figure: Figure) -> str:
    return shown(figure, ".1%") if isinstance(figure, Estimate) else f"not resolvable ({figure.reason})"


def _value(figure: Figure) -> float:
    return figure.value if isinstance(figure, Estimate) else float("nan")


def _folds(victim: Victim, attack: str, population: str, level: str, *, blind: bool = False) -> list[PooledRun]:
    """Attacks that open the victim have one fold, as they need no reference people."""
    scores = where(victim.scores, attack=attack, population=population, level=level, blind=blind)
    folds = [where(scores, fold=fold) for fold in range(N_FOLDS)]
    return [scored_run(fold, f"{victim.run.set}/") for fold in folds if fold.num_rows]


def _runs(
    victims: Sequence[Victim], attack: str, population: str, level: str, *, blind: bool = False
) -> list[PooledRun]:
    return [fold for victim in victims for fold in _folds(victim, attack, population, level, blind=blind)]


def _tprs(victims: Sequence[Victim], attack: str) -> tuple[Figure, Figure]:
    ours: list[tuple[Hashable, float]] = []
    theirs: list[tuple[Hashable, float]] = []
    for victim in victims:
        z_scores: dict[Hashable, list[float]] = {}
        for fold in _folds(victim, attack, UNSEEN, "person"):
            members = standard_score(fold.member_scores, fold.heldout_scores)
            strangers = standard_score(fold.heldout_scores, fold.heldout_scores)
            theirs += zip(fold.heldout_people, strangers.tolist(), strict=True)
            for name, z in zip(fold.member_people, members.tolist(), strict=True):
                z_scores.setdefault(name, []).append(z)
        ours += [(name, float(np.mean(z))) for name, z in z_scores.items()]
    sides = _side(ours), _side(theirs)
    one = tpr_estimate(*sides, 0.01, rng(0, "leaderboard", attack, "1"))
    return one, tpr_estimate(*sides, 0.001, rng(0, "leaderboard", attack, "0.1"))


def _side(scored: Sequence[tuple[Hashable, float]]) -> Side:
    _, whose = np.unique([str(name) for name, _ in scored], return_inverse=True)
    return Side(np.array([score for _, score in scored]), whose.astype(np.intp))


def _named(victims: Sequence[Victim], attack: str) -> tuple[int, int]:
    """Members at q <= 0.05, seen photos, and all members.

    The p-value is cross-conformal (Vovk 2015, Annals of Mathematics and Artificial Intelligence 74): strangers are
    counted who score at least as high as the member, both scored by the attack of the stranger's fold.
    """
    n_named = n_members = 0
    for victim in victims:
        at_least: dict[Hashable, int] = {}
        n = 0
        for fold in _folds(victim, attack, SEEN, "person"):
            n += len(fold.heldout_scores)
            for name, score in zip(fold.member_people, fold.member_scores, strict=True):
                at_least[name] = at_least.get(name, 0) + int((fold.heldout_scores >= score).sum())
        p = (1 + np.array(list(at_least.values()))) / (n + 1)
        n_named += int((benjamini_hochberg(p) <= LEVEL).sum())
        n_members += len(p)
    return n_named, n_members
