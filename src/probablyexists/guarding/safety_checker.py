"""The guard in the form that diffusers' pipelines call: `safety_checker(images, clip_input) -> images, flags`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probablyexists.guarding.checking import Guard


class SafetyChecker:
    """`pipeline.safety_checker = guard.safety_checker()`; the pipeline keeps its feature extractor.

    Pipelines give tensors (n, 3, h, w) of -1..1 or arrays (n, h, w, 3) of 0..1. A refused picture becomes zeros, and
    its flag is True, as with diffusers' own.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.decisions: list[Any] = []
        """Of the last call."""

    def __call__(self, images: Any, clip_input: Any = None) -> tuple[Any, list[bool]]:  # noqa: ARG002
        """The images, refused ones black, and for each whether it was refused. `clip_input` is not used."""
        is_tensor = type(images).__module__.partition(".")[0] == "torch"
        self.decisions = self.guard.check(images, picture_range=(-1, 1) if is_tensor else None)
        for i, decision in enumerate(self.decisions):
            if not decision.allowed:
                images[i] = images[i] * 0
        return images, [not decision.allowed for decision in self.decisions]
