"""Experiments as TOML: a grid of set x procedure x people x photos x dose x seed, as a list of runs."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError
from probablyexists.basis.plain_files import toml_table
from probablyexists.basis.text import shown
from probablyexists.lab.design import Design
from probablyexists.lab.procedures import procedure
from probablyexists.lab.training import Training

GRID_KEYS = ("set", "procedure", "people", "photos", "images", "size", "augment", "truth", "treat", "seed")
"""Keys of a [[grid]] that may be lists; every combination is a run."""


class Run(BaseModel):
    """One generator: who it is trained on, how, and how many samples the audit draws."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    """The name of its [[grid]]."""
    set: str
    design: Design
    training: Training
    samples: int = Field(default=4000, ge=100)
    snapshot_samples: int = Field(default=1000, ge=100)
    """Drawn from each snapshot, for the curve against training time."""
    guard: float | None = Field(default=None, gt=0, lt=1)
    """Share of strangers' photos that a guard may refuse; what it refuses of the final generator's is drawn again."""

    @property
    def seed(self) -> int:
        """Of the split, the weights, the batches and the samples."""
        return self.training.seed

    @property
    def id(self) -> str:
        """A name with a hash of everything that decides the result; the part does not."""
        given = {**self.model_dump(mode="json", exclude={"part"}), "training": self.training.named()}
        # These are younger than the first results, whose names stay.
        for key in ("near", "treat", "cap", "people_seed"):
            if given["design"][key] == Design.model_fields[key].default:
                del given["design"][key]
        if self.guard is None:
            del given["guard"]
        settings = json.dumps(given, sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:10]
        of_set = "".join(c if c.isalnum() else "-" for c in Path(self.set).name)[:24]
        return f"{of_set}-{self.training.procedure}-{self.design.people}x{self.design.photos}-{digest}"


class Experiment(BaseModel):
    """A file of runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str = ""
    runs: tuple[Run, ...]


def read_experiment(path: Path) -> Experiment:
    """The runs of a TOML file, in its order.

    `again` in a table: the same people and photos as with this seed, but weights, batches and samples of a new one.

    Top level: `name`, `about`, [defaults], [procedures.NAME] (settings of one procedure) and [[grid]] tables. A grid's
    value is used before its procedure's, and that before the default. Raises InputError, naming the table and the key.
    """
    given = toml_table(path, shown(path))
    if unknown := sorted(set(given) - {"name", "about", "defaults", "procedures", "grid"}):
        raise InputError(f"{shown(path)}: unknown table {unknown[0]!r}; known are defaults, procedures and grid")
    grids = given.get("grid", [])
    if not grids:
        raise InputError(f"{shown(path)}: holds no [[grid]]; add one with set, procedure and people")
    for name in given.get("procedures", {}):
        procedure(name)
    runs = []
    for number, grid in enumerate(grids, start=1):
        try:
            runs += _spelled_out(grid, given.get("defaults", {}), given.get("procedures", {}), f"grid-{number}")
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "?"
            said = first["msg"].removeprefix("Value error, ")
            raise InputError(f"{shown(path)}: [[grid]] {number}, {shown(key)}: {said}") from None
        except InputError as error:
            raise InputError(f"{shown(path)}: [[grid]] {number}: {shown(error)}") from None
    if twice := [run.id for run in runs if sum(other.id == run.id for other in runs) > 1]:
        raise InputError(f"{shown(path)}: contains {twice[0]} twice; change its seed or delete one")
    return Experiment(name=str(given.get("name", path.stem)), about=str(given.get("about", "")), runs=tuple(runs))


def _spelled_out(
    grid: Mapping[str, Any], defaults: Mapping[str, Any], procedures: Mapping[str, Mapping[str, Any]], name: str
) -> list[Run]:
    axes = [key for key in GRID_KEYS if isinstance(grid.get(key), list)]
    runs = []
    for values in itertools.product(*(grid[key] for key in axes)):
        chosen = {**grid, **dict(zip(axes, values, strict=True))}
        flat = {**defaults, **procedures.get(str(chosen.get("procedure")), {}), **chosen}
        if missing := [key for key in ("set", "procedure", "people") if key not in flat]:
            raise InputError(f"{missing[0]} is missing")
        procedure(str(flat["procedure"]))
        if again := flat.pop("again", 0):
            flat |= {"people_seed": flat.get("seed", 0), "seed": flat.get("seed", 0) + 1000 * again}
        design = {key: flat.pop(key) for key in list(flat) if key in Design.model_fields}
        training = {key: flat.pop(key) for key in list(flat) if key in Training.model_fields}
        runs.append(Run.model_validate({"part": name, "design": design, "training": training, **flat}))
    return runs
