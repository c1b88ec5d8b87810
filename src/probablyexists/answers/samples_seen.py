"""What the samples of `ask` and `blind` show of the generator: distinct pictures, and pictures with a face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.sampling import sampling
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import FacesMode
from probablyexists.results.findings import Sampling
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson


def samples_seen(table: Embedded, mode: FacesMode, picture: NDArray[np.intp]) -> Sampling:
    """`picture`: (n,) number of the distinct picture that each sample shows. The curve is empty."""
    known = sampling(len(table), len(np.unique(picture)))
    return known.model_copy(update={"with_face": _with_face(table, mode)})


def _with_face(table: Embedded, mode: FacesMode) -> Figure:
    """Share of the samples in which the detector sees a face, where it looked."""
    if mode != "detect":
        return Unresolvable("the frame was taken as the face, and the detector did not look")
    n = len(table) + table.n_no_face
    share = len(table) / n
    low, high = wilson(share, n)
    return Estimate(share, min(low, share), max(high, share), LEVEL, "Wilson, all samples", n)
