"""Networks by name, with fast operations, from the description saved with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from probablyexists.basis.errors import InputError
from probablyexists.networks.fast.fast import Fast
from probablyexists.networks.operations import use

SIZES = (16, 32, 48, 64, 128)
"""16 pixels are for trials: too few for a face."""


def build_generator(spec: Mapping[str, Any]) -> nn.Module:
    """The generator network of `spec`: {"name": "dcgan", "size": 32, "base": 32, ...}, with random weights.

    The module has `latent_shape`, and turns (n, *latent_shape) normal numbers into (n, 3, size, size) images in
    [-1, 1]. Raises InputError for an unknown name or argument.
    """
    name, arguments = _checked(spec)
    if name == "dcgan":
        from probablyexists.networks import dcgan

        return _made(dcgan.Generator, name, arguments)
    if name == "r3gan":
        from probablyexists.networks import r3gan

        return _made(r3gan.Generator, name, arguments)
    if name == "stylegan2":
        from probablyexists.networks import stylegan2

        return _made(stylegan2.Generator, name, arguments)
    if name == "diffusion":
        from probablyexists.networks import diffusion

        return _made(diffusion.Diffusion, name, arguments)
    raise InputError(f"network {name!r}: not known; known are dcgan, r3gan, stylegan2 and diffusion")


def build_discriminator(spec: Mapping[str, Any]) -> nn.Module:
    """The discriminator of `spec`, as `build_generator`: (n, 3, size, size) images -> (n,) logits."""
    name, arguments = _checked(spec)
    if name == "dcgan":
        from probablyexists.networks import dcgan

        return _made(dcgan.Discriminator, name, arguments)
    if name == "r3gan":
        from probablyexists.networks import r3gan

        return _made(r3gan.Discriminator, name, arguments)
    if name == "stylegan2":
        from probablyexists.networks import stylegan2

        return _made(stylegan2.Discriminator, name, arguments)
    raise InputError(f"network {name!r}: has no discriminator; those with one are dcgan, r3gan and stylegan2")


def _checked(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    arguments = dict(spec)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise InputError(f"network {dict(spec)!r}: has no name")
    size = arguments.get("size")
    if size not in SIZES:
        raise InputError(f"network {name}: size {size!r} is not one of {', '.join(map(str, SIZES))}")
    if any(isinstance(value, int) and value > 4096 for value in arguments.values()):
        raise InputError(f"network {name}: {arguments} asks for more than 4,096 of something; is this file ours?")
    return name, arguments


def _made(kind: type[nn.Module], name: str, arguments: dict[str, Any]) -> nn.Module:
    try:
        return use(kind(**arguments), Fast())
    except TypeError as error:
        raise InputError(f"network {name}: {error}") from None
