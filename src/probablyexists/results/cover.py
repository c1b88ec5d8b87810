"""What the people in charge say about an audit, for the first page of its report; nothing of it is checked."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from probablyexists.basis.text import on_one_line

LONGEST_LINE: Final = 120
"""Characters of a line, at most."""


def cover_line(text: str | None) -> str | None:
    """The line as it is shown. ValueError as `basis.text.on_one_line`."""
    return None if text is None else on_one_line(text, LONGEST_LINE)


CoverLine = Annotated[str | None, AfterValidator(cover_line)]


class Cover(BaseModel):
    """What the people in charge say about an audit, for the first page of the report. Nothing here is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: CoverLine = None
    """Title of the report; null if not given."""
    model: CoverLine = None
    """The generator and its version; null if not given."""
    owner: CoverLine = None
    """Who answers for the generator; null if not given."""
    assessor: CoverLine = None
    """Who made the audit; null if not given."""
    confidential: bool = False
    """Whether each page is marked as confidential."""
