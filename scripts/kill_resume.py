"""Kill -9 in the middle of embedding, ten times at random: the resumed table equals the uninterrupted one.

    python scripts/kill_resume.py                       # 1,500 drawn photos
    python scripts/kill_resume.py --photos path/to/lfw  # any folder, zip, tar or manifest

Each kill hits a process of its own that is embedding: it has computed at least one batch and has
not finished. A run that finishes before its kill is not counted: the cache is emptied and the round is done again.
Exit code 1 if the tables differ.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probablyexists.basis.progress import Silent
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.embed import ROWS_A_PART, Embedded, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces.acquire import FacesMode
from probablyexists.sources.open_source import open_source

PEOPLE, PHOTOS = 300, 5


class Signalling(Silent):
    """Tells on stdout when the first batch of this run is computed."""

    def __init__(self) -> None:
        self.told = False

    def stage(self, title: str, total: int | None) -> Signalling:  # noqa: ARG002
        return self

    def __enter__(self) -> Signalling:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        """Photos in the store advance one by one; a computed batch as a whole."""
        if steps > 1 and not self.told:
            self.told = True
            print("embedding", flush=True)


@dataclass(frozen=True)
class Work:
    """One embedding of one source into one cache."""

    photos: Path
    mode: FacesMode
    cache: Path

    def run(self, progress: Silent) -> Embedded:
        recogniser = DlibRecogniser(self.cache)
        store = open_store(self.cache, recogniser, self.mode)
        return embed(open_source(self.photos), recogniser, store, self.mode, progress, "photos")

    def n_stored(self) -> int:
        """Rows on disk now."""
        import pyarrow.parquet as pq

        parts = self.cache.glob("embeddings/*/part-*.parquet")
        return sum(pq.ParquetFile(part).metadata.num_rows for part in parts)

    def started(self) -> subprocess.Popen[str]:
        """A process that does this work, once it has computed its first batch (or ended without)."""
        command = [sys.executable, __file__, "--child", "--photos", str(self.photos)]
        command += ["--mode", self.mode, "--cache", str(self.cache)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        return process


def kills(work: Work, n: int, n_rows: int, longest: float, seed: int) -> Iterator[str]:
    """Kill `n` runs at random moments, at most `longest` seconds after their first batch; a line for each."""
    draw = np.random.default_rng(seed)
    done = 0
    while done < n:
        before = work.n_stored()
        process = work.started()
        wait = float(draw.uniform(0, longest))
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        after = work.n_stored()
        if code != -signal.SIGKILL or after >= n_rows:
            yield f"         had finished within {wait:.2f} s of its first batch: not counted, the cache emptied"
            shutil.rmtree(work.cache / "embeddings")
            continue
        done += 1
        left = len(list(work.cache.glob("embeddings/*/.*.part")))
        yield (
            f"kill {done:2d}: {wait:5.2f} s after the first batch, rows stored {before:,} -> {after:,} of {n_rows:,}, "
            f"half-written files {left}"
        )


def difference(one: Embedded, other: Embedded) -> str | None:
    """What differs between two tables; None if they are the same bit for bit."""
    same = {
        "photos": one.photos == other.photos,
        "hashes": one.sha256 == other.sha256,
        "embeddings": one.embeddings.tobytes() == other.embeddings.tobytes(),
        "pictures": one.pictures.tobytes() == other.pictures.tobytes(),
        "counts of faces": one.n_faces.tobytes() == other.n_faces.tobytes(),
        "photos set aside and their reasons": one.set_aside == other.set_aside,
    }
    return next((what for what, equal in same.items() if not equal), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="default: draws 1,500 photos")
    parser.add_argument("--mode", choices=("detect", "aligned"), default="detect")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        Work(chosen.photos, chosen.mode, chosen.cache).run(Signalling())
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = chosen.photos
        if photos is None:
            photos = folder / "drawn"
            print(f"drawing {PEOPLE * PHOTOS:,} photos", flush=True)
            write_population(photos, range(PEOPLE), range(PHOTOS))
        whole = Work(photos, chosen.mode, folder / "uninterrupted")
        started = time.monotonic()
        expected = whole.run(Silent())
        seconds = time.monotonic() - started
        print(f"uninterrupted: {len(expected):,} embedded, {len(expected.set_aside):,} set aside, {seconds:.1f} s")
        broken = Work(photos, chosen.mode, folder / "killed")
        # Long enough for a part now and then, so short that the runs together seldom finish the work.
        n_rows = whole.n_stored()
        longest = seconds * max(1.4 * ROWS_A_PART / n_rows, 1.6 / chosen.kills)
        for line in kills(broken, chosen.kills, n_rows, longest, chosen.seed):
            print(line, flush=True)
        resumed = broken.run(Silent())
        print(
            f"resumed: {resumed.n_computed:,} computed, {len(resumed):,} embedded, {len(resumed.set_aside):,} set aside"
        )
        differs = difference(expected, resumed)
    if differs is not None:
        print(f"DIFFERENT: the {differs} of the resumed table are not those of the uninterrupted one")
        return 1
    print(f"equal: after {chosen.kills} kills the resumed table is the uninterrupted one, bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
