"""Commonness: how similar a person is to the people who look most like them; and scores with it taken out.

Whoever looks like many people looks like many samples, whether they were trained on or not. Ranked by the nearest
sample alone, people of a common kind hold the top ranks: their p-values are too small, everybody else's too large.
Scores are therefore compared after the straight line of score on commonness is taken out.

Nothing tells members and held-out people apart on the way: commonness is measured among all of them, each person left
out for themselves, and the line is fitted to all of them. If a member who was not memorised is exchangeable with
the held-out people (a fair split), so are their corrected scores, and conformal p-values and the false discovery rate
hold as before: Marandon, Lei, Mary & Roquain 2024, "Adaptive novelty detection with false discovery rate guarantee",
Annals of Statistics 52(1). Exposed members take part in the fit, which costs power, not validity. All templates must be
of equally many photos. docs/results/commonness.md compares this with other ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.matcher import HERE, Matcher

N_ALIKE = 10
"""Number of other people whose similarity is averaged."""
_FLAT = 1e-7
"""Standard deviation of commonness below which there is no line; similarities are multiples of 1e-6."""


def commonness(
    templates: NDArray[np.float32],
    others: NDArray[np.float32],
    own: NDArray[np.intp],
    matcher: Matcher = HERE,
) -> NDArray[np.float64]:
    """(n,) mean similarity of each template with the 10 most similar of `others` (with all if there are fewer).

    `own`: (n,) row of `others` that shows the same person, which does not count; -1 if there is none. Everybody sees
    equally many others: without a row of their own, a person who looks like more than 10 loses none of them.
    0 if there is nobody else.
    """
    k = min(N_ALIKE, len(others) - 1)
    if k < 1:
        return np.zeros(len(templates))
    near = matcher.nearest(templates, others, k + 1)
    self_at = near.index == own[:, None]
    # With the person at the end, the first k are the others; a person below the first k + 1 is not among them anyway.
    order = np.argsort(self_at, axis=1, kind="stable")
    found: NDArray[np.float64] = np.take_along_axis(near.similarity, order, axis=1)[:, :k].mean(axis=1)
    return found


@dataclass(frozen=True)
class Line:
    """How scores rise with commonness: least squares over members and held-out people together."""

    mean: float
    """Mean commonness; a person of mean commonness keeps their score."""
    slopes: NDArray[np.float64]
    """(attacks,) score per unit of commonness; 0 where everybody is equally common."""

    def taken_out(self, scores: NDArray[np.float64], commonness: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, attacks) scores without commonness, on the scale of the scores."""
        return np.asarray(scores - np.outer(commonness - self.mean, self.slopes), dtype=np.float64)


def line(scores: NDArray[np.float64], commonness: NDArray[np.float64]) -> Line:
    """The line of each column of (n, attacks) scores on (n,) commonness."""
    apart = commonness - commonness.mean()
    spread = float(apart @ apart)
    if spread <= len(apart) * _FLAT**2:
        return Line(float(commonness.mean()), np.zeros(scores.shape[1]))
    return Line(float(commonness.mean()), apart @ (scores - scores.mean(axis=0)) / spread)
