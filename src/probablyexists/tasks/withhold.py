"""Copy or move the samples that an audit does not withhold.

A file is let through if an audited sample has its content, and no sample with this content is a copy, a likeness, or
resembles a member who is neither named nor cleared. Names do not count: a file that was added, changed or renamed since
is judged by what it holds, or held back. Nothing is published here: that is for those who own the samples.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from probablyexists.basis.errors import ImageError, InputError, WriteError
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.text import shown
from probablyexists.report.first_page_steps import n_unjudged
from probablyexists.results.contents import content_of
from probablyexists.results.draw_again import drawn_for
from probablyexists.results.findings import Findings, Verdict
from probablyexists.sources.folder import FolderSource


@dataclass(frozen=True)
class Withheld:
    """What became of the files of a folder, each counted once."""

    let_through: int
    """Files that are in the new folder now."""
    no_face: int
    """Of these, files in which the audit found no face, so that nothing was compared."""
    withheld: int
    """Files whose content is a copy or a likeness."""
    unjudged: int
    """Other files held back: they resemble a member who is neither named nor cleared (`SampleRow.unjudged`)."""
    unknown: int
    """Files that are no sample of the audit, have changed since, or were no pictures to it: held back."""
    unreadable: int
    """Files that cannot be read now: held back."""
    missing: int
    """Samples of the audit whose content is not in the folder, or not as often."""
    n_audited: int
    """Samples of the audit."""
    verdict: Verdict
    likenesses_claimed: bool
    """False where the split is not fair: the audit then claims copies alone."""
    not_moved: int
    """Files let through that stay where they were too, although they should be moved: links, what cannot be removed."""


def withhold(
    audit: str | Path, source: str | Path, to: str | Path, *, move: bool = False, progress: Progress | None = None
) -> Withheld:
    """Copy (or move) from the folder of samples that was audited what the audit does not withhold.

    Samples that resemble somebody who could not be named are held back too, and `progress` says how many before any
    file is copied: with too few held-out people an audit has not cleared them.

    Parameters
    ----------
    audit
        Folder of an audit.
    source
        The folder of samples that was audited.
    to
        A new or empty folder. It is complete or not there: everything is written beside it first.
    move
        Remove what was let through from `source`, once all of it is in `to`.

    Raises
    ------
    InputError
        One line: no audit, not its samples, an archive, or a folder that holds something.
    WriteError
        Nothing is left of `to` then.
    """
    source, to, progress = Path(source), Path(to), progress or Silent()
    findings = Findings.read(audit)
    if not source.is_dir():
        if "generator" in findings.signature.settings and not source.exists():
            raise InputError(
                f"{shown(source)}: does not exist; the samples were drawn from a generator: draw them into a folder "
                f"({drawn_for(findings)}), and withhold from that"
            )
        what = "is an archive or a table; unpack it" if source.exists() else "does not exist; check the path"
        raise InputError(f"{shown(source)}: {what}, and give the folder of the samples that were audited")
    folder = FolderSource(source, named=False)
    for some in folder.left.not_read:
        progress.say(f"{shown(source)}: {some}")
    to = _claimed(to, source)
    if said := unjudged_text(findings):
        progress.say(said)
    return _let_through(_Judged(findings), folder, to, move, progress)


class _Judged:
    """What the audit says of a content."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        columns = (findings.samples[name].to_pylist() for name in ("content", "kind", "similarity", "unjudged"))
        rows = [row for row in zip(*columns, strict=True) if row[0] is not None]
        self.withheld = {content for content, kind, _, _ in rows if kind != "none"}
        self.unjudged = {content for content, _, _, unjudged in rows if unjudged is not None}
        self.has_face = {content: similarity is not None for content, _, similarity, _ in rows}
        self.times = Counter(content for content, *_ in rows)

    def content(self, data: bytes) -> str:
        return content_of(hashlib.sha256(data).digest(), self.findings.data.sample_salt)


def _claimed(to: Path, source: Path) -> Path:
    """The target, without links. InputError if it holds something, or shares a place with the source."""
    at, other = Path(os.path.realpath(to)), Path(os.path.realpath(source))
    if at == other or other in at.parents or at in other.parents:
        raise InputError(
            f"{shown(to)}: is the folder of the samples, inside it, or around it; give a folder of its own"
        )
    if at == Path.cwd():
        raise InputError(f"{shown(to)}: is the working folder; give a folder of its own")
    try:
        held = next(at.iterdir(), None) if at.exists() else None
    except NotADirectoryError:
        raise InputError(f"{shown(to)}: is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"{shown(to)}: cannot be read ({error.strerror}); give another folder") from None
    if held is not None:
        raise InputError(
            f"{shown(to)}: holds something already ({shown(held.name)[:80]}), and nothing is overwritten; give a new "
            "or an empty folder"
        )
    return at


def _let_through(judged: _Judged, folder: FolderSource, to: Path, move: bool, progress: Progress) -> Withheld:
    """Write what is let through beside `to`, then put it there, then remove it from the folder if it is to move."""
    written: list[tuple[str, os.stat_result]] = []
    seen: Counter[str] = Counter()
    no_face = withheld = unjudged = unknown = unreadable = 0
    aside: Path | None = None
    try:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name[:100]}.", suffix=".part"))
        with progress.stage("samples", len(folder.photos)) as bar:
            for photo in folder.photos:
                path = folder.on_disk(photo.path)
                before = _about(folder.folder / path)
                ((_, data),) = folder.stream([photo])
                bar.advance(1)
                if isinstance(data, ImageError) or before is None:
                    unreadable += 1
                    continue
                content = judged.content(data)
                seen[content] += 1
                if content in judged.withheld:
                    withheld += 1
                elif content in judged.unjudged:
                    unjudged += 1
                elif content not in judged.has_face:
                    unknown += 1
                else:
                    no_face += not judged.has_face[content]
                    _write(aside / path, data, safely=move)
                    written.append((path, before))
        if not written and not withheld and not unjudged:
            drawn = "generator" in judged.findings.signature.settings
            how = f", or draw them: {drawn_for(judged.findings)}" if drawn else ""
            raise InputError(
                f"{shown(folder.name)}: holds no sample of this audit (of "
                f"{_source_of(judged.findings)}); give the folder that was audited{how}"
            )
        aside.replace(to)
    except OSError as error:
        raise WriteError(to, error, "give another folder") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    moved = sum(_removed(folder.folder, path, before) for path, before in written) if move else 0
    findings = judged.findings
    return Withheld(
        let_through=len(written),
        no_face=no_face,
        withheld=withheld,
        unjudged=unjudged,
        unknown=unknown,
        unreadable=unreadable,
        missing=(judged.times - seen).total(),
        n_audited=findings.samples.num_rows,
        verdict=findings.verdict,
        likenesses_claimed=findings.naming.n_exposed is not None,
        not_moved=len(written) - moved if move else 0,
    )


def unjudged_text(findings: Findings) -> str:
    """How many samples resemble somebody who could not be named, and why they are held back; nothing for none."""
    n = n_unjudged(findings)
    if not n:
        return ""
    whom = "a member, of whom none is named as the split is not fair"
    if findings.naming.n_exposed is not None:
        whom = f"a member who could not be named with {findings.naming.n_heldout:,} held-out people"
    who = "1 sample resembles" if n == 1 else f"{n:,} samples resemble"
    return (
        f"{who} {whom} (similarity {findings.resemblance.threshold:.3f} or more): not cleared, so held back too; "
        "they stay where they are"
    )


def _source_of(findings: Findings) -> str:
    return next((shown(role.source) for role in findings.data.roles if role.role == "generated"), "other samples")


def _about(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _write(path: Path, data: bytes, *, safely: bool) -> None:
    """Write a new file. `safely`: it is on the disk before the other is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        if safely:
            file.flush()
            os.fsync(file.fileno())


def _removed(folder: Path, path: str, before: os.stat_result) -> bool:
    """Remove a file that was let through, unless a link leads to it or it has changed meanwhile."""
    at = folder / path
    now = _about(at)
    if now is None or os.path.realpath(at) != os.path.join(os.path.realpath(folder), path):
        return False
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        return False
    try:
        at.unlink()
    except OSError:
        return False
    return True
