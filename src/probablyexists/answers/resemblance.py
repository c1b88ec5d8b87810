"""Answer 3: which samples? The excess of samples that resemble members over samples that resemble strangers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.credits import credit
from probablyexists.matching.cosines import similarities
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import Resemblance
from probablyexists.stats.contrast import excess

QUANTILE = 0.99
"""The threshold is set so that 1 in 100 members' photos resembles some other member."""
ENOUGH = 20
"""Fewest members with a template; with fewer, the threshold is set on held-out people."""


def resemblance_threshold(training: Crowd, heldout: Crowd, photos: int) -> float:
    """The 99 % quantile, over members' photos, of the best similarity to the template of any *other* member.

    It is set on members' non-mated scores, so that its error rates can be measured on held-out people (answer 7), and
    without the samples, so that it does not depend on the excess it measures. With few members it is set on held-out
    people; answer 7 then measures it on the same people.
    """
    crowd = training if int((training.people.counts >= photos).sum()) >= ENOUGH else heldout
    templates, who = crowd.templates(photos)
    best = np.empty(len(who))
    probes = crowd.table.embeddings[[crowd.people.rows[i][-1] for i in who]]
    for start in range(0, len(who), 1024):
        block = similarities(probes[start : start + 1024], templates)
        block[np.arange(len(block)), start + np.arange(len(block))] = -np.inf
        best[start : start + 1024] = block.max(axis=1)
    return float(np.quantile(best, QUANTILE, method="higher"))


def resemblance(training: Crowd, heldout: Crowd, samples: NDArray[np.float32], n_likenesses: int) -> Resemblance:
    """Share of samples that resemble anyone in a gallery of members, and of held-out people of equal size."""
    photos = common_count(training.people.counts, heldout.people.counts)
    threshold = resemblance_threshold(training, heldout, photos)
    ours, theirs = (crowd.templates(photos)[0] for crowd in (training, heldout))
    gallery = min(len(ours), len(theirs))
    members = credit(ours, samples, threshold, gallery)
    strangers = credit(theirs, samples, threshold, gallery)
    return Resemblance(
        threshold=threshold,
        gallery=gallery,
        photos=photos,
        n_samples=len(samples),
        members=members.share,
        strangers=strangers.share,
        excess=excess(members.people, strangers.people, len(samples), gallery),
        n_likenesses=n_likenesses,
    )
