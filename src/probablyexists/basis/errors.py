"""The exceptions of probablyexists. Each message says what, where, and what to do.

ProbablyExistsError
├── InputError        what was given cannot be audited (exit code 2)
├── ImageError        one image cannot be decoded; it is set aside with this reason, the audit goes on
├── TrainingError     a generator in the lab cannot be trained further (exit code 2)
└── MissingExtraError an optional dependency is not installed (exit code 2)
"""

from __future__ import annotations


class ProbablyExistsError(Exception):
    """Root of everything this package raises on purpose."""


class InputError(ProbablyExistsError):
    """The input cannot be audited as it is; the message is one line and says what to do."""


class ImageError(ProbablyExistsError):
    """One image cannot be decoded.

    `reason` is a short constant for counting ("truncated", "not an image", ...); the message tells more.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TrainingError(ProbablyExistsError):
    """Training has met a number that is not finite; the message names the step and the checkpoint that is left."""


class MissingExtraError(ProbablyExistsError):
    """An optional dependency is missing; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; run: pip install 'probablyexists[{extra}]'",
        )
