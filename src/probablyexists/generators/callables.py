"""The user's own object as a generator: a function from seeds to images, a torch network, or a whole `Generator`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.own_code import object_by_name
from probablyexists.basis.text import one_line
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.generator import Generator
from probablyexists.generators.latents import LatentGenerator, checked_size, refuse_other_range, to_pixels


def generator_by_name(name: str) -> Generator:
    """The generator `module:Name`: a function, an object, or a class that is made without arguments."""
    found = object_by_name(name)
    module = sys.modules[name.partition(":")[0]]
    file = getattr(module, "__file__", None)
    id = f"callable/{name}" if file is None else f"{content_id('callable', Path(file))}/{name}"
    return generator_of_object(found, name, id)


def generator_of_object(given: Any, name: str, id: str | None = None) -> Generator:
    """A `Generator` as it is; a `torch.nn.Module` with a `latent_shape`; a function from seeds to images.

    `id`: of a function or network; None: from its pictures of eight seeds. Raises InputError, beginning with `name`.
    """
    if hasattr(given, "sample") and hasattr(given, "id"):
        generator: Generator = given
        return generator
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(given, torch.nn.Module):
        return _of_network(given, name, id)
    if not callable(given):
        raise InputError(f"{name}: is a {type(given).__name__}; give a function from seeds to images, or a Generator")
    return CallableGenerator(given, name, id)


def _of_network(network: Any, name: str, id: str | None) -> Generator:
    from probablyexists.generators.torch_run import runner

    shape = getattr(network, "latent_shape", None)
    if not isinstance(shape, tuple | list):
        raise InputError(f"{name}: the network has no latent_shape, such as (128,); set it to the shape of one latent")
    if network.training:
        raise InputError(f"{name}: the network is in training mode; call its eval() first")
    parameter = next(network.parameters(), None)
    device = sys.modules["torch"].device("cpu") if parameter is None else parameter.device
    generator = LatentGenerator(id or "", name, shape, runner(network, device, name))
    generator.id = id or _probed("network", network, generator.sample)
    return generator


def _probed(kind: str, given: Any, sample: Callable[[Sequence[int]], NDArray[np.uint8]]) -> str:
    """An id for an object that has none, from its pictures of eight seeds."""
    digest = hashlib.sha256(np.ascontiguousarray(sample(range(8))).tobytes()).hexdigest()
    return f"{kind}/{getattr(given, '__qualname__', type(given).__name__)}/{digest[:16]}"


class CallableGenerator:
    """`function(seeds: list[int])` -> (n, h, w, 3), RGB: uint8, or floats in [-1, 1].

    The function must make the picture of a seed from that seed alone.
    """

    def __init__(self, function: Callable[[list[int]], Any], name: str, id: str | None = None) -> None:
        self._function = function
        self._name = name
        self.id = id or _probed("function", function, self.sample)

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3)."""
        try:
            images = np.asarray(self._function([int(seed) for seed in seeds]))
        except Exception as error:  # the user's own code
            raise InputError(f"{self._name}: failed on {len(seeds)} seeds: {one_line(error)}") from error
        if images.ndim != 4 or images.shape[3] != 3 or len(images) != len(seeds):
            raise InputError(
                f"{self._name}: gave {images.shape} for {len(seeds)} seeds; it must give ({len(seeds)}, height, "
                "width, 3), RGB"
            )
        channels_first = images.transpose(0, 3, 1, 2)
        checked_size(channels_first.shape, len(seeds), self._name)
        if images.dtype == np.uint8:
            return np.ascontiguousarray(images)
        if not np.issubdtype(images.dtype, np.floating):
            raise InputError(f"{self._name}: gave {images.dtype}; it must give uint8, or floats in [-1, 1]")
        refuse_other_range(images, self._name)
        return to_pixels(channels_first, self._name)
