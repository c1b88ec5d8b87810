"""An audit for others: tables for a spreadsheet, a page in Markdown, a model card, the report as PDF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from probablyexists.basis.errors import InputError, WriteError, option, required
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.owner_only import make_folder
from probablyexists.basis.plain_files import MOST_RESULT, read_plain
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import shown
from probablyexists.report.csv_tables import write_figures, write_people, write_samples
from probablyexists.report.markdown_summary import markdown_summary
from probablyexists.report.model_card import model_card as card
from probablyexists.report.pdf import to_pdf
from probablyexists.report.review_texts import with_reviews
from probablyexists.results.findings import Findings
from probablyexists.tasks.review import reviews_of

FOLDER = "export"
"""The folder in the audit's own that is written to if no other is given."""
MOST_ROWS = 2**20 - 1
"""Rows below the heads of a table that a spreadsheet shows."""
_FILES: Mapping[str, tuple[str, ...]] = {
    "csv": ("people.csv", "samples.csv", "figures.csv"),
    "markdown": ("summary.md",),
    "model_card": ("model-card.md",),
    "pdf": ("report.pdf",),
}
_TABLES: Mapping[str, Callable[[Findings, Path], int]] = {
    "people.csv": write_people,
    "samples.csv": write_samples,
    "figures.csv": write_figures,
}


@dataclass(frozen=True)
class Exported:
    """What was written, and what there is to say of it."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    """What was changed or left out, a line each."""


def export(
    audit: str | Path,
    *,
    csv: bool = False,
    markdown: bool = False,
    model_card: bool = False,
    pdf: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write an audit's findings in other formats.

    Parameters
    ----------
    audit
        The folder of an audit, or its `findings.json`; `samples.parquet` is beside it and, for `pdf`, `report.html`.
    csv
        `people.csv`, `samples.csv` and `figures.csv`, for Excel, LibreOffice, pandas or R.
    markdown
        `summary.md`: the findings for GitHub, what they say to regulators, and what people said in blind reviews.
    model_card
        `model-card.md`: sections and metadata for a Hugging Face model card; names nobody. Needs huggingface_hub.
    pdf
        `report.pdf`: the report as it is printed, with blind reviews that have ended. Needs WeasyPrint.
    out
        Folder for them; default: `export` in the audit's folder. `overwrite` replaces earlier ones in it.

    Raises
    ------
    InputError
        One line, if nothing was asked for, the audit cannot be read, or the folder holds such files already.
    """
    asked = {"csv": csv, "markdown": markdown, "model_card": model_card, "pdf": pdf}
    kinds = [kind for kind, wanted in asked.items() if wanted]
    if not kinds:
        raise InputError(f"nothing to export: give one or more of {', '.join(option(kind, True) for kind in asked)}")
    findings = Findings.read(audit)
    folder = Path(audit) if Path(audit).is_dir() else Path(audit).parent
    place = folder / FOLDER if out is None else Path(out)
    names = [name for kind in kinds for name in _FILES[kind]]
    _claim(place, names, overwrite=overwrite)
    if model_card:
        required("huggingface_hub", "hub")  # before anything is written
    pages: dict[str, bytes | str] = {}
    reviews, notes = reviews_of(folder, findings) if markdown or pdf else ([], [])
    if pdf:
        printed = to_pdf(with_reviews(_report_of(folder), reviews))
        pages["report.pdf"] = printed.data
        notes += [*_refused(printed.refused), *_boxes(printed.boxes)]
    if findings.names_shown and kinds != ["model_card"]:
        notes.append("people are given by name, as in the audit: show these files only to those who may know")
    notes += _unmarked(findings, names)
    if markdown:
        pages["summary.md"] = markdown_summary(findings, reviews)
    if model_card:
        pages["model-card.md"] = card(findings, findings.cover.model)
        if not findings.cover.model:
            notes.append("model-card.md: the audit was not told the model's name; write it, or audit with --model NAME")
    try:
        make_folder(place)
    except OSError as error:
        raise WriteError(place, error, "give another folder") from error
    for name in names:
        if name in _TABLES:
            notes += _harmless(name, _TABLES[name](findings, place / name))
            notes += _too_long(findings) if name == "samples.csv" else []
        else:
            _write(place / name, pages[name])
    return Exported(tuple(place / name for name in names), tuple(notes))


def say_what_is_left(audit: Path, progress: Progress) -> None:
    """Say, once an audit has been written to this folder, that exports in it are of an earlier one.

    They are not deleted, as people edit them, a model card most of all.
    """
    place = audit / FOLDER
    if there := [name for names in _FILES.values() for name in names if (place / name).exists()]:
        left = f"still holds what was exported from an earlier audit ({', '.join(there)})"
        progress.say(f"{shown(place)}: {left}; export again in its place, or delete it")


def _unmarked(findings: Findings, names: list[str]) -> list[str]:
    """Files of a confidential audit that do not carry its mark, as the report, the PDF and the summary do."""
    bare = [name for name in names if name not in ("report.pdf", "summary.md")]
    if not findings.cover.confidential or not bare:
        return []
    public = "; a model card is made to be published: ask first" if "model-card.md" in bare else ""
    say = "does not say so" if len(bare) == 1 else "do not say so"
    return [f"the audit is marked as confidential, and {', '.join(bare)} {say}{public}"]


def _claim(place: Path, names: list[str], *, overwrite: bool) -> None:
    """InputError if the folder is none, or holds what would be replaced without `overwrite`."""
    if place.exists() and not place.is_dir():
        raise InputError(f"{option('out', place)}: is a file; give a folder")
    there = [name for name in names if (place / name).exists()]
    if there and not overwrite:
        raise InputError(
            f"{option('out', place)}: already holds {', '.join(there)}; give another folder, or "
            f"{option('overwrite', True)} to replace them"
        )


def _report_of(folder: Path) -> str:
    path = folder / "report.html"
    try:
        return read_plain(path, MOST_RESULT).decode("utf-8", errors="replace")
    except OSError as error:
        said = f"cannot be read ({error.strerror}); it belongs beside findings.json: copy both, or audit again"
        raise InputError(f"{shown(path)}: {said}") from error


def _refused(addresses: list[str]) -> list[str]:
    if not addresses:
        return []
    first = shown(addresses[0][:80])
    return [f"report.pdf: the page asked for {len(addresses):,} files or addresses, and got none of them: {first}"]


def _boxes(characters: list[str]) -> list[str]:
    if not characters:
        return []
    n = "1 character" if len(characters) == 1 else f"{len(characters):,} characters"
    such = ", ".join(f"{shown(one)} (U+{ord(one):04X})" for one in characters[:3])
    cure = "install one (Debian and Ubuntu: fonts-noto-core, fonts-noto-cjk), and export again"
    return [f"report.pdf: no font here has {n}, so that names may be unreadable: {such}; {cure}"]


def _harmless(name: str, n: int) -> list[str]:
    cells = "1 cell holds" if n == 1 else f"{n:,} cells hold"
    return [f"{name}: {cells} text that a spreadsheet may take for a formula; an apostrophe is before it"] if n else []


def _too_long(findings: Findings) -> list[str]:
    n = findings.samples.num_rows
    cut = f"samples.csv: has {n:,} rows, of which Excel and LibreOffice show the first {MOST_ROWS:,}"
    return [f"{cut}; all are in the file"] if n > MOST_ROWS else []


def _write(path: Path, content: bytes | str) -> None:
    if isinstance(content, str):
        write_text(path, content)
        return
    with written_whole(path) as aside:
        aside.write_bytes(content)
