"""The report: one self-contained HTML file from the findings, and the list of samples to withhold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from probablyexists.basis.files import write_text
from probablyexists.report import words
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.data_uri import data_uri
from probablyexists.report.exhibits import Exhibit
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Unresolvable

FIRST = 50
"""People, copies, samples and duplicates shown; the rest is in findings.json and withhold.txt."""


def write_report(findings: Findings, exhibits: Sequence[Exhibit], out: Path, show_faces: bool) -> None:
    """Write `report.html` and `withhold.txt` into `out`, each whole or not at all."""
    write_text(out / "withhold.txt", "".join(f"{line}\n" for line in withheld(findings)))
    write_text(out / "report.html", render(findings, exhibits, show_faces))


def withheld(findings: Findings) -> list[str]:
    """Every copy and likeness, sorted by path, one line each.

    A path with a line break, or that could be misread in another way, is written as a JSON string.
    """
    kept = findings.samples.filter(pc.not_equal(findings.samples["kind"], "none"))
    return [words.visible(path) for path in sorted(kept["sample"].to_pylist())]


def render(findings: Findings, exhibits: Sequence[Exhibit], show_faces: bool) -> str:
    """The page; the same bytes for the same findings and pictures."""
    listed = withheld(findings)
    people = _people(findings)
    likenesses = [e for e in exhibits if e.kind == "likeness"]
    copies = [e for e in exhibits if e.kind == "copy"]
    return template("report.html.j2").render(
        f=findings,
        w=words,
        style=stylesheet(),
        key_figures=_key_figures(findings),
        answers=seven_answers(findings),
        people=people[:FIRST],
        n_people=len(people),
        likenesses=[_picture_row(e, show_faces) for e in likenesses[:FIRST]],
        copies=[_picture_row(e, show_faces) for e in copies[:FIRST]],
        n_copies=findings.copies.n_copies,
        withheld=listed[:FIRST],
        n_withheld=len(listed),
        duplicates=findings.data.duplicates[:FIRST],
        show_faces=show_faces,
    )


@dataclass(frozen=True)
class KeyFigure:
    """One of the numbers at the top of the page."""

    label: str
    value: str
    note: str


def _key_figures(findings: Findings) -> list[KeyFigure]:
    naming, copies, excess, power = findings.naming, findings.copies, findings.resemblance.excess, findings.missed.power
    samples = words.counted(copies.n_samples, "sample", "samples")
    if isinstance(excess, Estimate):
        share, interval = words.percent_parts(excess)
        shown = KeyFigure("Excess over strangers", share, f"of samples; {interval}")
    else:
        shown = KeyFigure("Excess over strangers", "—", words.absent(excess))
    smallest = "Smallest leak noticed"
    if isinstance(power, Unresolvable):
        noticed = KeyFigure(smallest, "—", words.absent(power))
    elif power.smallest is None or power.share is None:
        noticed = KeyFigure(smallest, "none", "not even if every member had leaked")
    else:
        people = "person" if power.smallest == 1 else "people"
        note = f"{people} ({words.percent(power.share)} of members), in {words.percent(power.target)} of cases"
        noticed = KeyFigure(smallest, words.count(power.smallest), note)
    members = words.counted(naming.n_members, "member", "members")
    return [
        KeyFigure("People named", words.count(naming.n_exposed), f"of {members}"),
        KeyFigure("Copies", words.count(copies.n_copies), f"of {samples}"),
        KeyFigure("Likenesses", words.count(findings.resemblance.n_likenesses), f"of {samples}"),
        shown,
        noticed,
    ]


def _people(findings: Findings) -> list[dict[str, Any]]:
    """The rows of the named people, most certain first, with the number of copies and likenesses of each."""
    shown: dict[str, Counter[str]] = {"copy": Counter(), "likeness": Counter()}
    kept = findings.samples.filter(pc.not_equal(findings.samples["kind"], "none"))
    for kind, person in zip(kept["kind"].to_pylist(), kept["person"].to_pylist(), strict=True):
        shown[kind][person] += 1
    rows: list[dict[str, Any]] = findings.people.filter(findings.people["exposed"]).to_pylist()
    rows.sort(key=lambda row: (row["q"], row["p"], -row["exposure"], row["person"]))
    return [row | {f"n_{kind}": counts[row["person"]] for kind, counts in shown.items()} for row in rows]


@dataclass(frozen=True)
class PictureRow:
    """A training photo and the samples shown next to it, as `data:` URIs."""

    person: str
    photo: str
    samples: list[tuple[str, float, str]]


def _picture_row(exhibit: Exhibit, show_faces: bool) -> PictureRow:
    return PictureRow(
        exhibit.person,
        data_uri(exhibit.photo, show_faces=show_faces),
        [(path, value, data_uri(pixels, show_faces=show_faces)) for path, value, pixels in exhibit.samples],
    )


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def stylesheet() -> str:
    """The style sheet of all pages."""
    return _text("style.css")


@cache
def template(name: str) -> Template:
    """The template with this file name: values are escaped, and an unknown variable is an error."""
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)
