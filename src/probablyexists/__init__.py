"""probablyexists: find out whose face a generative model remembers.

Importing this package is free: the audit, and the libraries it needs, load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from probablyexists.attacks.attack import Attack, Faces, Matcher, Photos, Reference, Scorer
    from probablyexists.basis.errors import ImageError, InputError, MissingExtraError, ProbablyExistsError
    from probablyexists.basis.progress import Console, Progress
    from probablyexists.embeddings.embed import Embedded
    from probablyexists.embeddings.recognisers import Recogniser
    from probablyexists.generators.generator import Generator
    from probablyexists.results.findings import Findings
    from probablyexists.results.frequent import FrequentFaces
    from probablyexists.results.sheet import Sheet
    from probablyexists.stats.estimate import Estimate, Unresolvable
    from probablyexists.tasks.ask import ask
    from probablyexists.tasks.audit import audit
    from probablyexists.tasks.blind import blind
    from probablyexists.tasks.conformance import check_attack, check_generator, check_recogniser
    from probablyexists.tasks.embed_match import embed, match

_HOME = {
    "attacks.attack": ("Attack", "Faces", "Matcher", "Photos", "Reference", "Scorer"),
    "basis.errors": ("ImageError", "InputError", "MissingExtraError", "ProbablyExistsError"),
    "basis.progress": ("Console", "Progress"),
    "embeddings.embed": ("Embedded",),
    "embeddings.recognisers": ("Recogniser",),
    "generators.generator": ("Generator",),
    "results.findings": ("Findings",),
    "results.frequent": ("FrequentFaces",),
    "results.sheet": ("Sheet",),
    "stats.estimate": ("Estimate", "Unresolvable"),
    "tasks.ask": ("ask",),
    "tasks.audit": ("audit",),
    "tasks.blind": ("blind",),
    "tasks.conformance": ("check_attack", "check_generator", "check_recogniser"),
    "tasks.embed_match": ("embed", "match"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Attack",
    "Console",
    "Embedded",
    "Estimate",
    "Faces",
    "Findings",
    "FrequentFaces",
    "Generator",
    "ImageError",
    "InputError",
    "Matcher",
    "MissingExtraError",
    "Photos",
    "ProbablyExistsError",
    "Progress",
    "Recogniser",
    "Reference",
    "Scorer",
    "Sheet",
    "Unresolvable",
    "__version__",
    "ask",
    "audit",
    "blind",
    "check_attack",
    "check_generator",
    "check_recogniser",
    "embed",
    "match",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'probablyexists' has no attribute {name!r}")
    return getattr(importlib.import_module(f"probablyexists.{_MODULE_OF[name]}"), name)
