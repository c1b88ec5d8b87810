"""Fetch a known recogniser from its own page, because somebody asked for it: checked before it is used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from probablyexists.basis.cache_folder import cache_folder
from probablyexists.basis.errors import FULL, InputError, WriteError, required
from probablyexists.basis.files import sha256_file
from probablyexists.basis.owner_only import share
from probablyexists.basis.text import one_line, shown
from probablyexists.embeddings.kept_networks import FOLDER, fetched_to, named
from probablyexists.embeddings.known_networks import KNOWN, Known

_INSTEAD = "set PROBABLYEXISTS_CACHE to another folder"


def fetchable(name: str) -> Known:
    """The known network of this name; InputError if there is none, or no page to fetch it from."""
    one = named(name)
    if one is None:
        has_page = ", ".join(one.name for one in KNOWN if one.repo is not None)
        raise InputError(f"{shown(name)}: is not one that can be fetched; these can: {has_page}")
    if one.repo is None or one.inside is None or one.sha256 is None:
        raise InputError(
            f"{one.name}: has no page that it could be fetched from with its hash; get it at {one.page} and give its "
            "path with --recogniser"
        )
    return one


def is_here(one: Known, cache: Path) -> bool:
    """Whether the network was fetched already, whole."""
    path = fetched_to(one, cache)
    return path.is_file() and sha256_file(path) == one.sha256


def fetch_recogniser(one: Known, cache: Path, *, quiet: bool = False) -> Path:
    """Fetch the network into the cache, and return its path: with the hash of the table, or nothing is kept.

    `one`: from `fetchable`. `quiet`: without Hugging Face's bar on stderr. Nothing of the user's is sent: no token, no
    usage report. A download that broke off goes on the next time. InputError without network, or for another file than
    the table's; MissingExtraError; WriteError.
    """
    aside = cache_folder(cache, FOLDER) / f".fetching-{one.name}"
    hub = _hub(aside)
    if quiet:
        required("huggingface_hub.utils", "hub").disable_progress_bars()
    try:
        path = Path(hub.hf_hub_download(one.repo, one.inside, local_dir=aside, token=False))
    except Exception as error:  # of many kinds, which differ between its versions
        if isinstance(error, OSError) and error.errno in FULL:
            raise WriteError(aside, error, _INSTEAD) from error
        why: BaseException = error
        while why.__cause__ is not None:  # what it says itself is long, and not why
            why = why.__cause__
        raise InputError(
            f"{one.name}: cannot be fetched from {one.repo} ({one_line(why)}); try again, or get the file at "
            f"{one.page} and give its path with --recogniser"
        ) from None
    found = sha256_file(path)
    if found != one.sha256:
        shutil.rmtree(aside, ignore_errors=True)
        raise InputError(
            f"{one.name}: {one.repo} gave another file than expected (sha256 {found[:12]}, expected "
            f"{str(one.sha256)[:12]}); it is not kept"
        )
    try:
        share(path)
        path.replace(fetched_to(one, cache))
    except OSError as error:
        raise WriteError(fetched_to(one, cache), error, _INSTEAD) from error
    shutil.rmtree(aside, ignore_errors=True)
    return fetched_to(one, cache)


def _hub(home: Path) -> Any:
    """Hugging Face's library, whose own caches are in `home`, not in the user's folder."""
    ours = {"HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}  # read when it is imported
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        required("huggingface_hub.constants", "hub")
        return required("huggingface_hub", "hub")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
