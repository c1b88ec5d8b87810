"""A finished run judged again: the same people and samples as another recogniser sees them."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_jsonable_python

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.progress import Progress
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.faces.acquire import ACQUIRE_VERSION
from probablyexists.guarding.redrawing import Guarded, guarded
from probablyexists.lab.behind_guard import MANIFEST, guard_of_manifest
from probablyexists.lab.commit import commit
from probablyexists.lab.experiment import Run
from probablyexists.lab.pool import Row
from probablyexists.lab.published import of_run
from probablyexists.lab.reading import read
from probablyexists.lab.run import audit_settings, read_row

JUDGED = "judged"
"""In a run's folder: of each recogniser a .json file, the row, and a .parquet file, its scores with names."""


@dataclass(frozen=True)
class Judged:
    """A finished run as two recognisers see it."""

    own: Row
    """By the recogniser it was audited with when it was carried out."""
    own_scores: pa.Table | None
    """None where the file is missing."""
    other: Row
    other_scores: pa.Table


def same_for_all(name: str, cache: Path, feed: str | None = None) -> Recogniser:
    """The recogniser, as `open_recogniser`; InputError for a file of which an audit would have to try the feed.

    Each run would try it on its own people, and could choose another.
    """
    recogniser = open_recogniser(name, cache, feed)
    if isinstance(recogniser, OnnxRecogniser) and not (recogniser.asked or recogniser.certain):
        raise InputError(
            f"{option('recogniser', name)}: how it is fed is not certain, and must be the same for every run; give "
            f"{option('feed')}, such as RGB,-1..1, as probablyexists recognisers check finds it"
        )
    return recogniser


def judged(folder: Path, recogniser: Recogniser, cache: Path, progress: Progress, threads: int | None) -> Judged:
    """Audit this run's generator again, with the same samples; what its folder holds already is not done again.

    InputError if the folder lacks the generator.
    """
    own = json_object(folder / "row.json", MOST_RESULT)
    kept = folder / JUDGED / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', recogniser.id)}.json"
    judge = {"recogniser": recogniser.id, "acquire": ACQUIRE_VERSION}
    other = json_object(kept, MOST_RESULT) if kept.exists() else {}
    if other.get("judge") != judge:
        other, scores = _audited_again(own, folder, recogniser, cache, progress, threads)
        other["judge"] = judge
        with written_whole(kept.with_suffix(".parquet")) as aside:
            pq.write_table(scores, aside)
        write_text(kept, json.dumps(other) + "\n")
    return Judged(own, of_run(folder, own), other, pq.read_table(kept.with_suffix(".parquet")))


def _audited_again(
    own: Row, folder: Path, recogniser: Recogniser, cache: Path, progress: Progress, threads: int | None
) -> tuple[dict[str, Any], pa.Table]:
    """The run's row with the figures that depend on the recogniser, and the scores."""
    run = Run.model_validate({key: own[key] for key in Run.model_fields if key in own})
    generator: Path | Guarded = folder / "training" / "generator"
    if not (folder / "training" / "generator").is_dir():
        raise InputError(f"{folder}: lacks training/generator, whose samples are judged; copy the run's whole folder")
    if run.guard is not None:
        keeper = guard_of_manifest(folder / MANIFEST, run.guard, cache, threads, progress)
        generator = guarded(folder / "training" / "generator", keeper)
    settings = audit_settings(run, folder, generator, cache, threads, recogniser=recogniser)
    reading = read(settings, frozenset(), progress)
    photos = _training_photos(folder / "split.csv")
    most = max(photos, key=lambda person: photos[person]) if own["most"] is not None else None
    # Of the run's snapshots and controls nothing is judged again.
    same = {key: value for key, value in own.items() if key not in ("curve", "controls")}
    again = to_jsonable_python({**same, "commit": commit(), **read_row(reading, photos, most)})
    return again, reading.scores


def _training_photos(manifest: Path) -> Counter[str]:
    """Of each member, from what `Split.write` wrote."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return Counter(row["person"] for row in csv.DictReader(file) if row["role"] == "training")
