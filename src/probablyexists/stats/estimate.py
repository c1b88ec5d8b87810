"""A figure: an estimate with its interval, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

LEVEL = 0.95

IN_SCHEMA: dict[str, Any] = {"use_attribute_docstrings": True, "allow_inf_nan": False}
"""For pydantic, which writes and reads these types: the docstring of a field is its description in the JSON Schema."""


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty. Never rounded before it is shown."""

    __pydantic_config__: ClassVar = IN_SCHEMA

    value: float
    """The number, in the unit of its field."""
    low: float
    """Lower limit of the interval."""
    high: float
    """Upper limit of the interval."""
    level: float
    """Confidence level of low..high, e.g. 0.95."""
    method: str
    """How the interval was made, in a few words."""
    n: int
    """Units (people, unless the method says otherwise) behind the number."""


@dataclass(frozen=True)
class Unresolvable:
    """A figure that the data is too small to give, and the reason. Not zero, not failed: absent."""

    __pydantic_config__: ClassVar = IN_SCHEMA

    reason: str
    """Why there is no figure, in a few words."""
    needs: int | None = None
    """Units (mostly people) that the figure needs at least; null where their number is not the reason."""
    has: int | None = None
    """Units that there are, or null."""


Figure = Estimate | Unresolvable
