"""The attacks there are, simplest first."""

from __future__ import annotations

from collections.abc import Mapping

from probablyexists.attacks.ball import MonteCarloBall
from probablyexists.attacks.classifier import LearnedClassifier
from probablyexists.attacks.density import DensityRatio, KernelDensity
from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample, NearestSamples, PhotoSet
from probablyexists.attacks.plda import Plda
from probablyexists.attacks.protocol import Attack
from probablyexists.attacks.snorm import AdaptiveSNorm

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
