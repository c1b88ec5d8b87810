"""Answer 5: do more photos leak more? Exposure against the number of training photos. Observed, not causal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Scorer
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Dose, DosePoint
from probablyexists.stats.contrast import mean, slope, standard_score


def dose(training: Crowd, heldout: Crowd, attack: Scorer, labels: tuple[str, ...], exposed: NDArray[np.bool_]) -> Dose:
    """The curve, its slope, the same slope for held-out people, and the over-represented person.

    Everybody is scored on the same number of photos, so that a better template is not mistaken for a larger exposure.
    """
    photos = common_count(training.people.counts, heldout.people.counts)
    ours, who = training.faces(photos)
    theirs, who_else = heldout.faces(photos)
    control = attack(theirs)
    z = standard_score(attack(ours), control)
    every = training.people.counts
    counts, counts_else = every[who], heldout.people.counts[who_else]
    most = int(every.argmax())
    alone = int((every == every[most]).sum()) == 1
    return Dose(
        slope=slope(np.log2(counts), z),
        heldout_slope=slope(np.log2(counts_else), standard_score(control, control)),
        points=_points(counts, z),
        most_photos=labels[most] if alone else None,
        most_photos_count=int(every[most]) if alone else None,
        most_photos_exposed=bool(exposed[most]) if alone else None,
    )


def _points(counts: NDArray[np.intp], z: NDArray[np.float64]) -> list[DosePoint]:
    """One point a bin of photo counts; bins double: 1, 2-3, 4-7, ..."""
    bins = np.floor(np.log2(counts)).astype(int)
    return [
        DosePoint(
            photos_from=int(counts[bins == b].min()),
            photos_to=int(counts[bins == b].max()),
            n_members=int((bins == b).sum()),
            mean_exposure=mean(z[bins == b]),
        )
        for b in np.unique(bins)
    ]
