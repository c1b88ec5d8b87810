"""Several attacks at once: the choice of the best is paid for under the same exchangeability that each alone relies on.

Null: members and held-out people are exchangeable (a random split, a generator that does not depend on it). Then so
are their rows of scores, one column an attack, and whatever is computed from all rows alike keeps its level however the
attacks depend on each other; no correction for their number is needed beyond that.

- `best_of` (the group): the largest of the attacks' rank sums against its own distribution under permuted labels, the
  max-statistic of Westfall & Young 1993 ("Resampling-Based Multiple Testing", section 2.3).
- `conformal_p_of_best` (each member): the largest of a member's ranks over the attacks, a score like any other, made
  from the member and the held-out people together, so that the conformal p-value is exact (Vovk, Gammerman & Shafer
  2005, "Algorithmic Learning in a Random World", section 2.2: a conformity measure sees the whole bag).
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
    """The attack that tells members from held-out people best, and how surprising that is."""

    attack: int
    """Column."""
    auroc: float
    """Of that attack; as the best of several it is too large on average: the p-value is not."""
    p: float
    """One-sided, over all attacks."""


def best_of(
    members: NDArray[np.floating], heldout: NDArray[np.floating], rng: np.random.Generator, draws: int = N_PERMUTATIONS
) -> Best:
    """(n, attacks) and (m, attacks) scores, one row a person; higher = more likely a member.

    Ties have mean ranks. Labels are drawn anew `draws` times, and the observed ones count as one more.
    """
    n, both = len(members), np.concatenate([members, heldout])
    # In standard deviations of the rank sum, which ties make smaller: an attack of few values competes on equal terms.
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
    """(n,) p-values of members by the attack that is worst for each; a tie counts against the discovery.

    (n, attacks) and (m, attacks) scores. With one attack these are `stats.conformal.conformal_p`.
    """
    m = len(heldout)
    ordered = np.sort(heldout, axis=0)
    below = np.column_stack([np.searchsorted(o, h, "left") for o, h in zip(ordered.T, heldout.T, strict=True)])
    p = np.empty(len(members))
    for i, row in enumerate(members):
        # The number below everybody in the bag of the held-out people and this member.
        others = (below + (row < heldout)).max(axis=1)
        own = max(int(np.searchsorted(o, value, "left")) for o, value in zip(ordered.T, row, strict=True))
        p[i] = (1 + int((others >= own).sum())) / (m + 1)
    return p
