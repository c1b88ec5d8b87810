"""The pages on the method: every statistic has its five parts and an example that the code agrees with."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import get_args

import pytest

from probablyexists.results import comparison, findings

ROOT = Path(__file__).parent.parent
METHOD = ROOT / "docs" / "method"
PAGES = sorted(METHOD.glob("*.md"))
PARTS = ("**Question.**", "**Formula.**", "**Needs.**", "**Breaks it.**", "**Source.**")
WRITTEN = [*PAGES, ROOT / "docs" / "glossary.md", ROOT / "docs" / "tutorial.md"]
WRITTEN += [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]


def examples(page: Path) -> doctest.DocTest:
    """The ```pycon blocks of a page as one session; all other lines are blank, so that line numbers stay."""
    lines, inside = [], False
    for line in page.read_text().splitlines():
        fence = line.startswith("```")
        inside = line == "```pycon" if fence else inside
        lines.append(line if inside and not fence else "")
    return doctest.DocTestParser().get_doctest("\n".join(lines) + "\n", {}, page.stem, str(page), 0)


def statistics(page: Path) -> list[tuple[str, str]]:
    """(heading, text) of each section of a page."""
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


STATISTICS = [(page, heading, text) for page in PAGES if page.stem != "index" for heading, text in statistics(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_worked_examples_are_what_the_code_gives(page: Path) -> None:
    held = examples(page)
    assert held.examples, "no example"
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(held, out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize(
    ("page", "heading", "text"), STATISTICS, ids=[f"{page.stem}-{heading}" for page, heading, _ in STATISTICS]
)
def test_each_statistic_says_what_it_asks_needs_and_rests_on(page: Path, heading: str, text: str) -> None:
    at = [text.find(part) for part in PARTS]
    assert min(at) >= 0, f"{page.name}, {heading}: no {PARTS[at.index(-1)]}"
    assert at == sorted(at), f"{page.name}, {heading}: parts in another order"
    assert "```pycon\n>>> " in text, f"{page.name}, {heading}: no example"


def test_the_first_page_leads_to_every_other() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (METHOD / "index.md").read_text()))
    assert linked == {page.name for page in PAGES} - {"index.md"}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    """A link of the site's pages stays within docs/: nothing else is on the site."""
    within = ROOT if page.parent == ROOT else ROOT / "docs"
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        there = (page.parent / target).resolve()
        assert there.exists(), target
        assert there.is_relative_to(within), target


def glossary() -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert rows[0] == ("word", "meaning")
    words = [word for word, _ in rows[1:]]
    assert len(set(words)) == len(words)
    assert words == sorted(words, key=str.casefold)
    return dict(rows[1:])


def test_the_glossary_explains_each_word_in_one_sentence() -> None:
    for word, meaning in glossary().items():
        assert re.fullmatch(r"[A-Z][^.!?]*(?:\.(?:json|\d)[^.!?]*)*\.", meaning), f"{word}: not one sentence"


def test_the_glossary_has_the_words_of_the_results() -> None:
    words = set(glossary())
    said = {*get_args(findings.Verdict), *get_args(comparison.Verdict), *get_args(findings.Kind)} - {"none"}
    said |= {*get_args(findings.Fairness)} - {"fair", "not fair"}
    said |= {"p", "q", "exposure", "affected", "named", "template", "split baseline", "member", "held-out person"}
    said |= {"seen photo", "unseen photo", "sample", "reference people", "FMR", "FNMR", "AUROC", "guard", "recogniser"}
    assert said <= words, said - words
