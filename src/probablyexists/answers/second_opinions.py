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
    view: View,
    attacks: Sequence[Attack],
    scorers: Sequence[Scorer],
    alone: Sequence[View],
    level: float,
    *,
    claimed: bool,
) -> list[SecondOpinion]:
    """Every extra attack, and the first attack with each recogniser alone.

    `view` and `scorers`: the one whose figures the audit gives, and the attacks prepared for it; `alone`: of
    recognisers whose figures these are not. `claimed`: whether people may be named.
    """
    by_attack = zip(attacks[1:], scorers[1:], strict=True)
    return [_opinion("attack", attack.id, view, score, level, claimed) for attack, score in by_attack] + [
        _opinion("recogniser", one.recogniser, one, one.scorers(attacks[:1])[0], level, claimed) for one in alone
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
