"""Results of the extra attacks and extra recognisers, each on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probablyexists.answers.membership import Population, populations
from probablyexists.answers.naming import name_people
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Attack, Scorer
from probablyexists.basis.seeds import rng
from probablyexists.results.findings import SecondOpinion
from probablyexists.stats.estimate import Figure
from probablyexists.stats.pooled import pooled_difference
from probablyexists.stats.roc import auroc_estimate, tpr_estimate


def second_opinions(
    view: View,
    attacks: Sequence[Attack],
    scorers: Sequence[Scorer],
    alone: Sequence[View],
    level: float,
    seed: int,
    *,
    claimed: bool,
) -> list[SecondOpinion]:
    """Every extra attack, and the first attack with each recogniser alone.

    `view` and `scorers`: the one whose figures the audit gives, and the attacks prepared for it; `alone`: of
    recognisers whose figures these are not. `claimed`: whether people may be named.
    """
    more = list(zip(attacks[1:], scorers[1:], strict=True))
    if not more and not alone:
        return []
    first = _by_person(view, scorers[0])
    return [_opinion("attack", attack.id, view, score, first, level, claimed, seed) for attack, score in more] + [
        _opinion("recogniser", one.recogniser, one, one.scorers(attacks[:1])[0], first, level, claimed, seed)
        for one in alone
    ]


def _by_person(view: View, score: Scorer) -> dict[str, Population]:
    scored = populations(view.training, view.unseen, view.heldout, score)
    return {population.name: population for population in scored if population.level == "person"}


def _opinion(
    kind: str,
    id: str,
    view: View,
    score: Scorer,
    first: Mapping[str, Population],
    level: float,
    claimed: bool,
    seed: int,
) -> SecondOpinion:
    scored = _by_person(view, score)

    def tpr(fpr: float) -> dict[str, Figure]:
        return {
            name: tpr_estimate(p.positives, p.negatives, fpr, rng(seed, "second opinion", id, name))
            for name, p in scored.items()
        }

    return SecondOpinion.model_validate(
        {
            "kind": kind,
            "id": id,
            "auroc": {name: auroc_estimate(p.positives, p.negatives) for name, p in scored.items()},
            "less_first": {name: pooled_difference([p.as_run], [first[name].as_run]) for name, p in scored.items()},
            "tpr_at_fpr_1_percent": tpr(0.01),
            "tpr_at_fpr_0_1_percent": tpr(0.001),
            "n_exposed": int(name_people(view, [score], level).exposed.sum()) if claimed else None,
        }
    )
