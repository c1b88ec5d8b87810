"""Every number of the findings as a row: its value and interval, its unit, what it means, and where it is in the file.

Numbers are found by the types of the findings, so that a new figure is a new row. The rows of people and samples and
the signature are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, TypeAdapter

from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Unresolvable

_LEFT_OUT = ("schema_version", "people", "samples", "signature")
_CALLED = {
    **{"role": "{}", "population": "{}", "copies": "copies {}", "level": "by {}", "kind": "{}", "id": "{}"},
    **{"recogniser": "{}", "name": "{}", "group": "group {}", "photos": "on {} photos"},
    **{"photos_from": "from {} photos", "n_samples": "{} samples"},
}
"""Fields that tell the entries of a list apart, in this order, and how they are said."""
_OF_SAMPLES = ("with_face",)
"""Figures whose n counts samples; every other n counts people."""
_UNITS = (
    (r"slope", "standard deviations for each doubling of the photos"),
    (r"standard deviations?\b", "standard deviations"),
    (r"AUROC", "AUROC, 0 to 1"),
    (r"p-value|: probability", "probability, 0 to 1"),
    (r"correlation", "correlation, -1 to 1"),
    (r"cosine", "cosine, -1 to 1"),
    (r"distance", "distance"),
    (r"-1 to 1", "difference of shares, -1 to 1"),
    (r"members named", "people"),
    (r"share|rate\b|per sample|0 to 1|power", "share, 0 to 1"),
    (r"exposure|bin begins|bin ends", "standard deviations"),
    (r"\bseconds\b", "seconds"),
)
"""What the description of a number says -> its unit; the first that is found."""
_THINGS = re.compile(
    r"(people|members?|clusters?|person|named|copied)\b|(samples?)\b|(pictures?)\b|(photos?)\b|(images?)\b|(parts)\b",
    re.IGNORECASE,
)
_THINGS_ARE = ("people", "samples", "pictures", "photos", "images", "parts")


class FigureRow(NamedTuple):
    """One number; its fields are the columns of `figures.csv`."""

    where: str
    """JSON Pointer (RFC 6901) into findings.json."""
    figure: str
    """Where it belongs, and its name: `membership, seen photos, copies out, by person: auroc`."""
    value: float | int | None = None
    """None where there is no figure; then `missing` says why."""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence level of low..high; None for a number without an interval."""
    n: int | None = None
    """How many the interval is based on."""
    n_counts: str = ""
    """What `n` counts."""
    unit: str = ""
    """Unit of the value."""
    method: str = ""
    """How the interval was made."""
    missing: str = ""
    """Why there is no value."""
    meaning: str = ""
    """The field's description in the schema."""


def figure_rows(findings: Findings) -> list[FigureRow]:
    """Every number, in the order of findings.json."""
    return list(_below(findings, "", ()))


def unit_of(meaning: str, *, whole: bool) -> str:
    """The unit of a number with this name and description; empty if they do not say it. `whole`: it is an integer.

    >>> unit_of("Share of samples, 0 to 1.", whole=False), unit_of("Distinct pictures among them.", whole=True)
    ('share, 0 to 1', 'pictures')
    """
    if whole:
        found = _THINGS.search(meaning)
        return _THINGS_ARE[(found.lastindex or 1) - 1] if found else "count"
    return next((unit for says, unit in _UNITS if re.search(says, meaning, re.IGNORECASE)), "")


def _below(whole: Any, where: str, called: tuple[str, ...]) -> Iterator[FigureRow]:
    """The numbers in a part of the findings: a model or a dataclass."""
    kind: Any = type(whole)
    hints, meanings = _hints(kind), _meanings(kind)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind.model_fields)
    for name in names:
        if where == "" and name in _LEFT_OUT:
            continue
        numeric = _numeric(hints[name])
        yield from _found(getattr(whole, name), f"{where}/{name}", (*called, name), meanings.get(name, ""), numeric)


def _found(
    value: Any, where: str, called: tuple[str, ...], meaning: str, numeric: frozenset[type]
) -> Iterator[FigureRow]:
    if isinstance(value, Estimate | Unresolvable) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield _row(value, where, called, meaning)
    elif value is None and numeric:
        yield _row(None, where, called, meaning, whole=float not in numeric)
    elif isinstance(value, BaseModel) or is_dataclass(value):
        yield from _below(value, where, called)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            pointer = str(key).replace("~", "~0").replace("/", "~1")
            yield from _found(one, f"{where}/{pointer}", (*called, str(key)), meaning, numeric)
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            yield from _found(one, f"{where}/{i}", (*called, *_told_apart(one, i)), meaning, numeric)


def _told_apart(one: Any, i: int) -> list[str]:
    """What tells this entry of a list from the others."""
    told = [said.format(value) for name, said in _CALLED.items() if (value := getattr(one, name, None)) is not None]
    return told or [str(i)]


def _row(
    figure: Estimate | Unresolvable | float | None,
    where: str,
    called: tuple[str, ...],
    meaning: str,
    *,
    whole: bool | None = None,
) -> FigureRow:
    name = f"{', '.join(called[:-1])}: {called[-1]}" if len(called) > 1 else called[-1]
    whole = isinstance(figure, int) if whole is None else whole
    unit = unit_of(meaning if whole else f"{called[-1]}: {meaning}", whole=whole)
    row = FigureRow(where, name, unit=unit, meaning=meaning)
    if isinstance(figure, Estimate):
        counts = "samples" if called[-1] in _OF_SAMPLES else "people"
        its = {name: getattr(figure, name) for name in ("value", "low", "high", "level", "n", "method")}
        return row._replace(n_counts=counts, **its)
    if isinstance(figure, Unresolvable):
        return row._replace(missing=figure.reason)
    return row._replace(missing="not given (null)") if figure is None else row._replace(value=figure)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _meanings(kind: type) -> dict[str, str]:
    """Field -> its description, on one line."""
    properties = TypeAdapter(kind).json_schema(mode="serialization").get("properties", {})
    return {name: " ".join(about.get("description", "").split()) for name, about in properties.items()}


def _numeric(hint: Any) -> frozenset[type]:
    """Which of int and float a type allows; neither for a figure, which is never null."""
    parts = getattr(hint, "__args__", (hint,))
    return frozenset(part for part in parts if part in (int, float))
