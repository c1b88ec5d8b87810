"""Whole commands in processes of their own, on hostile people, samples, sets, caches, output folders and arguments."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_inputs import folders, onnx_models, tables, tars, torch_models, zips
from hostile_inputs.commands import OPTIONS, VALUES, arguments, whole, without_ray, words
from hostile_inputs.harm import harm, name
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from hostile_inputs.lab_files import make_lab
from hostile_inputs.pages import judged_page, judged_text, make_audit
from hostile_inputs.stored import make_store, make_tables

_PLANTERS: tuple[Callable[[Draw, Path, Any], Planted], ...] = (
    folders.plant_folder,
    zips.plant_zip,
    lambda draw, folder, world: tars.plant_tar(".tar", draw, folder, world),
    tars.plant_shards,
    tables.plant_csv,
    tables.plant_parquet,
    lambda draw, folder, world: tables.plant_columns("parquet", draw, folder, world),
    tables.plant_arrays,
    onnx_models.plant_onnx,
    torch_models.plant_pickle,
)
_FIRST = (".onnx", ".pkl", ".csv", ".parquet", ".zip", ".tar")
_COMMANDS = (
    *["audit"] * 4,
    "ask",
    "ask",
    "blind",
    "embed",
    "match",
    "split",
    "lab table",
    *["arguments"] * 2,
    "schema",
)
_SETS_OF = {"audit": ("training", "heldout", "samples"), "ask": ("training", "heldout", "samples")}
_HOW = ("names", "names", "pictures", "source", "source", "cache", "out", "nothing")
_SAME = ("verdict", "membership", "naming", "resemblance", "copies")


class _Case:
    """What a command is given; each method makes one part of it hostile and says how."""

    def __init__(self, draw: Draw, folder: Path, world: Any) -> None:
        self.draw, self.folder, self.world = draw, folder, world
        self.base: Path = world.base / "audit"
        self.out, self.cache = folder / "out", world.root / "cache"
        if not (self.cache / "embeddings").exists():
            shutil.copytree(self.base / "cache", self.cache, dirs_exist_ok=True)
        self.places = {key: self.base / key for key in ("training", "heldout", "samples", "reference")}
        self.command = str(pick(draw, _COMMANDS))
        self.how = str(pick(draw, _HOW))
        sets = ("reference", "samples") if self.command == "blind" else _SETS_OF.get(self.command, ("training",))
        self.which = str(pick(draw, sets))

    def prepare(self) -> str:
        makers = {"names": self._names, "pictures": self._pictures, "source": self._source, "cache": self._cache}
        made = {**makers, "out": self._out}.get(self.how)
        return "nothing odd" if made is None else made()

    def _names(self) -> str:
        source, at = self.places[self.which], self.folder / "given"
        at.mkdir()
        for path in sorted(source.iterdir()):
            odd = name(self.draw, on_disk=True) + path.name[-8:] if chance(self.draw, 0.35) else path.name
            if path.is_dir():
                shutil.copytree(path, at / odd, dirs_exist_ok=True)
            else:
                (at / odd).write_bytes(path.read_bytes())
        self.places[self.which] = at
        return f"{self.which} with odd names"

    def _pictures(self) -> str:
        at = self.folder / "given"
        shutil.copytree(self.places[self.which], at)
        for path in sorted(at.rglob("*.png")):
            if chance(self.draw, 0.5):
                path.write_bytes(harm(self.draw, path.read_bytes())[0])
        self.places[self.which] = at
        return f"damaged pictures in {self.which}"

    def _source(self) -> str:
        at = self.folder / "hostile"
        at.mkdir()
        planted = pick(self.draw, _PLANTERS)(self.draw, at, self.world)
        self.places[self.which] = min(sorted(at.iterdir()), key=lambda path: path.suffix not in _FIRST)
        return f"{self.which}: {planted.note}"

    def _cache(self) -> str:
        self.cache = self.folder / "cache"
        if chance(self.draw, 0.2):
            self.cache.write_text("a file")
            return "the cache is a file"
        shutil.copytree(self.base / "cache", self.cache)
        path = pick(self.draw, sorted(path for path in self.cache.rglob("*") if path.is_file()))
        data, said = harm(self.draw, path.read_bytes())
        path.write_bytes(data)
        return f"cache: {path.name[:20]}{path.suffix} {said}"

    def _out(self) -> str:
        kind = pick(self.draw, ("file", "fifo", "findings", "link", "folder called so", "pipe inside"))
        if kind == "file":
            self.out.write_text("x")
        elif kind == "fifo":
            os.mkfifo(self.out)
        elif kind == "link":
            self.out.symlink_to("nowhere/at/all")
        else:
            self.out.mkdir()
            if kind == "findings":
                data = (self.base / "findings.json").read_bytes()
                (self.out / "findings.json").write_bytes(harm(self.draw, data)[0])
            elif kind == "pipe inside":
                os.mkfifo(self.out / "report.html")
            else:
                (self.out / "report.html").mkdir()
        return f"out: {kind}"

    def argv(self) -> list[str]:
        draw, out, tables_at = self.draw, str(self.out), self.world.base / "tables"
        t, h, s, r = (str(self.places[key]) for key in ("training", "heldout", "samples", "reference"))
        common = ["--faces", "aligned", "--threads", "1", *(["-q"] if chance(draw, 0.8) else [])]
        common += ["--json"] if chance(draw, 0.15) else []
        again = ["--overwrite"] if chance(draw, 0.3) else []
        shown = ["--show-names"] if chance(draw, 0.6) else []
        lab = self.world.base / "lab"
        made = {
            "audit": ["--training", t, "--heldout", h, "--generated", s, "--out", out, *common, *again, *shown],
            "ask": [*self._photos(), "--reference", h, "--generated", s, "--out", out, *common, *again],
            "blind": ["--reference", r, "--generated", s, "--out", out, *common, *again],
            "embed": [t, "--out", out, *common],
            "match": [str(self.folder / "q"), str(tables_at / "references"), "--out", out],
            "split": [t, "--out", str(self.folder / "split.csv")],
            "lab table": [str(lab / "small.toml"), "--out", str(lab / "out")],
            "schema": [str(pick(draw, ("findings", "sheet", "frequent", *VALUES[:20])))],
        }
        if self.command == "match":
            self._damage_queries(tables_at / "queries")
        if self.command == "arguments":
            given = str(pick(draw, tuple(key for key in OPTIONS if key != "demo")))
            existing = (t, h, s, out, "1", "2")
            argv = arguments(draw, given, lambda: str(pick(draw, existing)))
            return without_ray([*argv, "--device", "nothing"] if given in ("lab train", "lab run") else argv)
        argv = [*self.command.split(), *made[self.command]]
        if chance(draw, 0.1):
            option = pick(draw, ("--level", "--seed", "--threads", "--memory", "--samples", "-k"))
            argv += [str(option), str(pick(draw, VALUES))]
        return argv

    def _photos(self) -> list[str]:
        """One person's photos, or the hostile set as a whole."""
        at = self.places["training"]
        people = sorted(path for path in at.iterdir() if path.is_dir()) if at.is_dir() and self.how != "source" else []
        return [str(path) for path in sorted(people[0].iterdir())[:3]] if people else [str(at)]

    def _damage_queries(self, source: Path) -> None:
        shutil.copytree(source, self.folder / "q")
        path = pick(self.draw, sorted((self.folder / "q").iterdir()))
        path.write_bytes(harm(self.draw, path.read_bytes())[0])


def plant_whole(draw: Draw, folder: Path, world: Any) -> Planted:
    case = _Case(draw, folder, world)
    note = case.prepare()
    argv = case.argv()
    whole_inputs = case.command == "audit" and case.how in ("cache", "nothing", "out")
    clean = json.loads((case.base / "findings.json").read_text())

    def read() -> str:
        said = whole(argv, folder, case.cache)
        if case.out.is_dir():
            for page in filter(Path.is_file, case.out.glob("*.html")):
                judged_page(page.read_text("utf-8"), page.name)
            for listed in filter(Path.is_file, case.out.glob("withhold.txt")):
                judged_text(listed.read_text("utf-8"), "withhold.txt")
        return said

    def check(_: str) -> str | None:
        if not whole_inputs or {"--level", "--seed", "--samples", "--show-names"} & set(argv):
            return None
        got = json.loads((case.out / "findings.json").read_text())
        other = [key for key in _SAME if got[key] != clean[key]]
        return f"other {', '.join(other)} than from whole inputs" if other else None

    return Planted(f"{note}: {words(argv)}"[:400], read, check, follows_paths=True, starts_programs=True)


def _heavy(world: Any) -> None:
    for key, make in (("audit", make_audit), ("tables", make_tables), ("lab", make_lab), ("store", make_store)):
        world.made(key, make)


KINDS = (
    Kind(
        "whole commands",
        "writing",
        plant_whole,
        oracle="the same findings, if only cache or out is damaged",
        whole=True,
        heavy=_heavy,
        suite=False,
    ),
)
