"""probablyexists: find out whose face a generative model remembers.

Importing this package is free: the audit, and the libraries it needs, load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Findings", "ProbablyExistsError", "Sheet", "__version__", "ask", "audit", "blind"]

if TYPE_CHECKING:
    from probablyexists.basis.errors import ProbablyExistsError
    from probablyexists.results.findings import Findings
    from probablyexists.results.sheet import Sheet
    from probablyexists.tasks.ask import ask
    from probablyexists.tasks.audit import audit
    from probablyexists.tasks.blind import blind


def __getattr__(name: str) -> Any:
    if name == "audit":
        from probablyexists.tasks.audit import audit

        return audit
    if name == "ask":
        from probablyexists.tasks.ask import ask

        return ask
    if name == "blind":
        from probablyexists.tasks.blind import blind

        return blind
    if name == "Sheet":
        from probablyexists.results.sheet import Sheet

        return Sheet
    if name == "Findings":
        from probablyexists.results.findings import Findings

        return Findings
    if name == "ProbablyExistsError":
        from probablyexists.basis.errors import ProbablyExistsError

        return ProbablyExistsError
    raise AttributeError(f"module 'probablyexists' has no attribute {name!r}")
