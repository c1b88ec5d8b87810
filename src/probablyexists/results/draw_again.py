"""How to get the pictures of an audit of a generator back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from probablyexists.basis.text import shown
from probablyexists.results.findings import Findings

GENERATOR = "GENERATOR"
"""In place of a generator that was an object."""


def drawn_for(findings: Findings) -> str:
    """The command that draws the samples of this audit into a folder: an audit again has drawn with another seed."""
    again = findings.again
    return draw_again(findings.signature.settings, None if again is None else again.sample_seed)


def draw_again(settings: Mapping[str, object], sample_seed: int | None = None) -> str:
    """The command that draws samples into a folder; `settings`: those of the audit's signature. `sample_seed`: where
    it is not the audit's.

    >>> draw_again({"generated": "my gan.onnx", "samples": 500, "seed": 3})
    "probablyexists draw 'my gan.onnx' --samples 500 --seed 3 --out samples/"
    """
    settings = settings if sample_seed is None else {**settings, "seed": sample_seed}
    where = settings.get("generated")
    name = shlex.quote(shown(where)) if isinstance(where, str) and where else GENERATOR
    told = [f"--{name} {shlex.quote(shown(value))}" for name, value in _told(settings)]
    return " ".join(["probablyexists draw", name, *told, "--out samples/"])


def _told(settings: Mapping[str, object]) -> list[tuple[str, object]]:
    names = ("samples", "latent_shape", "picture_range", "seed")
    return [(name.replace("_", "-"), settings[name]) for name in names if settings.get(name) not in (None, "")]
