"""Two audits compared on the page."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import probablyexists
from drawn_world import World, save
from probablyexists.basis.errors import InputError
from probablyexists.showing.compare_page import Comparing
from shown_page import Page, audit_of, form_of, served

SOON = 60.0


@pytest.fixture(scope="module")
def audit(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audit_of(world, tmp_path_factory)


@pytest.fixture(scope="module")
def later(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of the same people with fresh samples, which are gone now."""
    folder = tmp_path_factory.mktemp("later")
    for i in range(30):
        save(folder / "samples" / f"s{i:03d}.jpg", 2000 + i, 0)
    probablyexists.audit(world.training, world.heldout, folder / "samples", unseen=world.unseen, out=folder / "audit")
    shutil.rmtree(folder / "samples")
    return folder / "audit"


@pytest.fixture(scope="module")
def page(audit: Path, later: Path) -> Iterator[Page]:
    with served(later, "--compare", str(audit), "-q") as page:
        yield page


def test_another_audit_is_compared_once_and_nothing_is_written(page: Page, audit: Path, later: Path) -> None:
    status, _, body = page.ask("compare")
    assert status == 200
    text = body.decode()
    assert text.index(str(audit)) < text.index(str(later))
    end = time.monotonic() + SOON
    while (state := json.loads(page.ask("compare/state")[2]))["state"] == "working":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert state["state"] == "done"
    assert state["sentence"].endswith("may still be in the model.")
    status, headers, html = page.ask("compare/page")
    assert status == 200
    assert "frame-ancestors 'self'; sandbox" in headers["content-security-policy"]
    assert b"may still be in the model." in html
    assert b"Compare</a>" in page.ask("")[2]
    assert not list(later.glob("comparison.*")) + list(audit.glob("comparison.*"))


def test_where_nothing_can_be_asked_the_page_says_why(page: Page, later: Path) -> None:
    said = f"The samples are no longer where the audit read them ({later.parent / 'samples'})."
    html = page.ask("ask")[2].decode()
    assert said in html
    assert "<form" not in html
    body, kind = form_of(("me.jpg", b"x"))
    status, _, refused = page.ask("ask", "POST", body, Origin=page.origin, Content_Type=kind)
    assert status == 409
    assert json.loads(refused)["error"].startswith(said)


def test_audits_that_cannot_be_compared_are_one_line(audit: Path, tmp_path: Path) -> None:
    comparing = Comparing(audit, shutil.copytree(audit, tmp_path / "again"))
    end = time.monotonic() + SOON
    while not comparing.task.over:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert comparing.task.facts is None
    assert "samples of the second audit are in the first too" in str(comparing.task.error)


def test_a_folder_to_compare_with_that_is_no_audit_is_one_line(audit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"findings\.json"):
        probablyexists.show(audit, compare=tmp_path, browse=False)
