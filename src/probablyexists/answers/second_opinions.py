"""Results of the extra attacks and extra recognisers, each on its own."""

from __future__ import annotations

from collections.abc import Sequence

from probablyexists.answers.membership import populations
from probablyexists.answers.naming import name_people
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Attack, Scorer
from probablyexists.results.findings import SecondOpinion
from probablyexists.stats.roc import auroc_estimate


def second_opinions(
    views: Sequence[View],
    attacks: Sequence[Attack],
    scorers: Sequence[Sequence[Scorer]],
    level: float,
    *,
    claimed: bool,
) -> list[SecondOpinion]:
    """Every extra attack with the first recogniser, and the first attack with every extra recogniser.

    `scorers`: the prepared attacks of each view; `claimed`: whether people may be named.
    """
    first, others = scorers[0], zip(views[1:], scorers[1:], strict=True)
    by_attack = zip(attacks[1:], first[1:], strict=True)
    return [_opinion("attack", attack.id, views[0], score, level, claimed) for attack, score in by_attack] + [
        _opinion("recogniser", view.recogniser, view, its[0], level, claimed) for view, its in others
    ]


def _opinion(kind: str, id: str, view: View, score: Scorer, level: float, claimed: bool) -> SecondOpinion:
    scored = populations(view.training, view.unseen, view.heldout, score)
    return SecondOpinion.model_validate(
        {
            "kind": kind,
            "id": id,
            "auroc": {p.name: auroc_estimate(p.positives, p.negatives) for p in scored if p.level == "person"},
            "n_exposed": int(name_people(view, [score], level).exposed.sum()) if claimed else None,
        }
    )
