"""Answers 1, 2 and 7 for each group of people, as the owner grouped them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named
from probablyexists.answers.trust import group_rates
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Scorer
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import GroupFindings, Trust
from probablyexists.stats.roc import Side, auroc_estimate


def group_findings(view: View, score: Scorer, named: Named, error_rates: Trust, seed: int) -> list[GroupFindings]:
    """The answers for each group that has members or held-out people, the group with most members first; empty without
    groups.

    `score`: the first attack, prepared for this view. `error_rates`: those of this view. AUROC: members of a group
    against held-out people of the same group, also where they are too few for p-values of their own.
    """
    if not view.groups:
        return []
    ours, theirs = (_groups(view.groups, crowd) for crowd in (view.training, view.heldout))
    auroc = _by_person(view, score)
    within = set(named.compared_with or ())
    found = []
    for group in np.union1d(ours, theirs).tolist():
        strangers = view.heldout.some(np.flatnonzero(theirs == group))
        fmr, fnmr = group_rates(strangers, error_rates, seed)
        found.append(
            GroupFindings.model_validate(
                {
                    "group": group,
                    "n_members": int((ours == group).sum()),
                    "n_heldout": len(strangers.people),
                    "within": group in within,
                    "auroc": {
                        name: auroc_estimate(
                            *(Side.one_each(scores[group == of]) for scores, of in (positives, negatives))
                        )
                        for name, (positives, negatives) in auroc.items()
                    },
                    "n_named": int((named.exposed & (ours == group)).sum()) if named.claimed else None,
                    "fmr": fmr,
                    "fnmr": fnmr,
                }
            )
        )
    return sorted(found, key=lambda one: (-one.n_members, -one.n_heldout, one.group))


_Scored = tuple[NDArray[np.float64], NDArray[np.str_]]
"""Scores, and the group of each."""


def _by_person(view: View, score: Scorer) -> dict[str, tuple[_Scored, _Scored]]:
    """Population -> members and held-out people, everybody on the same number of photos (as in answer 1)."""
    found = {}
    for name, crowd in (("seen photos", view.training), ("unseen photos", view.unseen)):
        if crowd is not None:
            k = common_count(crowd.people.counts, view.heldout.people.counts)
            found[name] = (_scored(view, crowd, k, score), _scored(view, view.heldout, k, score))
    return found


def _scored(view: View, crowd: Crowd, photos: int, score: Scorer) -> _Scored:
    faces, who = crowd.faces(photos)
    return score(faces), _groups(view.groups, crowd)[who]


def _groups(group_of: Mapping[str, str], crowd: Crowd) -> NDArray[np.str_]:
    return np.array([group_of[name] for name in crowd.people.names], dtype=np.str_)
