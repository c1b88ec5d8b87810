"""All attacks of this package, simplest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probablyexists.attacks.attack import Attack, attack_problems
from probablyexists.attacks.ball import MonteCarloBall
from probablyexists.attacks.classifier import LearnedClassifier
from probablyexists.attacks.density import DensityRatio, KernelDensity
from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample, NearestSamples, PhotoSet
from probablyexists.attacks.plda import Plda
from probablyexists.attacks.snorm import AdaptiveSNorm
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.own_code import is_object_name, made_by_name

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
"""By id. GAN-Leaks between embeddings without calibration is not listed: it is the nearest sample."""


def chosen(more: Sequence[str | Attack], *, has_reference: bool) -> tuple[Attack, ...]:
    """The nearest sample, then extra attacks: objects, ids (the version may be left out), or module:Name.

    InputError for an attack that is unknown, given twice, or needs reference people if there are none.
    """
    found = [_ALL[0]]
    short = {id.partition("/")[0]: attack for id, attack in ATTACKS.items()}
    for given in more:
        attack = _named(given, short) if isinstance(given, str) else given
        name = option("more_attacks", given if isinstance(given, str) else getattr(given, "id", type(given).__name__))
        problems = attack_problems(attack)
        if problems:
            raise InputError(f"{name}: {problems[0]}; docs/extending.md shows how to write one")
        if any(attack.id == other.id for other in found):
            raise InputError(f"{name}: is already used; name each attack once")
        if attack.needs_reference and not has_reference:
            raise InputError(f"{name}: learns from photos of other people; give some with {option('reference')}")
        found.append(attack)
    return tuple(found)


def _named(name: str, short: Mapping[str, Attack]) -> Attack:
    if is_object_name(name):
        attack: Attack = made_by_name(name, "more_attacks")
        return attack
    try:
        return ATTACKS.get(name) or short[name]
    except KeyError:
        raise InputError(
            f"{option('more_attacks', name)}: not known; known are {', '.join(short)}, and your own as module:Name"
        ) from None
