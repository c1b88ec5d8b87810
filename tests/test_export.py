"""Exports, each opened by a program that it is for: the csv module, markdown-it, huggingface_hub and pypdf."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from pypdf import PdfReader
from typer.testing import CliRunner

import probablyexists
import probablyexists.tasks.export as exporting
from probablyexists.basis import errors
from probablyexists.basis.errors import InputError, MissingExtraError
from probablyexists.cli.app import app
from probablyexists.report.csv_tables import write_people, write_samples
from probablyexists.report.figure_rows import figure_rows
from probablyexists.report.markdown_summary import markdown_summary
from probablyexists.report.markdown_text import code, plain, table
from probablyexists.report.model_card import model_card
from probablyexists.report.page import render, write_report
from probablyexists.report.pdf import stand_alone, to_pdf
from probablyexists.report.regulators import regulators_page
from probablyexists.report.requirements import REQUIREMENTS
from probablyexists.results.cover import Cover
from probablyexists.results.findings import SAMPLES_SCHEMA, Findings, GroupFindings
from test_report import estimate, sample_exhibits, sample_findings

ROOT = Path(__file__).parents[1]
FORMULAS = (
    *("=HYPERLINK(A1)", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "'=1", "''=1", "a;=1", "a\n=1", 'a;"=1"'),
    "=cmd|' /C calc'!A0",
)
HARMLESS = ("person-0001", "a-b", "1=1", "O'Neill", "'t Hooft", "a; b", "Åsa, “Ø”", "李明")
HOSTILE = (
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "a|b",
    "`x`",
    "**bold**",
    "@octocat",
    "$\\frac{1}{2}$",
    "http://example.com/a_b",
    "www.example.com",
    "a\\|b",
    "&lt;b&gt;",
    "two\nlines",
    "# no heading",
    "1. no list",
    "- no list",
    "~~no~~",
    "![x](y.png)",
)
GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": False})


@pytest.fixture(scope="module")
def leak() -> Findings:
    return sample_findings("leak")


@pytest.fixture(scope="module")
def folder(leak: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit, with faces in its report. For reading only: exports go elsewhere."""
    at = tmp_path_factory.mktemp("audit")
    write_report(leak, sample_exhibits(leak)[:2], at, True, {})
    leak.write(at)
    return at


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def called(findings: Findings, names: tuple[str, ...]) -> Findings:
    """The same findings with these names for the first people, in a sample's row too."""
    people, samples = findings.people.to_pylist(), findings.samples.to_pylist()
    renamed = {person["person"] for person in people[: len(names)]}
    for sample in samples:
        sample["person"] = None if sample["person"] in renamed else sample["person"]
    for name, person, sample in zip(names, people, samples, strict=False):
        person["person"], sample["person"] = name, name
    return findings.model_copy(
        update={
            "people": pa.Table.from_pylist(people, findings.people.schema),
            "samples": pa.Table.from_pylist(samples, findings.samples.schema),
        }
    )


def shown(markdown: str) -> str:
    """The text that a reader of the rendered page sees."""
    return html.unescape(re.sub(r"<[^>]*>", "", GITHUB.render(markdown))).strip()


def test_the_tables_hold_everybody_and_everything_as_numbers(leak: Findings, folder: Path, tmp_path: Path) -> None:
    done = probablyexists.export(folder, csv=True, out=tmp_path)
    assert [path.name for path in done.files] == ["people.csv", "samples.csv", "figures.csv"]
    assert done.notes == ()
    people = rows_of(tmp_path / "people.csv")
    for read, row in zip(people, leak.people.to_pylist(), strict=True):
        nearest = [read[name] for name in sorted(name for name in read if name.startswith("nearest_"))]
        assert [name for name in nearest if name] == row.pop("nearest")
        assert (float(read["p"]), int(read["photos"]), read["exposed"]) == (
            row["p"],
            row["photos"],
            str(row["exposed"]).lower(),
        )
        assert read["reason"] == (row["reason"] or "")
    samples = rows_of(tmp_path / "samples.csv")
    assert [row["sample"] for row in samples] == leak.samples["sample"].to_pylist()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in done.files)


def test_the_tables_are_rfc_4180_with_a_mark_that_excel_needs(leak: Findings, tmp_path: Path) -> None:
    write_people(called(leak, HARMLESS), tmp_path / "people.csv")
    data = (tmp_path / "people.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n") == leak.people.num_rows + 1
    assert tuple(row["person"] for row in rows_of(tmp_path / "people.csv")[: len(HARMLESS)]) == HARMLESS


def test_a_person_whose_name_is_a_formula_stays_text(leak: Findings, tmp_path: Path) -> None:
    findings = called(leak, FORMULAS)
    assert write_people(findings, tmp_path / "people.csv") == len(FORMULAS)
    assert write_samples(findings, tmp_path / "samples.csv") == len(FORMULAS)
    cells = [row["person"] for row in rows_of(tmp_path / "people.csv")[: len(FORMULAS)]]
    for cell in cells:
        for separated in re.split(r"[;\t\r\n]", cell):  # however a spreadsheet separates cells
            assert not re.match(r"[\s\"]*[=+\-@＝]", separated), cell
    assert len(set(cells)) == len(FORMULAS)


def test_exporting_formulas_says_how_many_got_an_apostrophe(leak: Findings, tmp_path: Path) -> None:
    called(leak, FORMULAS[:3]).write(tmp_path / "audit")
    notes = probablyexists.export(tmp_path / "audit", csv=True, out=tmp_path).notes
    assert notes[0].startswith("people.csv: 3 cells hold text that a spreadsheet may take for a formula")


def test_more_samples_than_fit_in_one_part_are_all_there(leak: Findings, tmp_path: Path) -> None:
    n = 70_000
    columns: dict[str, Any] = {name: pa.nulls(n, SAMPLES_SCHEMA.field(name).type) for name in SAMPLES_SCHEMA.names}
    columns |= {"sample": pa.array(f"{i}.png" for i in range(n)), "kind": pa.array(["none"] * n)}
    many = leak.model_copy(update={"samples": pa.table(columns, SAMPLES_SCHEMA)})
    write_samples(many, tmp_path / "samples.csv")
    lines = (tmp_path / "samples.csv").read_text("utf-8-sig").splitlines()
    assert lines[1:] == [f"{i}.png,none,,,,,," for i in range(n)]


def test_an_audit_with_names_says_that_its_exports_have_them(leak: Findings, tmp_path: Path) -> None:
    leak.model_copy(update={"names_shown": True}).write(tmp_path)
    (note,) = probablyexists.export(tmp_path, model_card=True).notes
    assert note == "model-card.md: the audit was not told the model's name; write it, or audit with --model NAME"
    (note,) = probablyexists.export(tmp_path, markdown=True).notes
    assert note.startswith("people are given by name")


def test_exports_of_a_confidential_audit_say_that_they_do_not_carry_its_mark(leak: Findings, tmp_path: Path) -> None:
    for confidential in (True, False):
        findings = leak.model_copy(update={"cover": Cover(confidential=confidential)})
        folder = tmp_path / str(confidential)
        write_report(findings, [], folder, False, {})
        findings.write(folder)
        said = probablyexists.export(folder, markdown=True, model_card=True).notes
        assert (
            "the audit is marked as confidential, and model-card.md does not say so" in " ".join(said)
        ) is confidential
        assert ("**Confidential**" in (folder / "export" / "summary.md").read_text()) is confidential
        assert any("made to be published: ask first" in note for note in said) is confidential
    assert probablyexists.export(tmp_path / "True", markdown=True, overwrite=True).notes == ()
    (only,) = probablyexists.export(tmp_path / "True", csv=True).notes
    assert only.startswith("the audit is marked as confidential, and people.csv, samples.csv, figures.csv do not say")


def test_a_table_longer_than_a_spreadsheet_says_so(
    leak: Findings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST_ROWS", 1000)
    (note,) = probablyexists.export(folder, csv=True, out=tmp_path).notes
    assert note.startswith("samples.csv: has 1,200 rows, of which Excel and LibreOffice show the first 1,000")


def test_rows_whose_texts_are_no_text_are_refused(leak: Findings, tmp_path: Path) -> None:
    n = leak.samples.num_rows
    broken = pa.array([b"\xff\xfe"] * n).view(pa.string())
    leak.model_copy(update={"samples": leak.samples.set_column(0, "sample", broken)}).write(tmp_path)
    with pytest.raises(InputError, match=r"samples\.parquet: not the rows of findings .*UTF"):
        probablyexists.export(tmp_path, csv=True)


def test_every_figure_is_where_its_row_says(leak: Findings, folder: Path, tmp_path: Path) -> None:
    probablyexists.export(folder, csv=True, out=tmp_path)
    held = json.loads((folder / "findings.json").read_text())
    rows = rows_of(tmp_path / "figures.csv")
    for row in rows:
        at: Any = held
        for step in row["where"].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            at = at[int(key)] if isinstance(at, list) else at[key]
        if isinstance(at, dict) and "reason" in at:
            assert (row["value"], row["missing"]) == ("", at["reason"])
        elif isinstance(at, dict):
            interval = [float(row[name]) for name in ("value", "low", "high", "level", "n")]
            assert interval == [at[name] for name in ("value", "low", "high", "level", "n")]
            assert row["n_counts"] in ("people", "samples")
        else:
            assert (row["value"] or None) == (None if at is None else repr(at))
            assert bool(row["missing"]) == (at is None)
    listed = {row["where"] for row in rows}
    assert listed == set(numbers_in({name: held[name] for name in held if name not in LEFT_OUT}, ""))


LEFT_OUT = ("schema_version", "people", "samples", "signature")


def numbers_in(held: Any, where: str) -> Iterator[str]:
    """Pointers to every number and figure of findings.json, and to what is null though it could be a number."""
    if isinstance(held, dict) and ({"value", "low", "high"} <= held.keys() or {"reason", "needs"} <= held.keys()):
        yield where
    elif isinstance(held, dict | list):
        for name, one in held.items() if isinstance(held, dict) else enumerate(held):
            yield from numbers_in(one, f"{where}/{name}")
    elif where.rpartition("/")[2] in NUMBERS_OR_NULL if held is None else type(held) in (int, float):
        yield where


NUMBERS_OR_NULL = (
    *("p", "n_repeated", "n_people_given", "n_people", "n_on_frame", "n_exposed", "n_for_verdict", "n_suggestive"),
    *("group_shift", "names_shift", "smallest", "share", "smallest_auroc", "highest", "most_photos_count", "n_named"),
    *("refused", "n_certain"),
)


def test_each_figure_has_its_unit(leak: Findings) -> None:
    unit = {row.where: row.unit for row in figure_rows(leak)}
    assert {where: unit[where] for where in UNITS} == UNITS
    assert [row.where for row in figure_rows(leak) if not row.unit] == []


UNITS = {
    "/affected/n": "people",
    "/affected/n_copied": "people",
    "/copies/p": "probability, 0 to 1",
    "/sampling/curve/0/named": "people",
    "/membership/0/auroc": "AUROC, 0 to 1",
    "/membership/0/tpr_at_fpr_1_percent": "share, 0 to 1",
    "/membership/1/p": "probability, 0 to 1",
    "/split_baseline/auroc": "AUROC, 0 to 1",
    "/split_baseline/shift": "standard deviations",
    "/split_baseline/group_shift": "standard deviations",
    "/split_baseline/photo_counts": "AUROC, 0 to 1",
    "/naming/level": "share, 0 to 1",
    "/naming/n_heldout": "people",
    "/naming/p_floor": "probability, 0 to 1",
    "/naming/strata/0/photos": "photos",
    "/naming/strangers/low": "standard deviations",
    "/resemblance/threshold": "cosine, -1 to 1",
    "/resemblance/excess": "difference of shares, -1 to 1",
    "/resemblance/n_likenesses": "samples",
    "/copies/n_distinct": "pictures",
    "/copies/threshold": "correlation, -1 to 1",
    "/copies/heldout_rate": "share, 0 to 1",
    "/dose/heldout_slope": "standard deviations for each doubling of the photos",
    "/missed/power/smallest": "people",
    "/missed/power/named": "share, 0 to 1",
    "/missed/smallest_auroc": "AUROC, 0 to 1",
    "/sampling/with_face": "share, 0 to 1",
    "/sampling/unseen_rate": "share, 0 to 1",
    "/trust/0/rates/0/fmr": "share, 0 to 1",
    "/data/roles/0/n_images": "images",
    "/data/duplicates/0/correlation": "correlation, -1 to 1",
}


UNSEEN = ("\u202egnp.exe", "\u200f=1", "\u200b=1", "\ufeff=1", "a\0b", "\u2028line", "\u00a0=1")
STRANGE = (
    *(
        "NA",
        "null",
        "nan",
        "True",
        "007",
        "1e5",
        "2024-01-01",
        "- item",
        "---",
        "x: y #z",
        "*a",
        "&a",
        "%x",
        "!!python/x",
    ),
    *("O'Neill", 'a,b"c', "two\r\nlines", "李明", "محمد", "\\N", "{{7*7}}", "{% raw %}", "<!-- -->", "</td></tr>"),
)


@pytest.mark.parametrize("engine", ["c", "python"])
def test_pandas_reads_names_that_are_hostile_or_look_like_other_values(
    leak: Findings, tmp_path: Path, engine: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    names = (*HOSTILE, *UNSEEN, *STRANGE)
    assert (
        write_people(called(leak, names), tmp_path / "people.csv") == 4
    )  # "- item", "---", "- no list", "\u00a0=1" no
    read = pandas.read_csv(tmp_path / "people.csv", engine=engine, dtype={"person": str}, keep_default_na=False)
    assert [name.removeprefix("'") for name in read["person"][: len(names)]] == list(names)
    assert (len(read), read["photos"].sum()) == (leak.people.num_rows, sum(leak.people["photos"].to_pylist()))
    assert str(read["photos"].dtype) == "int64"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_markdown_is_shown_as_it_is(text: str) -> None:
    as_one = " ".join(text.split())
    assert shown(plain(text)) == as_one
    assert set(re.findall(r"<(\w+)", GITHUB.render(plain(text)))) == {"p"}
    in_code = as_one if "\n" not in text else json.dumps(text)
    rendered = GITHUB.render(table(("Person", "Text", "Last"), [[code(text), plain(text), "3"]]))
    cells = re.findall(r"<td>(.*?)</td>", rendered, re.DOTALL)
    assert [html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in cells] == [in_code, as_one, "3"]
    assert set(re.findall(r"<(\w+)", rendered)) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "@octocat" not in re.sub(r"<code>.*?</code>", "", rendered)  # GitHub tells nobody


def test_the_summary_renders_on_github_with_whole_tables(leak: Findings) -> None:
    markdown = markdown_summary(called(leak, HOSTILE[:9]))
    rendered = GITHUB.render(markdown)
    for rows in re.findall(r"<table>(.*?)</table>", rendered, re.DOTALL):
        counts = {len(re.findall(r"<t[hd]", row)) for row in re.findall(r"<tr>(.*?)</tr>", rows, re.DOTALL)}
        assert len(counts) == 1
    assert {"script", "img"}.isdisjoint(re.findall(r"<(\w+)", rendered))
    text = shown(markdown)
    assert leak.sentence in text
    assert all(name in text for name in HOSTILE[:9])
    assert "Opinion 28/2024" in text
    assert text.count("How this was checked") == len({one.source.title for one in REQUIREMENTS})


def test_the_summary_has_the_groups(leak: Findings) -> None:
    one = GroupFindings(
        group="north|east",
        n_members=100,
        n_heldout=400,
        within=True,
        auroc={"seen photos": estimate(0.7, 0.6, 0.8)},
        n_named=3,
        fmr=estimate(0.01, 0.005, 0.02),
        fnmr=estimate(0.2, 0.1, 0.3),
    )
    grouped = leak.model_copy(update={"groups": [one, one.model_copy(update={"group": "south"})]})
    text = shown(markdown_summary(grouped))
    assert "By group" in text
    assert "north|east" in text


def test_the_card_is_read_by_huggingface_hub(leak: Findings) -> None:
    card = ModelCard(model_card(leak, "faces: 1.0"))
    assert card.data.model_name == "faces: 1.0"
    read = {one.metric_name: one for one in card.data.eval_results}
    affected = read["People affected, of 240 members"]
    assert (affected.metric_value, affected.metric_args) == (leak.affected.n, {"findings": "/affected/n"})
    seen = next(m for m in leak.membership if m.level == "person")
    assert isinstance(seen.auroc, probablyexists.Estimate)
    auroc = read["AUROC, seen photos, without copies, by person"]
    assert auroc.metric_value == seen.auroc.value
    assert (auroc.metric_args["low"], auroc.metric_args["high"]) == (seen.auroc.low, seen.auroc.high)
    assert auroc.dataset_args["members"] == leak.naming.n_members
    assert read["Verdict"].metric_value == "Leak"
    assert "## Bias, Risks, and Limitations" in card.text
    assert "## Evaluation" in card.text


def test_a_card_claims_no_more_than_an_unfair_split_allows(leak: Findings) -> None:
    unfair = sample_findings(
        "inconclusive",
        naming=leak.naming.model_copy(update={"n_exposed": None, "n_for_verdict": None, "n_suggestive": None}),
    )
    card = ModelCard(model_card(unfair, None))
    assert {one.metric_type for one in card.data.eval_results} == {"verdict", "distinct_copies"}
    assert "AUROC" not in card.text
    assert "the split is not fair" in card.text


@pytest.mark.parametrize(
    "model",
    [
        *("a: b #c", "- x", "{a: b}", "!!python/object/apply:os.system [id]", "*x", "&x y", "null", "~", "yes", "1e3"),
        *("---", "...", "%TAG", "'", '"', "\\", "<script>", "| x", "> x", "@x", "`x`", "? x", "x --- y", "=1", "0x1f"),
        *("2024-01-01", "李明", "x" * 120),
    ],
)
def test_a_model_with_a_name_that_yaml_would_misread_keeps_it_in_the_card(leak: Findings, model: str) -> None:
    card = ModelCard(model_card(leak, Cover(model=model).model))
    assert card.data.model_name == model
    assert len(card.data.eval_results) > 3


@pytest.mark.parametrize("verdict", ["no evidence", "inconclusive"])
def test_a_card_without_findings_clears_nobody(verdict: Any) -> None:
    text = model_card(sample_findings(verdict), None)
    assert not re.search(r"\b(safe|private|anonym\w+|no leak|clear(s|ed))\b", text, re.IGNORECASE)
    assert "does not exclude" in text


def test_a_card_names_no_person_sample_or_path(leak: Findings) -> None:
    text = model_card(leak, None)
    told = {*leak.people["person"].to_pylist(), *leak.samples["sample"].to_pylist()}
    told |= {role.source for role in leak.data.roles}
    assert not [name for name in told if name in text]


def test_the_pdf_has_the_reports_words_pages_and_pictures_and_hostile_names(leak: Findings, tmp_path: Path) -> None:
    names = ("<b>x</b><script>alert(1)</script>", "a|b", "x: y #z", "{{7*7}}", "</td></tr>", *UNSEEN[:3])
    findings = called(leak, names)
    write_report(findings, sample_exhibits(leak)[:2], tmp_path, True, {})
    findings.write(tmp_path)
    done = probablyexists.export(tmp_path, pdf=True)
    assert done.notes == ()
    pdf = PdfReader(done.files[0])
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert 4 <= len(pdf.pages) <= 40
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Identity leakage audit: Leak"
    assert leak.sentence in text
    assert "p-value, seen photos" in text  # what a browser folds away
    assert leak.signature.data_fingerprint in text.replace(" ", "")
    assert sum(len(page.images) for page in pdf.pages) > 0
    seen = (*names[:5], "\\u202egnp.exe", "\\u200f=1", "\\u200b=1")  # what is not seen is shown as its code
    assert [name for name in seen if "".join(name.split()) not in "".join(text.split())] == []


def test_characters_that_no_font_has_are_told(leak: Findings, tmp_path: Path) -> None:
    leak.write(tmp_path)
    rare = "\N{CYPRO-MINOAN SIGN CM001}"
    (tmp_path / "report.html").write_text(f"<meta charset=utf-8><p>words<p>{rare}{rare}", "utf-8")
    (note,) = probablyexists.export(tmp_path, pdf=True).notes
    assert note.startswith(
        f"report.pdf: no font here has 1 character, so that names may be unreadable: {rare} (U+12F90); install one ("
    )


def test_drawings_in_the_pdf_have_their_colours_outlines_and_words(leak: Findings) -> None:
    page = render(leak, sample_exhibits(leak), show_faces=False)
    drawings = re.findall(r"<svg.*?</svg>", stand_alone(page), re.DOTALL)
    assert 'stroke="var(' in page
    assert "<use" in page
    assert not [one for one in drawings if "var(" in one or "<use" in one]
    outlines = [one for one in drawings if 'class="face' in one]
    assert outlines
    assert all("<ellipse" in one and 'viewBox="0 0 48 48"' in one for one in outlines)
    (words,) = set(re.findall(r">([^<]*photos: [^<]*)</text>", page))
    drawn = next(one for one in drawings if words in one)
    halo, word = re.findall(rf"<text[^>]*>{re.escape(words)}</text>", drawn)
    assert 'paint-order="stroke"' in halo
    assert "stroke" not in word


HOSTILE_PAGE = """<!doctype html><html><head><title>t</title>
<link rel="stylesheet" href="{0}"><link rel="attachment" href="{0}">
<style>@import url({0}); @font-face {{ font-family: x; src: url({0}) }} p {{ background: url({0}); font-family: x }}
li {{ list-style-image: url({0}) }} p::before {{ content: url({0}) }}</style></head>
<body background="{0}"><p>words</p><ul><li>one</li></ul><img src="{0}"><img src="x.png"><object data="{0}">o</object>
<embed src="{0}"><iframe src="{0}"></iframe><a rel="attachment" href="{0}">a</a>
<svg><image href="{0}"/><use href="{0}#a"/></svg>
<img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{0}'/></svg>">
<a href="{0}">link</a></body></html>"""


@pytest.mark.parametrize("scheme", ["file", "http", "HTTPS", "ftp"])
def test_a_hostile_page_reads_no_file_and_asks_for_nothing(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("CANARY")
    opened: list[str] = []
    sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" and WATCHING else None)
    address = secret.as_uri() if scheme == "file" else f"{scheme}://127.0.0.1:9/{secret.name}"
    WATCHING.append(True)
    try:
        pdf, refused, _ = to_pdf(HOSTILE_PAGE.format(address))
    finally:
        WATCHING.clear()
    read = PdfReader(io.BytesIO(pdf))
    assert "words" in read.pages[0].extract_text()
    assert not read.attachments
    assert b"CANARY" not in pdf
    assert [path for path in opened if "secret" in path] == []
    assert len(refused) >= 6
    assert all("secret" in one for one in refused)


WATCHING: list[bool] = []


def test_a_page_that_was_refused_something_says_so(folder: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "audit"
    hostile.mkdir()
    for name in ("findings.json", "samples.parquet"):
        (hostile / name).write_bytes((folder / name).read_bytes())
    (hostile / "report.html").write_text("<p>x<img src='file:///etc/hostname'>")
    (note,) = probablyexists.export(hostile, pdf=True).notes
    assert note == "report.pdf: the page asked for 1 files or addresses, and got none of them: file:///etc/hostname"


@pytest.mark.parametrize(("kind", "module"), [("pdf", "weasyprint"), ("model_card", "huggingface_hub")])
def test_a_missing_extra_is_one_line_and_nothing_is_written(
    kind: str, module: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=f"{module} is not installed; run: pip install"):
        probablyexists.export(folder, csv=True, out=tmp_path / "out", **{kind: True})
    assert not (tmp_path / "out").exists()


def test_a_missing_library_of_the_system_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> Any:
        raise OSError("cannot load library 'libgobject-2.0-0'")

    monkeypatch.setattr(errors.importlib, "import_module", fails)
    with pytest.raises(InputError, match=r"a library of the system is missing .*libgobject.*; install Pango") as caught:
        to_pdf("<p>")
    assert "\n" not in str(caught.value)
    assert "in a browser" in str(caught.value)


def test_an_export_is_not_replaced_unasked(folder: Path, tmp_path: Path) -> None:
    probablyexists.export(folder, markdown=True, out=tmp_path)
    (tmp_path / "summary.md").write_text("mine")
    with pytest.raises(InputError, match=r"already holds summary\.md; give another folder, or overwrite=True"):
        probablyexists.export(folder, csv=True, markdown=True, out=tmp_path)
    assert (tmp_path / "summary.md").read_text() == "mine"
    assert not (tmp_path / "people.csv").exists()
    probablyexists.export(folder, markdown=True, out=tmp_path, overwrite=True)
    assert (tmp_path / "summary.md").read_text().startswith("# Identity leakage audit: Leak")


def test_export_without_a_kind_or_an_audit_or_a_folder_is_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to export: give one or more of csv=True, markdown=True"):
        probablyexists.export(folder)
    with pytest.raises(InputError, match="give the folder of an audit"):
        probablyexists.export(tmp_path / "nowhere", csv=True)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; give a folder"):
        probablyexists.export(folder, csv=True, out=tmp_path / "file")
    (tmp_path / "bare").mkdir()
    for name in ("findings.json", "samples.parquet"):
        (tmp_path / "bare" / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(InputError, match=r"report\.html: cannot be read .*; it belongs beside findings\.json"):
        probablyexists.export(tmp_path / "bare", pdf=True)


def test_the_command_prints_what_it_wrote(folder: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["export", str(folder), "--markdown", "--model-card", "--out", str(tmp_path)])
    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [str(tmp_path / "summary.md"), str(tmp_path / "model-card.md")]


def test_a_quiet_export_says_nothing_but_its_files(leak: Findings, tmp_path: Path) -> None:
    called(leak, FORMULAS[:3]).model_copy(update={"names_shown": True}).write(tmp_path)
    for quiet in ("--quiet", "-q"):
        ran = CliRunner().invoke(app, ["export", str(tmp_path), "--csv", "--overwrite", quiet])
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert len(ran.stdout.splitlines()) == 3
    assert "apostrophe" in CliRunner().invoke(app, ["export", str(tmp_path), "--csv", "--overwrite"]).stderr


def test_the_page_for_regulators_is_made_from_the_code() -> None:
    assert (ROOT / "docs" / "regulators.md").read_text(encoding="utf-8") == regulators_page()


def test_every_passage_for_regulators_has_an_address_and_says_how_it_was_checked() -> None:
    assert {one.source.title.split(",")[0].split(" ")[0] for one in REQUIREMENTS} == {
        *("EDPB", "CNIL", "ISO/IEC", "NIST", "OWASP"),
    }
    for one in REQUIREMENTS:
        assert one.source.address.startswith("https://")
        assert re.search(r"\bread\b", one.source.checked, re.IGNORECASE)
        assert all((one.section, one.asks, one.shows, one.not_shown, one.remains))
    assert "Not checked in the document itself" in regulators_page()


@pytest.mark.parametrize("verdict", ["leak", "no evidence", "inconclusive"])
def test_the_regulators_table_draws_no_legal_conclusion(verdict: Any) -> None:
    findings = sample_findings(verdict)
    for one in REQUIREMENTS:
        said = f"{one.shows} {one.here(findings)} {one.remains}"
        assert not re.search(r"\b(complian\w*|complies|lawful|legal|satisf\w+|fulfil\w*|is anonymous)\b", said)
        assert one.here(findings).endswith((".", "?"))


def test_a_card_says_how_many_could_not_be_judged() -> None:
    """It is made to be published, and must not read milder than the report."""
    naming = sample_findings("inconclusive").naming.model_copy(update={"smallest_nameable": 10_000})
    few = sample_findings("inconclusive").model_copy(update={"naming": naming})
    rows = [row for row in few.people.to_pylist() if not row["exposed"]]
    text = model_card(few, "x")
    assert f"{len(rows):,} could not be judged by likeness, and may be affected" in text.replace("\\", "")
    assert "Do not publish samples yet" in text
    (metric,) = [one for one in ModelCard(text).data.eval_results if one.metric_type == "people_not_judged"]
    assert metric.metric_value == len(rows)


def test_the_card_of_guarded_samples_says_so(leak: Findings) -> None:
    assert "guard" not in model_card(leak, None)
    behind = leak.model_copy(update={"sampling": leak.sampling.model_copy(update={"refused": 0.1})})
    assert "of what leaves the guard, not of the generator behind it" in model_card(behind, None)


def test_the_summary_carries_title_owner_and_mark_as_the_report_does(leak: Findings) -> None:
    cover = Cover(title="Before *release*", model="GAN 2", owner="Ex <Ltd>", confidential=True)
    page = markdown_summary(leak.model_copy(update={"cover": cover})).splitlines()
    assert page[:6] == [
        "# Before \\*release\\*: Leak",
        "",
        "**Confidential**",
        "",
        "- Model: GAN 2",
        "- Owner: Ex \\<Ltd\\>",
    ]
    assert page[6] == "- Assessor: not given"
    bare = markdown_summary(leak.model_copy(update={"cover": Cover()}))
    assert bare.startswith("# Identity leakage audit: Leak\n\n- Model: not given\n- Owner: not given\n")
