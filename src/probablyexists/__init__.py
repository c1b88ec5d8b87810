"""probablyexists: find out whose face a generative model remembers.

Importing this package is free: the audit, and the libraries it needs, load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from probablyexists.basis.telemetry import turn_off

turn_off()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from probablyexists.attacks.attack import Attack as Attack
    from probablyexists.attacks.attack import Faces as Faces
    from probablyexists.attacks.attack import Matcher as Matcher
    from probablyexists.attacks.attack import Photos as Photos
    from probablyexists.attacks.attack import Reference as Reference
    from probablyexists.attacks.attack import Scorer as Scorer
    from probablyexists.basis.errors import ImageError as ImageError
    from probablyexists.basis.errors import InputError as InputError
    from probablyexists.basis.errors import MissingExtraError as MissingExtraError
    from probablyexists.basis.errors import ProbablyExistsError as ProbablyExistsError
    from probablyexists.basis.progress import Console as Console
    from probablyexists.basis.progress import Progress as Progress
    from probablyexists.embeddings.embed import Embedded as Embedded
    from probablyexists.embeddings.recognisers import Recogniser as Recogniser
    from probablyexists.generators.generator import Generator as Generator
    from probablyexists.guarding.checking import Decision as Decision
    from probablyexists.guarding.checking import Guard as Guard
    from probablyexists.guarding.checking import open_guard as open_guard
    from probablyexists.guarding.redrawing import guarded as guarded
    from probablyexists.results.comparison import Comparison as Comparison
    from probablyexists.results.findings import Findings as Findings
    from probablyexists.results.frequent import FrequentFaces as FrequentFaces
    from probablyexists.results.sheet import Sheet as Sheet
    from probablyexists.showing.serve import show as show
    from probablyexists.stats.estimate import Estimate as Estimate
    from probablyexists.stats.estimate import Unresolvable as Unresolvable
    from probablyexists.tasks.ask import ask as ask
    from probablyexists.tasks.audit import audit as audit
    from probablyexists.tasks.blind import blind as blind
    from probablyexists.tasks.compare import compare as compare
    from probablyexists.tasks.conformance import check_attack as check_attack
    from probablyexists.tasks.conformance import check_generator as check_generator
    from probablyexists.tasks.conformance import check_recogniser as check_recogniser
    from probablyexists.tasks.draw import draw as draw
    from probablyexists.tasks.embed_match import embed as embed
    from probablyexists.tasks.embed_match import match as match
    from probablyexists.tasks.export import export as export
    from probablyexists.tasks.guard import guard as guard
    from probablyexists.tasks.reaudit import reaudit as reaudit
    from probablyexists.tasks.withhold import withhold as withhold

_HOME = {
    "attacks.attack": ("Attack", "Faces", "Matcher", "Photos", "Reference", "Scorer"),
    "basis.errors": ("ImageError", "InputError", "MissingExtraError", "ProbablyExistsError"),
    "basis.progress": ("Console", "Progress"),
    "embeddings.embed": ("Embedded",),
    "embeddings.recognisers": ("Recogniser",),
    "generators.generator": ("Generator",),
    "guarding.checking": ("Decision", "Guard", "open_guard"),
    "guarding.redrawing": ("guarded",),
    "results.comparison": ("Comparison",),
    "results.findings": ("Findings",),
    "results.frequent": ("FrequentFaces",),
    "results.sheet": ("Sheet",),
    "showing.serve": ("show",),
    "stats.estimate": ("Estimate", "Unresolvable"),
    "tasks.ask": ("ask",),
    "tasks.audit": ("audit",),
    "tasks.blind": ("blind",),
    "tasks.compare": ("compare",),
    "tasks.conformance": ("check_attack", "check_generator", "check_recogniser"),
    "tasks.draw": ("draw",),
    "tasks.embed_match": ("embed", "match"),
    "tasks.guard": ("guard",),
    "tasks.export": ("export",),
    "tasks.reaudit": ("reaudit",),
    "tasks.withhold": ("withhold",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'probablyexists' has no attribute {name!r}")
    return getattr(importlib.import_module(f"probablyexists.{_MODULE_OF[name]}"), name)
