"""Usage reports of the libraries that we call: off before any of them is imported, in every process."""

from __future__ import annotations

import os
import sys
import warnings

OFF = {
    # ONNX Runtime reports the names of models and of their nodes, and keeps a device id in the user's cache.
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
_REPORTS = "onnxruntime"
"""Reads its variable when it is imported, and never again."""


def turn_off() -> None:
    """Set the variables for this process and those it starts. Called when `probablyexists` is imported."""
    too_late = _REPORTS in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
    os.environ.update(OFF)
    if too_late:
        warnings.warn(
            f"{_REPORTS} was imported before probablyexists, so its usage reports are on in this process; import "
            "probablyexists first, or set ORT_DISABLE_TELEMETRY=1",
            RuntimeWarning,
            stacklevel=3,
        )
