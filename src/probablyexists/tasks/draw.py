"""Write a generator's pictures into a folder: the same as an audit of the generator looks at, under the same names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import ImageError, InputError, option
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.text import shown
from probablyexists.generators.generated_source import GeneratedSource, seed_of
from probablyexists.generators.generator import Generator
from probablyexists.intake.open_sources import open_drawn
from probablyexists.intake.settings import DrawSettings, checked

MARK = ".drawn.json"
"""In the folder: of which generator its pictures are."""


@dataclass(frozen=True)
class Drawn:
    """What is in the folder now."""

    out: Path
    pictures: int
    """Pictures asked for that are there."""
    new: int
    """Of these, drawn now; the others were drawn before."""
    broken: tuple[int, ...]
    """Seeds for which the generator gave no picture; nothing is written for them."""


def draw(
    generated: str | Path | Generator | Callable[..., Any],
    out: str | Path,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Drawn:
    """Write pictures of a generator as PNG files, which audit, ask, show and withhold read as they read any folder.

    The same seed gives the same pictures under the same names as in an audit of the generator itself. A stopped run
    goes on where it was, and more pictures of the same generator and seed are added.

    Parameters
    ----------
    generated
        The generator: a file, a folder, module:Name, or an object.
    out
        A new or empty folder, or one that this generator was drawn into.
    settings
        `samples` (10,000), `seed` (0), and how the generator is opened: see `DrawSettings`.

    Raises
    ------
    InputError
        One line: no generator, or a folder that holds something else.
    WriteError
        What was drawn before stays.
    """
    return run(checked(DrawSettings, {"generated": generated, "out": out, **settings}), progress or Silent())


def run(settings: DrawSettings, progress: Progress) -> Drawn:
    """`draw`, with its settings."""
    source = open_drawn(settings, progress)
    there = _claimed(settings.out, source, settings.seed)
    left = [photo for photo in source.photos if photo.path not in there]
    broken = []
    with progress.stage("drawing pictures", len(left)) as bar:
        for photo, data in source.stream(left):
            if isinstance(data, ImageError):
                broken.append(seed_of(photo))
            else:
                with written_whole(settings.out / photo.path) as aside:
                    aside.write_bytes(data)
            bar.advance()
    new = len(left) - len(broken)
    return Drawn(settings.out, len(source.photos) - len(broken), new, tuple(broken))


def _claimed(out: Path, source: GeneratedSource, seed: int) -> set[str]:
    """The names of what is in the folder. InputError if that was not drawn from this generator."""
    mark = {"generator": source.generator.id, "seed": seed}
    try:
        there = set(os.listdir(out)) if out.exists() else set()
    except NotADirectoryError:
        raise InputError(f"{option('out', out)}: is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"{option('out', out)}: cannot be read ({error.strerror}); give another folder") from None
    if there and _mark(out / MARK) != mark:
        one = min(there - {MARK}, default=MARK)
        raise InputError(
            f"{option('out', out)}: holds {shown(one)[:80]}, which was not drawn from this generator with this seed; "
            "give a new or an empty folder"
        )
    if not there:
        write_text(out / MARK, json.dumps(mark) + "\n")
    return there


def _mark(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
