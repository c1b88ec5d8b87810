"""How to get the pictures of an audit of a generator back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from probablyexists.basis.text import shown

GENERATOR = "GENERATOR"
"""In place of a generator that was an object."""


def draw_again(settings: Mapping[str, object]) -> str:
    """The command that draws an audit's samples into a folder; `settings`: those of the audit's signature.

    >>> draw_again({"generated": "my gan.onnx", "samples": 500, "seed": 3})
    "probablyexists draw 'my gan.onnx' --samples 500 --seed 3 --out samples/"
    """
    where = settings.get("generated")
    name = shlex.quote(shown(where)) if isinstance(where, str) and where else GENERATOR
    told = [f"--{name} {shlex.quote(shown(value))}" for name, value in _told(settings)]
    return " ".join(["probablyexists draw", name, *told, "--out samples/"])


def _told(settings: Mapping[str, object]) -> list[tuple[str, object]]:
    names = ("samples", "latent_shape", "picture_range", "seed")
    return [(name.replace("_", "-"), settings[name]) for name in names if settings.get(name) not in (None, "")]
