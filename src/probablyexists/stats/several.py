"""Several attacks at once: p-values that are corrected for choosing the best of them.

Null: members and held-out people are exchangeable (a random split, a generator that does not depend on it). Then their
rows of scores are exchangeable too, one column an attack. A statistic that treats all rows alike keeps its level,
however the attacks depend on each other; no further correction for their number is needed.

- `best_of` (the group): the largest rank sum over the attacks, compared with its distribution under permuted labels:
  the max-statistic of Westfall & Young 1993 ("Resampling-Based Multiple Testing", section 2.3).
- `conformal_p_of_best` (each member): the largest rank of a member over the attacks, among the member and the held-out
  people together. The conformal p-value of this score is exact (Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in
  a Random World", section 2.2: a conformity measure may use the whole bag).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

N_PERMUTATIONS = 9999
_CHUNK = 500


@dataclass(frozen=True)
class Best:
    """The attack that separates members from held-out people best, and the p-value of that."""

    attack: int
    """Column of the attack."""
    auroc: float
    """AUROC of that attack, 0 to 1. Too large on average, as the best of several; the p-value is corrected."""
    p: float
    """One-sided p-value, corrected for the choice among all attacks."""


def best_of(
    members: NDArray[np.floating], heldout: NDArray[np.floating], rng: np.random.Generator, draws: int = N_PERMUTATIONS
) -> Best:
    """The best attack of (n, attacks) and (m, attacks) scores, one row a person; higher = more likely a member.

    Ties have mean ranks. Labels are permuted `draws` times; the observed labels count as one more draw.
    """
    n, both = len(members), np.concatenate([members, heldout])
    # Standardised, because ties shrink a rank sum's deviation: attacks with few distinct scores count like the others.
    ranks = np.apply_along_axis(rankdata, 0, both)
    ranks = (ranks - ranks.mean(axis=0)) / np.maximum(ranks.std(axis=0), 1e-12)
    observed = ranks[:n].sum(axis=0)
    best = int(observed.argmax())
    reached = 0
    for start in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - start)
        chosen = rng.random((size, len(both))).argsort(axis=1)[:, :n]
        label = np.zeros((size, len(both)))
        np.put_along_axis(label, chosen, 1.0, axis=1)
        reached += int(((label @ ranks).max(axis=1) >= observed[best] - 1e-9).sum())
    above = (members[:, None, best] > heldout[None, :, best]).mean()
    equal = (members[:, None, best] == heldout[None, :, best]).mean()
    return Best(best, float(above + equal / 2), (1 + reached) / (draws + 1))


def conformal_p_of_best(members: NDArray[np.floating], heldout: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) p-values of members, each by the attack with the member's largest rank; a tie counts against the discovery.

    `members`: (n, attacks), `heldout`: (m, attacks) scores. With one attack it is `stats.conformal.conformal_p`.
    """
    m = len(heldout)
    ordered = np.sort(heldout, axis=0)
    below = np.column_stack([np.searchsorted(o, h, "left") for o, h in zip(ordered.T, heldout.T, strict=True)])
    p = np.empty(len(members))
    for i, row in enumerate(members):
        # For each held-out person the number of scores below theirs, among the held-out people and this member.
        others = (below + (row < heldout)).max(axis=1)
        own = max(int(np.searchsorted(o, value, "left")) for o, value in zip(ordered.T, row, strict=True))
        p[i] = (1 + int((others >= own).sum())) / (m + 1)
    return p


def p_floor(heldout: NDArray[np.floating]) -> float:
    """Smallest p-value of a member whom one attack alone exposes: who is above everybody there, and nowhere else.

    `heldout`: (m, attacks) scores. Held-out people who are alone at the top of another attack count against the member,
    by whichever attack exposes the member: the largest p-value over the attacks. With one attack 1 / (m + 1); with a
    attacks at most a / (m + 1), less where one person tops several attacks or several people share the top.

    >>> p_floor(np.array([[3.0, 1.0], [2.0, 5.0], [1.0, 2.0]]))
    0.5
    """
    m, attacks = heldout.shape
    top = heldout == heldout.max(axis=0)
    top &= top.sum(axis=0) == 1
    against = [int(np.delete(top, attack, axis=1).any(axis=1).sum()) for attack in range(attacks)]
    return float((1 + max(against)) / (m + 1))
