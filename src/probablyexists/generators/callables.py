"""A Python function as a generator: `module:function`.

The module is imported, which runs its code. This happens only if the user gives `module:function` and no file or folder
of that name exists, never because of the content of a file.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.generators.file_checks import content_id, one_line
from probablyexists.generators.latents import checked_size, to_pixels

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


def is_callable_name(text: str) -> bool:
    """Whether `text` is written as module:function.

    >>> [is_callable_name(text) for text in ("my.model:sample", "model.py:sample()", "model.onnx")]
    [True, False, False]
    """
    return _NAME.fullmatch(text) is not None


class CallableGenerator:
    """`function(seeds: list[int])` -> (n, h, w, 3), RGB: uint8, or floats in [-1, 1].

    The picture of a seed must depend on that seed alone. The content hash in `id` covers the module's own file, not
    what it imports or loads.
    """

    def __init__(self, name: str) -> None:
        module_name, function_name = name.split(":")
        module = _import(module_name, name)
        function = getattr(module, function_name, None)
        if not callable(function):
            raise InputError(f"{name}: the module {module_name} has no function {function_name}")
        self._function: Callable[[list[int]], Any] = function
        self._name = name
        file = getattr(module, "__file__", None)
        self.id = f"callable/{name}" if file is None else f"{content_id('callable', Path(file))}/{name}"

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
        return to_pixels(channels_first, self._name)


def _import(module_name: str, name: str) -> Any:
    top = module_name.partition(".")[0]
    here = os.getcwd()
    if importlib.util.find_spec(top) is None and here not in sys.path:
        sys.path.append(here)  # last: a file here must not hide an installed module
        importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(
                f"{name}: there is no module {error.name}; run from its folder, or set PYTHONPATH"
            ) from None
        raise InputError(f"{name}: importing {module_name} failed: {one_line(error)}") from error
    except Exception as error:  # the user's own code
        raise InputError(f"{name}: importing {module_name} failed: {one_line(error)}") from error
