"""`probablyexists export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    audit: Annotated[Path, typer.Argument(help="Folder of an audit.")],
    csv: Annotated[bool, typer.Option("--csv", help="people.csv, samples.csv and figures.csv.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="summary.md, for GitHub.")] = False,
    model_card: Annotated[
        bool, typer.Option("--model-card", help="model-card.md, for Hugging Face; names nobody.")
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="report.pdf, the report as it is printed.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for them; default: export in the audit's folder.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier ones in the folder.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no notes on stderr.")] = False,
) -> None:
    """Write an audit's findings for a spreadsheet, GitHub, Hugging Face, or paper.

        probablyexists export audit/ --csv --markdown

        probablyexists export audit/ --pdf --out dossier/

    Tables are comma-separated, in UTF-8 with a byte order mark: Excel and
    LibreOffice open them as they are where a comma separates cells; where a
    semicolon does, use Data > From Text/CSV. Cells that would be formulas
    begin with an apostrophe. Every file but model-card.md is about people:
    keep it as confidential as the audit. --pdf needs WeasyPrint,
    --model-card huggingface_hub.

    Exit code: 0 done; 2 bad input, 3 a failure of the program.
    """
    from probablyexists.tasks.export import export as run

    done = run(audit, csv=csv, markdown=markdown, model_card=model_card, pdf=pdf, out=out, overwrite=overwrite)
    for note in () if quiet else done.notes:
        typer.echo(note, err=True)
    for path in done.files:
        typer.echo(path)
