"""The user's own code by name: `module:Name`.

This imports the module, which runs its code. It happens only if the user gives `module:Name` as a setting that may be
an object; names read from a file are never imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from probablyexists.basis.errors import InputError, ProbablyExistsError, option
from probablyexists.basis.text import one_line

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


def is_object_name(text: str) -> bool:
    """Whether `text` is written as module:Name.

    >>> [is_object_name(text) for text in ("my.model:sample", "model.py:sample()", "model.onnx")]
    [True, False, False]
    """
    return _NAME.fullmatch(text) is not None


def object_by_name(name: str) -> Any:
    """The object `module:Name`, or of a class an instance made without arguments; also from the working folder.

    Raises InputError, which begins with `name`.
    """
    module_name, attribute = name.split(":")
    module = _import(module_name, name)
    try:
        found = getattr(module, attribute)
    except AttributeError:
        raise InputError(f"{name}: the module {module_name} has no {attribute}") from None
    return called(f"{name}: could not be made", found) if isinstance(found, type) else found


def made_by_name(name: str, setting: str) -> Any:
    """As `object_by_name`; InputError names the setting."""
    try:
        return object_by_name(name)
    except InputError as error:
        raise InputError(option(setting, name) + error.raw.removeprefix(name)) from None


def called(failed: str, call: Callable[..., Any], *given: object) -> Any:
    """`call(*given)`, the user's own code. InputError, which begins with `failed`, if it raises any error but ours."""
    try:
        return call(*given)
    except ProbablyExistsError:
        raise
    except Exception as error:  # the user's own code
        raise InputError(f"{failed} ({one_line(error)})") from error


def problems_of(thing: object, **wanted: type | None) -> list[str]:
    """Attributes that are missing, empty or of another type; None: must be callable."""
    if isinstance(thing, type):
        return [f"it is a class; give an object, such as {thing.__name__}()"]
    problems = []
    for name, kind in wanted.items():
        found = getattr(thing, name, None)
        if found is None or (kind is str and found == ""):
            problems.append(f"{name} is missing")
        elif kind is None and not callable(found):
            problems.append(f"{name} is not a method")
        elif kind is not None and (
            not isinstance(found, kind) or (kind is int and isinstance(found, int) and found < 1)
        ):
            problems.append(f"{name} is {found!r}; it must be a {'positive ' * (kind is int)}{kind.__name__}")
    return problems


def _import(module_name: str, name: str) -> Any:
    top = module_name.partition(".")[0]
    here = os.getcwd()
    if importlib.util.find_spec(top) is None and here not in sys.path:
        sys.path.append(here)  # last: a file here must not hide an installed module
        importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # the user's own code
        lacks = error.name if isinstance(error, ModuleNotFoundError) else None
        if lacks is not None and f"{module_name}.".startswith(f"{lacks}."):
            raise InputError(f"{name}: there is no module {lacks}; run from its folder, or set PYTHONPATH") from None
        raise InputError(f"{name}: importing {module_name} failed: {one_line(error)}") from error
