"""How strong would another explanation have to be? Sensitivity of what an audit found to a difference of the sources.

If strangers differ from members in more than membership, their scores may be too low. How much higher would they have
to be for the finding to vanish? The idea: Cornfield, Haenszel, Hammond, Lilienfeld, Shimkin & Wynder 1959 (J. National
Cancer Institute 22); Rosenbaum 2002, "Observational Studies", chapter 4; VanderWeele & Ding 2017 (Annals of Internal
Medicine 167(4)). Here in standard deviations of the strangers' scores, as a shift of everybody's score, to be compared
with the shift that is seen without the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.stats.conformal import benjamini_hochberg, conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.roc import rank_sum_p

_PRECISION = 1e-4


def group_shift(members: NDArray[np.floating], strangers: NDArray[np.floating], level: float) -> float | None:
    """Smallest shift at which members are no longer above strangers at `level` (one-sided Mann-Whitney).

    In standard deviations of the strangers' scores. None if they are not without any shift.
    """
    ours, theirs = standard_score(members, strangers), standard_score(strangers, strangers)
    most = float(ours.max() - theirs.min()) + 1.0
    return _smallest(lambda shift: rank_sum_p(ours - shift, theirs) > level, most)


def names_shift(strata: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]], level: float) -> float | None:
    """Smallest shift at which nobody is named at the false discovery rate `level`; None if nobody is without any.

    `strata`: (members' scores, scores of the strangers they are compared with), both in standard deviations of these
    strangers' scores.
    """

    def nobody(shift: float) -> bool:
        p = np.concatenate([conformal_p(ours - shift, theirs) for ours, theirs in strata])
        return not (benjamini_hochberg(p) <= level).any()

    most = max(float(ours.max() - theirs.min()) for ours, theirs in strata) + 1.0
    return _smallest(nobody, most)


def _smallest(gone: Callable[[float], bool], most: float) -> float | None:
    """Smallest shift at which a finding is gone, by bisection; it is at `most`. None if it is at 0."""
    if gone(0.0):
        return None
    low, high = 0.0, most
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if gone(middle) else (middle, high)
    return high
