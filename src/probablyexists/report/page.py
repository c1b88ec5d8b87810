"""The report: one self-contained HTML file from the findings, and the list of samples to withhold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, FunctionLoader, StrictUndefined

from probablyexists.basis.files import write_text, written_whole
from probablyexists.report import words
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.contact import ContactEntry
from probablyexists.report.data_uri import data_uri
from probablyexists.report.exhibits import Exhibit
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Unresolvable

FIRST = 50
"""People, copies, samples and duplicates shown; the rest is in findings.json and withhold.txt."""


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
    return render_page(
        "report.html.j2",
        show_faces,
        f=findings,
        signature=findings.signature,
        key_figures=_key_figures(findings),
        answers=seven_answers(findings),
        people=_people(findings),
        likenesses=[e for e in exhibits if e.kind == "likeness"][:FIRST],
        copies=[e for e in exhibits if e.kind == "copy"][:FIRST],
        withheld=withheld(findings),
        numbered=findings.samples_numbered,
        first=FIRST,
        drawn=contact,
    )


def _key_figures(findings: Findings) -> list[tuple[str, str, str]]:
    """The numbers at the top of the page: label, value, note."""
    naming, copies, excess, power = findings.naming, findings.copies, findings.resemblance.excess, findings.missed.power
    samples = words.counted(copies.n_samples, "sample")
    share, interval = words.percent_parts(excess)
    if isinstance(excess, Estimate):
        interval = f"of samples; {interval}"
    if isinstance(power, Unresolvable):
        smallest, note = "—", words.absent(power)
    elif power.smallest is None or power.share is None:
        smallest, note = "none", "not even if every member had leaked"
    else:
        people = "person" if power.smallest == 1 else "people"
        smallest = words.count(power.smallest)
        note = f"{people} ({words.percent(power.share)} of members), in {words.percent(power.target)} of cases"
    members = f"of {words.counted(naming.n_members, 'member')}{findings.data.of_members_given}"
    return [
        ("People named", words.count(naming.n_exposed or 0), members),
        ("Copies", words.count(copies.n_copies), f"of {samples}"),
        ("Likenesses", words.count(findings.resemblance.n_likenesses), f"of {samples}"),
        ("Excess over strangers", share, interval),
        ("Smallest leak noticed", smallest, note),
    ]


def _people(findings: Findings) -> list[dict[str, Any]]:
    """The rows of the named people, most certain first, with the number of copies and likenesses of each."""
    leaked = _leaked(findings)
    shown = Counter(zip(leaked["kind"].to_pylist(), leaked["person"].to_pylist(), strict=True))
    rows: list[dict[str, Any]] = findings.people.filter(findings.people["exposed"]).to_pylist()
    rows.sort(key=lambda row: (row["q"], row["p"], -row["exposure"], row["person"]))
    return [row | {f"n_{kind}": shown[kind, row["person"]] for kind in ("copy", "likeness")} for row in rows]


def render_page(name: str, show_faces: bool, **values: Any) -> str:
    """The page from the template of this name. Besides the values it has `w`, the functions of `words`, and `picture`,
    which turns pixels into a `data:` URI."""
    return _templates().get_template(name).render(w=words, picture=data_uri, show_faces=show_faces, **values)


@cache
def _templates() -> Environment:
    """The templates beside this file: values are escaped, and an unknown variable is an error."""
    files = resources.files(__package__)
    loader = FunctionLoader(lambda name: files.joinpath(name).read_text("utf-8"))
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
