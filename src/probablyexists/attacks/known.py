"""The attacks there are, simplest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probablyexists.attacks.attack import Attack
from probablyexists.attacks.ball import MonteCarloBall
from probablyexists.attacks.classifier import LearnedClassifier
from probablyexists.attacks.density import DensityRatio, KernelDensity
from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample, NearestSamples, PhotoSet
from probablyexists.attacks.plda import Plda
from probablyexists.attacks.snorm import AdaptiveSNorm
from probablyexists.basis.errors import InputError

_ALL: tuple[Attack, ...] = (
    NearestSample(),
    NearestSamples(10),
    NearestSamples(100),
    PhotoSet(),
    MonteCarloBall(),
    KernelDensity(),
    DensityRatio(),
    GanLeaks("pixels", calibrated=False),
    GanLeaks("pixels"),
    GanLeaks("embeddings"),
    AdaptiveSNorm(),
    Plda(),
    LearnedClassifier(),
)

ATTACKS: Mapping[str, Attack] = {attack.id: attack for attack in _ALL}
"""By id. GAN-Leaks between embeddings without calibration is the nearest sample."""


def chosen(more: Sequence[str], *, has_reference: bool) -> tuple[Attack, ...]:
    """The nearest sample, and the attacks of these ids (the version after the stroke may be left out).

    InputError for one that is not known, given twice, or that learns from reference people where there are none.
    """
    found = [_ALL[0]]
    short = {id.partition("/")[0]: attack for id, attack in ATTACKS.items()}
    for id in more:
        attack = ATTACKS.get(id, short.get(id))
        if attack is None:
            raise InputError(f"--more-attacks {id}: not known; known are {', '.join(short)}")
        if attack in found:
            raise InputError(f"--more-attacks {id}: is tried already; name each attack once")
        if attack.needs_reference and not has_reference:
            raise InputError(f"--more-attacks {id}: learns from photos of other people; give some with --reference")
        found.append(attack)
    return tuple(found)
