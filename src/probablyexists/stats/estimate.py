"""What a figure is: an estimate with its interval, or a plain statement that it cannot be had."""

from __future__ import annotations

from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty. Never rounded before it is shown."""

    value: float
    low: float
    high: float
    level: float
    """Confidence level of low..high, e.g. 0.95."""
    method: str
    """How the interval was made, in a few words."""
    n: int
    """Units (people, unless the method says otherwise) behind the number."""


@dataclass(frozen=True)
class Unresolvable:
    """A figure that this audit is too small to give. Not zero, not failed: absent, and here is why."""

    reason: str
    needs: int | None = None
    has: int | None = None


Figure = Estimate | Unresolvable
