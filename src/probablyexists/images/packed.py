"""Sets that are many large files: which files a pattern or a folder stands for."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.images.archives import TAR_ENDINGS
from probablyexists.images.listing import is_candidate, is_hidden, shown

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_TABLES = (".parquet", ".arrow")
MOST_SHARDS = 100_000


def expanded(where: str | Path) -> list[Path]:
    """The files of a pattern such as `shards/*.tar` or `shards/{000..099}.tar`; none where it is a path as it stands.

    A range may be meant where a file is missing: InputError names it.
    """
    text, name = str(where), shown(where)
    if os.path.lexists(text):
        return []
    found = _RANGE.search(text)
    if found is not None:
        first, last = int(found[1]), int(found[2])
        if not 0 <= last - first < MOST_SHARDS:
            raise InputError(f"{name}: a range of {last - first + 1:,} files; from 1 to {MOST_SHARDS:,} are read")
        width = len(found[1])
        files = [Path(f"{text[: found.start()]}{i:0{width}d}{text[found.end() :]}") for i in range(first, last + 1)]
        missing = next((file for file in files if not file.is_file()), None)
        if missing is not None:
            raise InputError(f"{name}: {shown(missing)} is missing; check the range")
    elif any(sign in text for sign in "*?["):
        files = sorted(Path(file) for file in glob.glob(text, recursive=True))
        if not files:
            raise InputError(f"{name}: no file is called so; check the pattern")
    else:
        return []
    return _of_one_kind(files, name)


def _of_one_kind(files: list[Path], name: str) -> list[Path]:
    kinds = {_kind(file) for file in files}
    if len(kinds) > 1 or "" in kinds:
        raise InputError(f"{name}: a pattern is for tars, or for Parquet files; it stands for other files too")
    return files


def _kind(file: Path) -> str:
    name = file.name.lower()
    if name.endswith(TAR_ENDINGS):
        return ".tar"
    return file.suffix.lower() if file.suffix.lower() in _TABLES else ""


def packed(folder: Path, name: str) -> list[Path]:
    """The tars, Parquet or Arrow files that make up a folder; none if it holds images or other folders.

    InputError for a folder of several splits.
    """
    found: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "dataset_dict.json":
                raise InputError(f"{name}: several splits, one folder each; give the folder of one of them")
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                if entry.name != "data":
                    return []
                found += sorted(Path(entry.path).glob("*.parquet"))
            elif _kind(Path(entry.name)):
                found.append(Path(entry.path))
            elif is_candidate(entry.name):
                return []
    splits = sorted({split[1] for file in found if (split := re.match(r"(.+)-\d+-of-\d+\.parquet$", file.name))})
    if len(splits) > 1:
        at = found[0].parent / f"{splits[0]}-*.parquet"
        raise InputError(f"{name}: several splits ({', '.join(map(shown, splits))}); give one, such as {shown(at)}")
    arrow = [file for file in found if _kind(file) == ".arrow"]
    if arrow:
        return sorted(arrow)
    return _of_one_kind(sorted(found), name) if found else []
