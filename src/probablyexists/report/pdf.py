"""The report as PDF, by WeasyPrint: nothing is fetched and no file is read, whatever the page asks for."""

from __future__ import annotations

from typing import Any

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.text import one_line

_ADVICE = "or print report.html to PDF in a browser"


def to_pdf(html: str) -> tuple[bytes, list[str]]:
    """A page as PDF, and the addresses that it asked for and did not get; a picture in the page itself is kept.

    MissingExtraError without WeasyPrint, InputError without the system's libraries that it needs, or if it fails.
    """
    try:
        weasyprint = required("weasyprint", "pdf")
    except OSError as error:  # Pango is a library of the system
        said = f"weasyprint: a library of the system is missing ({one_line(error)}); install Pango"
        cure = "Debian and Ubuntu: apt install libpango-1.0-0 libpangoft2-1.0-0"
        raise InputError(f"{said} ({cure}), {_ADVICE}") from None
    fetcher = _only_within(weasyprint.urls.URLFetcher)
    try:
        page = weasyprint.HTML(string=html, base_url=None, url_fetcher=fetcher, media_type="print")
        return page.write_pdf(pdf_tags=True), fetcher.refused
    except Exception as error:  # a damaged page: any error of a large library
        raise InputError(f"report.html: cannot be made a PDF ({one_line(error)}); audit again, {_ADVICE}") from error


def _only_within(base: Any) -> Any:
    """A fetcher that gives pictures within the page (`data:`), and counts and refuses all else."""

    class OnlyWithin(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False)
            self.refused: list[str] = []

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.lower().startswith("data:"):
                self.refused.append(url)
            return super().fetch(url, headers)

    return OnlyWithin()
