"""Findings read again, and names that become markup in pages or act on a terminal."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import LIVE, harm, json_with, name
from hostile_inputs.judge import NotOurs, raw
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick


def make_audit(folder: Path) -> None:
    """A small audit, a sheet and frequent faces; and the photos that they are of."""
    import probablyexists
    from probablyexists.drawn.population import write_population

    write_population(folder / "training", range(8), range(2))
    write_population(folder / "heldout", range(8, 32), range(2))
    write_population(folder / "reference", range(100, 152), range(1))
    write_population(folder / "samples", [*range(4), *range(60, 72)], range(7, 8))
    (folder / "samples" / "copy.png").write_bytes((folder / "training" / "person-0005" / "001.png").read_bytes())
    for path in sorted((folder / "samples").glob("*/*.png")):
        path.rename(folder / "samples" / f"{path.parent.name}.png")
        path.parent.rmdir()
    common: Any = {"cache": folder / "cache", "faces": "aligned", "threads": 1}
    probablyexists.audit(folder / "training", folder / "heldout", folder / "samples", out=folder / "out", **common)
    probablyexists.ask(
        folder / "training" / "person-0001", folder / "samples", folder / "heldout", out=folder / "sheet", **common
    )
    probablyexists.blind(folder / "samples", folder / "reference", out=folder / "frequent", **common)
    results = ("out/findings.json", "out/samples.parquet", "sheet/sheet.json", "frequent/frequent.json")
    for result in results:
        shutil.copy(folder / result, folder)


def plant_findings(draw: Draw, folder: Path, world: Any) -> Planted:
    from probablyexists import Findings

    audit = world.base / "audit"
    text, rows = ((audit / name).read_bytes() for name in ("findings.json", "samples.parquet"))
    at = folder / "findings.json"
    whole = json.loads(text)
    data = text
    if chance(draw, 0.3):
        rows, note = harm(draw, rows)
        if chance(draw, 0.5):
            said = {**whole["samples"], "sha256": hashlib.sha256(rows).hexdigest()}
            data, note = json.dumps({**whole, "samples": said}).encode(), f"rows {note}, and their checksum"
        else:
            note = f"rows {note}"
    elif chance(draw, 0.4):
        data, note = harm(draw, text)
    else:
        data, note = json_with(draw, whole)
    at.write_bytes(data)
    if not chance(draw, 0.05):
        (folder / "samples.parquet").write_bytes(rows)
    odd = pick(draw, ("", *[""] * 15, "fifo", "folder", "gone", "sparse", "link"))
    if odd:
        at.unlink()
        if odd == "fifo":
            os.mkfifo(at)
        elif odd == "folder":
            at.mkdir()
        elif odd == "sparse":
            at.touch()
            os.truncate(at, 20 << 30)
        elif odd == "link":
            at.symlink_to("/dev/zero")

    def read() -> Any:
        found = Findings.read(at)
        repr(found)
        again = folder.parent / "out"
        try:
            found.write(again)
        except ValueError as error:
            if "not finite" in str(error):  # documented
                return None
            raise
        return (again / "findings.json").read_bytes()

    def check(got: Any) -> str | None:
        if note.startswith("cut to") and got is not None and json.loads(got) != whole:
            return "other findings from a file that ends early"
        return None

    return Planted(f"{note} {odd}".strip(), read, check, follows_paths=bool(odd))


class Page(HTMLParser):
    """What of a page is markup: planted tags, attributes that run code, and what is loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.live: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            runs = key.startswith("on") or (value or "").strip().lower().startswith("javascript:")
            loads = key in ("src", "href", "data", "action") and not (value or "").startswith(("data:", "#"))
            if value == LIVE or runs or (loads and tag != "a"):
                self.live.append(f"<{tag} {key}={value!r:.40}>")


def judged_page(text: str, where: str) -> None:
    """Raise NotOurs for live markup in a page."""
    live = Page(text).live
    if live:
        raise NotOurs("escaped", f"live markup in {where}", " ".join(live[:5]))


def judged_text(text: str, where: str) -> None:
    """Raise NotOurs for control characters in what goes to the terminal or into a list."""
    for line in text.split("\n"):
        if odd := raw(line.replace("\t", " ")):
            raise NotOurs("escaped", f"control characters in {where}", f"{odd}: {line!a:.200}")


_NAMED = ("person", "group", "nearest", "sample", "samples", "copy_of", "photo", "photos", "source", "path")
"""Keys whose texts come from the user's files."""


def _renamed(draw: Draw, value: Any, key: str = "") -> Any:
    """The same result with hostile names in the places of names."""
    if isinstance(value, dict):
        return {k: _renamed(draw, v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(draw, v, key) for v in value]
    if isinstance(value, str) and key in _NAMED and chance(draw, 0.5):
        return name(draw).replace("\udc80\udcff", "\\udc80")
    return value


def plant_page(draw: Draw, _: Path, world: Any) -> Planted:
    from probablyexists.cli.summary import frequent_summary, sheet_summary, summary
    from probablyexists.report.page import render, withheld
    from probablyexists.report.sheet_page import render_frequent, render_sheet
    from probablyexists.results.findings import Findings
    from probablyexists.results.frequent import FrequentFaces
    from probablyexists.results.sheet import Sheet

    there = [which for which in ("findings", "sheet", "frequent") if (world.base / "audit" / f"{which}.json").exists()]
    which = str(pick(draw, there))
    its = json.loads((world.base / "audit" / f"{which}.json").read_text())
    if which == "findings":
        its["samples"] = Findings.read(world.base / "audit").samples.to_pylist()
    renamed = json.dumps(_renamed(draw, its))
    picture = np.zeros((32, 32, 3), np.uint8)

    def read() -> str:
        if which == "findings":
            try:
                found = Findings.model_validate_json(renamed)
            except ValueError as error:
                raise NotRead(str(error)) from None
            judged_page(render(found, [], False), "report.html")
            judged_text(summary(found, Path("out")), "the summary")
            judged_text("\n".join(withheld(found)), "withhold.txt")
        elif which == "sheet":
            try:
                sheet = Sheet.model_validate_json(renamed)
            except ValueError as error:
                raise NotRead(str(error)) from None
            samples = {near.sample: picture for near in sheet.nearest}
            judged_page(render_sheet(sheet, [picture], samples, False), "sheet.html")
            judged_text(sheet_summary(sheet, Path("out")), "the sheet's summary")
        else:
            try:
                frequent = FrequentFaces.model_validate_json(renamed)
            except ValueError as error:
                raise NotRead(str(error)) from None
            samples = {sample: picture for face in frequent.faces for sample in face.samples}
            judged_page(render_frequent(frequent, samples, False), "frequent.html")
            judged_text(frequent_summary(frequent, Path("out")), "the summary of frequent faces")
        return which

    return Planted(f"{which} with odd names", read)


def NotRead(text: str) -> Exception:
    from probablyexists.basis.errors import InputError

    return InputError(" ".join(text.split())[:200].encode("ascii", "backslashreplace").decode())


def _audit(world: Any) -> object:
    return world.made("audit", make_audit)


KINDS = (
    Kind("findings.json", "answers", plant_findings, 1.0, "the same findings, if it was cut off", heavy=_audit),
    Kind("names in pages", "answers", plant_page, 1.0, heavy=_audit),
)
