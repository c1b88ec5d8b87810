"""Answer 6: how much could we have missed? Leaks planted into this audit's own numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named
from probablyexists.attacks.protocol import Attack
from probablyexists.basis.seeds import rng
from probablyexists.findings import Missed
from probablyexists.matching.crowd import Crowd, Photos, Reference
from probablyexists.stats.estimate import Unresolvable
from probablyexists.stats.power import smallest_leak

ENOUGH = 20
"""People whose spare photos can be planted; fewer would make the figure depend on who they are."""


def missed(
    training: Crowd,
    heldout: Crowd,
    samples: Photos,
    attack: Attack,
    reference: Reference | None,
    named: Named,
    seed: int,
) -> Missed:
    """The smallest number of members that would have been noticed, had one unseen photo of each been generated.

    A planted leak is a held-out person's spare photo, put among the samples; if too few held-out people have a
    spare one, members' photos serve too; if still too few, templates of one photo fewer do, which is weaker than the
    audit was. Real likenesses are rarely as sharp as photos, so that a real leak of
    this size may still be missed: the figure is the best case.
    """
    for photos in range(named.main_count, 0, -1):
        planted = _planted(heldout, photos, samples, attack, reference)
        if planted.size < ENOUGH:
            planted = np.concatenate([planted, _planted(training, photos, samples, attack, reference)])
        if planted.size >= ENOUGH:
            null = attack.prepare(samples, reference)(heldout.faces(photos)[0])
            return Missed(power=smallest_leak(planted, null, len(named.p), named.level, rng(seed, "missed")))
    reason = f"needs at least {ENOUGH} people with 2 photos, has {planted.size}"
    return Missed(power=Unresolvable(reason, ENOUGH, int(planted.size)))


def _planted(
    crowd: Crowd, photos: int, samples: Photos, attack: Attack, reference: Reference | None
) -> NDArray[np.float64]:
    """Scores of people with a spare photo each when these photos are among the samples.

    All are put there at once: for any one person the others' are a few more samples of strangers.
    """
    faces, who = crowd.faces(photos, skip=1)
    if not who.size:
        return np.empty(0)
    return attack.prepare(samples.and_(crowd.probes(who)), reference)(faces)
