"""The report: one self-contained HTML file from the findings, and the list of samples to withhold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, FunctionLoader, StrictUndefined

from probablyexists.answers.copying import CERTAIN_COPY
from probablyexists.basis.files import write_text, written_whole
from probablyexists.report import words
from probablyexists.report.again_texts import again_facts
from probablyexists.report.answer_parts import methods
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.contact import ContactEntry
from probablyexists.report.copy_certainty import sure_copies
from probablyexists.report.data_uri import data_uri
from probablyexists.report.exhibits import Exhibit
from probablyexists.report.first_page_texts import first_page
from probablyexists.report.group_texts import by_group
from probablyexists.report.key_figures import key_figures
from probablyexists.report.people_texts import affected_people, at_floor
from probablyexists.results.findings import Findings

FIRST = 50
"""People, copies, samples and duplicates shown; the rest is in findings.json, samples.parquet and withhold.txt."""


def write_report(
    findings: Findings,
    exhibits: Sequence[Exhibit],
    out: Path,
    show_faces: bool,
    on_disk: Mapping[str, str],
    contact: Sequence[ContactEntry] = (),
) -> None:
    """Write `report.html` and `withhold.txt` into `out`, each whole or not at all.

    `on_disk`: name of a sample -> its path, where they differ. `withhold.txt` holds the paths, so only the owner may
    read it.
    """
    with written_whole(out / "withhold.txt") as aside:
        aside.write_text("".join(f"{line}\n" for line in withheld(findings, on_disk)), encoding="utf-8")
    (out / "withhold.txt").chmod(0o600)
    write_text(out / "report.html", render(findings, exhibits, show_faces, contact))


def withheld(findings: Findings, on_disk: Mapping[str, str] | None = None) -> list[str]:
    """Every copy and likeness, sorted, one line each: its name in the findings, or its path if `on_disk` has another.

    A path with a line break, with bytes that are not UTF-8, or that could be misread in another way, is written as a
    JSON string.
    """
    paths = on_disk or {}
    names: list[str] = _leaked(findings)["sample"].to_pylist()
    return [words.visible(paths.get(name, name)) for name in sorted(names)]


def _leaked(findings: Findings) -> pa.Table:
    return findings.samples.filter(pc.not_equal(findings.samples["kind"], "none"))


def render(
    findings: Findings, exhibits: Sequence[Exhibit], show_faces: bool, contact: Sequence[ContactEntry] = ()
) -> str:
    """The page; the same bytes for the same findings and pictures."""
    answers = seven_answers(findings)
    return render_page(
        "report.html.j2",
        show_faces,
        f=findings,
        signature=findings.signature,
        key_figures=key_figures(findings),
        first_page=first_page(findings),
        answers=answers,
        methods=methods(answers, [f for g in findings.groups for f in (g.fmr, g.fnmr, *g.auroc.values())]),
        by_group=by_group(findings),
        people=_people(findings),
        order=_order(findings),
        sure=sure_copies(findings),
        certain_from=CERTAIN_COPY,
        likenesses=[e for e in exhibits if e.kind == "likeness"][:FIRST],
        copies=[e for e in exhibits if e.kind == "copy"][:FIRST],
        withheld=withheld(findings),
        numbered=findings.samples_numbered,
        first=FIRST,
        drawn=contact,
        again=again_facts(findings.again) if findings.again else [],
    )


def _people(findings: Findings) -> list[dict[str, Any]]:
    """The rows of the people affected, with the number of likenesses of each."""
    leaked = _leaked(findings)
    shown = Counter(leaked.filter(pc.equal(leaked["kind"], "likeness"))["person"].to_pylist())
    return [row | {"n_likeness": shown[row["person"]]} for row in affected_people(findings)]


def _order(findings: Findings) -> str:
    """How the named people are ordered, with the tie at the smallest p-value told once; nothing where nobody is."""
    named = [row for row in affected_people(findings) if row["exposed"]]
    if len(named) < 2:
        return ""
    lowest = [row["p"] for row in named if at_floor(findings, row)]
    smallest = "smallest p-value possible here" if lowest else "smallest p-value"
    tied = lowest or [row["p"] for row in named if row["p"] == named[0]["p"]]
    if len(tied) == 1:
        return "Those named come first, the most certain first."
    rest = "" if len(tied) == len(named) else ", then come the less certain"
    which = f"The first {words.count(len(tied))}" if len(tied) > 2 else "The first two"
    how_small = " or ".join(words.one_in(p) for p in sorted(set(tied)))
    if len(set(tied)) > 2:
        how_small = f"{words.one_in(min(tied))} to {words.one_in(max(tied))}"
    return f"{which} share the {smallest}, {how_small}; they are ordered by exposure{rest}."


def render_page(name: str, show_faces: bool, **values: Any) -> str:
    """The page from the template of this name. Besides the values it has `w`, the functions of `words`, `tight`, and
    `picture`, which turns pixels into a `data:` URI."""
    given = {"w": words, "tight": tight, "picture": data_uri, "show_faces": show_faces}
    return _templates().get_template(name).render(given | values)


def tight(text: str) -> str:
    """With no line break between a number and its %, nor within p = 0.05.

    >>> tight("95 % of cases (p < 0.001)").replace(words.NO_BREAK, "_")
    '95_% of cases (p_<_0.001)'
    """
    text = re.sub(r"(?<=\d) %", f"{words.NO_BREAK}%", text)
    return re.sub(r"\bp ([=<≤]) (?=\d)", rf"p{words.NO_BREAK}\1{words.NO_BREAK}", text)


@cache
def _templates() -> Environment:
    """The templates beside this file: values are escaped, and an unknown variable is an error."""
    files = resources.files(__package__)
    loader = FunctionLoader(lambda name: files.joinpath(name).read_text("utf-8"))
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
