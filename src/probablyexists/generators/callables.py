"""The user's own object as a generator: a function from seeds to images, a torch network, or a whole `Generator`."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.own_code import object_by_name
from probablyexists.basis.text import one_line
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.generator import BrokenPictures, Generator, Given, refuse_changing
from probablyexists.generators.latents import MOST_AT_ONCE, LatentGenerator, Network, checked_size
from probablyexists.generators.picture_range import Range, settled_range, to_pixels

SLOW = 8.0
"""Seconds that a call of a user's function may take before it gets fewer seeds at once."""


def generator_by_name(name: str, given: Given) -> Generator:
    """The generator `module:Name`: a function, an object, or a class that is made without arguments."""
    found = object_by_name(name)
    module = sys.modules[name.partition(":")[0]]
    file = getattr(module, "__file__", None)
    id = f"callable/{name}" if file is None else f"{content_id('callable', Path(file))}/{name}"
    return generator_of_object(found, name, given, id)


def generator_of_object(made: Any, name: str, given: Given, id: str | None = None) -> Generator:
    """A `Generator` as it is; a `torch.nn.Module` with a `latent_shape`; a function from seeds to images.

    `id`: of a function or network; None: from its pictures of eight seeds. Raises InputError, beginning with `name`.
    """
    if hasattr(made, "sample") and hasattr(made, "id"):
        generator: Generator = made
        refuse_changing(generator.sample([0, 1])[1], generator.sample([1])[0], name)
        return generator
    within = None if given.picture_range is None else Range(*given.picture_range)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.nn.Module):
        return _of_network(made, name, given, within, id)
    if not callable(made):
        raise InputError(f"{name}: is a {type(made).__name__}; give a function from seeds to images, or a Generator")
    return CallableGenerator(made, name, id, within)


def _of_network(network: Any, name: str, given: Given, within: Range | None, id: str | None) -> Generator:
    from probablyexists.generators.torch_run import TorchRun

    shape = given.latent_shape or getattr(network, "latent_shape", None)
    if not isinstance(shape, tuple | list):
        raise InputError(
            f"{name}: the network has no latent_shape, such as (128,); set it to the shape of one latent, or give "
            f"it, such as {option('latent_shape', '128')}"
        )
    if network.training:
        raise InputError(f"{name}: the network is in training mode; call its eval() first")
    parameter = next(network.parameters(), None)
    device = sys.modules["torch"].device("cpu") if parameter is None else parameter.device
    run = TorchRun(network, device, name)
    generator = LatentGenerator(Network(id or "", name, shape, run, None, within, run.counted, given.samples))
    if id is None:
        generator.id = _probed("network", network, generator.sample) + generator.range.tag
    return generator


def _probed(kind: str, made: Any, sample: Callable[[Sequence[int]], NDArray[np.uint8]]) -> str:
    """An id for an object that has none, from its pictures of eight seeds."""
    try:
        pictures = sample(range(8))
    except BrokenPictures as error:
        pictures = error.pictures
    digest = hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest()
    return f"{kind}/{getattr(made, '__qualname__', type(made).__name__)}/{digest[:16]}"


class CallableGenerator:
    """`function(seeds: list[int])` -> (n, h, w, 3), RGB: uint8, or floats in one of the ranges of `picture_range`.

    The function must make the picture of a seed from that seed alone. It is called with seeds 0 and 1, then with 1
    alone, to see that it does, and with more while the range is open.
    """

    def __init__(
        self, function: Callable[[list[int]], Any], name: str, id: str | None = None, within: Range | None = None
    ) -> None:
        self._function, self._name = function, name
        started = time.monotonic()
        seen, alone = self._images([0, 1]), self._images([1])
        seconds = (time.monotonic() - started) / 3
        self.batch = next(n for n in (MOST_AT_ONCE, 8, 1) if n * seconds <= SLOW or n == 1)
        self.range = settled_range(seen, lambda first: self._images([first]), name, within)
        refuse_changing(to_pixels(seen, self.range)[0][1], to_pixels(alone, self.range)[0][0], name)
        tag = "" if seen.dtype == np.uint8 else self.range.tag
        self.id = (id or _probed("function", function, self.sample)) + tag

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3)."""
        pictures, broken = to_pixels(self._images(seeds), self.range)
        if broken:
            raise BrokenPictures(self._name, pictures, broken)
        return pictures

    def _images(self, seeds: Sequence[int]) -> NDArray[Any]:
        """What the function gives, (n, 3, h, w)."""
        try:
            images = np.asarray(self._function([int(seed) for seed in seeds]))
        except Exception as error:  # the user's own code
            raise InputError(f"{self._name}: failed on {len(seeds)} seeds: {one_line(error)}") from error
        if images.ndim != 4 or images.shape[3] != 3 or len(images) != len(seeds):
            raise InputError(
                f"{self._name}: gave {images.shape} for {len(seeds)} seeds; it must give ({len(seeds)}, height, "
                "width, 3), RGB"
            )
        if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
            raise InputError(f"{self._name}: gave {images.dtype}; it must give uint8, or floats")
        channels_first = images.transpose(0, 3, 1, 2)
        checked_size(channels_first.shape, len(seeds), self._name)
        return channels_first
