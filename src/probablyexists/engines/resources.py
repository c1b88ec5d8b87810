"""Resources the audit may use. They change no figure."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from probablyexists.basis.errors import InputError, option


def default_cache() -> Path:
    """Folder for models and embeddings: $PROBABLYEXISTS_CACHE, else the user's cache folder. InputError without one."""
    chosen = os.environ.get("PROBABLYEXISTS_CACHE")
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
        if not home.is_absolute():  # $HOME is empty
            raise RuntimeError
        return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "probablyexists"
    except RuntimeError:  # neither $HOME nor an account
        raise InputError(
            f"there is no home folder for the cache; give {option('cache')}, or set PROBABLYEXISTS_CACHE"
        ) from None


class Resources(BaseModel):
    """Threads, memory, machines and disk."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    threads: int | None = Field(default=None, ge=1, le=4096)
    """Threads; default: one for each core."""
    memory: float = Field(default=2.0, gt=0.0, le=1e6)
    """GiB that matching may use beside the tables of embeddings, and a generator that is a file beside its weights."""
    engine: Literal["local", "ray"] = "local"
    """Embed and match on this machine, or on a Ray cluster."""
    ray_address: str | None = None
    """Address of a running Ray cluster; default: one is started on this machine."""
    cache: Path = Field(default_factory=default_cache)
    """Folder for models and embeddings; default: $PROBABLYEXISTS_CACHE or the user's cache folder."""

    @field_validator("cache")
    @classmethod
    def _in_a_folder(cls, cache: Path) -> Path:
        with suppress(OSError):
            there = next(path for path in (cache, *cache.parents) if path.exists())
            if not there.is_dir():
                raise ValueError("is a file; give a folder" if there == cache else f"{there} is a file; give a folder")
        return cache
