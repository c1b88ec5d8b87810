"""Answer 6: how much could we have missed? Leaks planted into this audit's own numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named
from probablyexists.attacks.protocol import Attack
from probablyexists.basis.seeds import rng
from probablyexists.findings import Missed
from probablyexists.matching.crowd import Crowd
from probablyexists.stats.estimate import Unresolvable
from probablyexists.stats.power import smallest_leak

ENOUGH = 20
"""People whose spare photos can be planted; fewer would make the figure depend on who they are."""


def missed(
    training: Crowd, heldout: Crowd, samples: NDArray[np.float32], attack: Attack, named: Named, seed: int
) -> Missed:
    """The smallest number of members that would have been noticed, had one unseen photo of each been generated.

    A planted leak is a held-out person's spare photo, put among the samples; if too few held-out people have a
    spare one, members' photos serve too; if still too few, templates of one photo fewer do, which is weaker than the
    audit was. Real likenesses are rarely as sharp as photos, so that a real leak of
    this size may still be missed: the figure is the best case.
    """
    for photos in range(named.main_count, 0, -1):
        planted = _planted(heldout, photos, samples, attack)
        if planted.size < ENOUGH:
            planted = np.concatenate([planted, _planted(training, photos, samples, attack)])
        if planted.size >= ENOUGH:
            null = attack.score(heldout.templates(photos)[0], samples)
            return Missed(power=smallest_leak(planted, null, len(named.p), named.level, rng(seed, "missed")))
    reason = f"needs at least {ENOUGH} people with 2 photos, has {planted.size}"
    return Missed(power=Unresolvable(reason, ENOUGH, int(planted.size)))


def _planted(crowd: Crowd, photos: int, samples: NDArray[np.float32], attack: Attack) -> NDArray[np.float64]:
    templates, who = crowd.templates(photos, skip=1)
    if not who.size:
        return np.empty(0)
    spare = crowd.probes(who)
    planted = [float(attack.score(t[None], s[None])[0]) for t, s in zip(templates, spare, strict=True)]
    return np.maximum(attack.score(templates, samples), planted)
