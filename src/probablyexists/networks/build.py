"""Networks by name, with fast operations, from the description saved with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from probablyexists.basis.errors import InputError
from probablyexists.networks import dcgan, diffusion, r3gan, stylegan2
from probablyexists.networks.fast.fast import Fast
from probablyexists.networks.operations import use

SIZES = (16, 32, 48, 64, 128)
"""16 pixels are for trials: too few for a face."""

_GENERATORS: Mapping[str, type[nn.Module]] = {
    "dcgan": dcgan.Generator,
    "r3gan": r3gan.Generator,
    "stylegan2": stylegan2.Generator,
    "diffusion": diffusion.Diffusion,
}
_DISCRIMINATORS: Mapping[str, type[nn.Module]] = {
    "dcgan": dcgan.Discriminator,
    "r3gan": r3gan.Discriminator,
    "stylegan2": stylegan2.Discriminator,
}


def build_generator(spec: Mapping[str, Any]) -> nn.Module:
    """The generator network of `spec`: {"name": "dcgan", "size": 32, "base": 32, ...}, with random weights.

    The module has `latent_shape`, and turns (n, *latent_shape) normal numbers into (n, 3, size, size) images in
    [-1, 1]. Raises InputError for an unknown name or argument.
    """
    return _built(spec, _GENERATORS)


def build_discriminator(spec: Mapping[str, Any]) -> nn.Module:
    """The discriminator of `spec`, as `build_generator`: (n, 3, size, size) images -> (n,) logits."""
    return _built(spec, _DISCRIMINATORS)


def _built(spec: Mapping[str, Any], kinds: Mapping[str, type[nn.Module]]) -> nn.Module:
    arguments = dict(spec)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise InputError(f"network {dict(spec)!r}: has no name")
    size = arguments.get("size")
    if size not in SIZES:
        raise InputError(f"network {name}: size {size!r} is not one of {', '.join(map(str, SIZES))}")
    if any(isinstance(value, int) and value > 4096 for value in arguments.values()):
        raise InputError(f"network {name}: {arguments} asks for more than 4,096 of something; is this file ours?")
    if name not in kinds:
        raise InputError(f"network {name!r}: not known; known are {', '.join(kinds)}")
    try:
        return use(kinds[name](**arguments), Fast())
    except TypeError as error:
        raise InputError(f"network {name}: {error}") from None
