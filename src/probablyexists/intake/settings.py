"""What an audit is asked to do: typed, checked before anything is read, and written beside the result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError

Checked = TypeVar("Checked", bound="Common")


def default_cache() -> Path:
    """Where graphs and embeddings are kept: $PROBABLYEXISTS_CACHE, else the user's cache folder."""
    chosen = os.environ.get("PROBABLYEXISTS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "probablyexists"


class Common(BaseModel):
    """What every question about a generator has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generated: Path
    """Images, or a generator; `module:function` is one too."""
    out: Path | None = None
    faces: Literal["auto", "detect", "aligned"] = "auto"
    recogniser: str = "dlib"
    seed: int = 0
    threads: int | None = Field(default=None, ge=1)
    """None: all cores. Changes nothing but the time."""
    show_faces: bool = False
    samples: int | None = Field(default=None, ge=1)
    """How many pictures to draw from a generator; None: 10,000, or where `generated` is images, all of them."""
    trust_pickle: bool = False
    """Open a generator whose file runs code when it is opened."""
    cache: Path = Field(default_factory=default_cache)
    memory: float = Field(default=2.0, gt=0.0)
    """GiB that matching may use, beside the tables. Changes nothing but the time."""
    engine: Literal["local", "ray"] = "local"
    """Who embeds and matches: this machine, or a Ray cluster. Changes nothing but the time."""
    ray_address: str | None = None
    """Of a cluster that runs; None: a local one."""


class Settings(Common):
    """The arguments of `probablyexists audit`."""

    training: Path
    heldout: Path
    unseen: Path | None = None
    reference: Path | None = None
    """Photos of yet other people, for attacks that learn from them."""
    more_attacks: tuple[str, ...] = ()
    """Tried beside the nearest sample; that the best of several is believed is paid for."""
    more_recognisers: tuple[str, ...] = ()
    """Asked beside `recogniser`; people are named where all agree."""
    level: float = Field(default=0.05, gt=0.0, lt=1.0)
    """False discovery rate allowed among the named."""
    show_names: bool = False


class Question(Common):
    """The arguments of `probablyexists ask`: about one person."""

    photos: tuple[Path, ...] = Field(min_length=1)
    """Image files, or one folder, archive or manifest; all of the same person."""
    reference: Path
    """Photos of other people whom the generator was not trained on."""
    level: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Largest p-value that is called evidence."""
    owner_split: bool = False
    """The generator's owner drew the reference people at random from those they might have trained on."""


class Survey(Common):
    """The arguments of `probablyexists blind`: about a generator, when no member is known."""

    reference: Path
    """Photos of people, one folder a person; what faces are like where nobody is given too often."""
    level: float = Field(default=0.01, gt=0.0, lt=1.0)
    """False discovery rate allowed among samples said to show a frequent face."""


def checked(kind: type[Checked], given: Mapping[str, object]) -> Checked:
    """The settings, or InputError that names the first one that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
