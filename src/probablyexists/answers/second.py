"""What further attacks and further recognisers say, each by itself."""

from __future__ import annotations

from collections.abc import Sequence

from probablyexists.answers.membership import populations
from probablyexists.answers.naming import name_people
from probablyexists.answers.view import View
from probablyexists.attacks.protocol import Attack
from probablyexists.findings import Second
from probablyexists.stats.roc import auroc_estimate


def seconds(views: Sequence[View], attacks: Sequence[Attack], level: float) -> list[Second]:
    """Every further attack by the first recogniser, and the first attack by every further recogniser."""
    by_attack = [_second("attack", attack.id, views[0], attack, level) for attack in attacks[1:]]
    return by_attack + [_second("recogniser", view.recogniser, view, attacks[0], level) for view in views[1:]]


def _second(kind: str, id: str, view: View, attack: Attack, level: float) -> Second:
    (score,) = view.scorers([attack])
    scored = populations(view.training, view.unseen, view.heldout, score)
    return Second.model_validate(
        {
            "kind": kind,
            "id": id,
            "auroc": {p.name: auroc_estimate(p.positives, p.negatives) for p in scored if p.level == "person"},
            "n_exposed": int(name_people(view, [attack], level).exposed.sum()),
        }
    )
