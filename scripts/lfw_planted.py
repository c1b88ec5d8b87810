"""Planted leaks on LFW: does the audit find the people and the copies that are there, and nobody else?

    python scripts/lfw_planted.py likeness --lfw path/to/lfw --seeds 10
    python scripts/lfw_planted.py nothing  --lfw path/to/lfw --seeds 20
    python scripts/lfw_planted.py copies   --lfw path/to/lfw --seeds 1

300 members with at least 4 photos (2 seen), 1,000 held-out people with at least 2, 2,000 photos of other people
as generated samples; `likeness` adds 2 unseen photos of each of 40 members, `copies` adds 50 edited training
photos. Prints a Markdown table; nothing of LFW is written anywhere but a temporary folder.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

import probablyexists
from probablyexists.results.findings import Findings

EDITS = ("re-encoded", "resized", "mirrored", "cropped", "brightness")


@dataclass(frozen=True)
class Draw:
    """Who plays which role."""

    members: list[str]
    heldout: list[str]
    others: list[Path]
    photos: dict[str, list[Path]]
    """Every member's and held-out person's photos in a random order."""
    rng: np.random.Generator


def draw(lfw: Path, seed: int, n_members: int = 300, n_heldout: int = 1000, n_others: int = 2000) -> Draw:
    rng = np.random.default_rng(seed)
    photos = {person.name: sorted(person.iterdir()) for person in sorted(lfw.iterdir()) if person.is_dir()}
    members = list(rng.choice([p for p, f in photos.items() if len(f) >= 4], n_members, replace=False))
    left = [p for p, f in photos.items() if p not in set(members)]
    heldout = list(rng.choice([p for p in left if len(photos[p]) >= 2], n_heldout, replace=False))
    chosen = set(heldout)
    rest = [f for p in left if p not in chosen for f in photos[p]]
    others = [rest[i] for i in rng.permutation(len(rest))[:n_others]]
    shuffled = {p: [photos[p][i] for i in rng.permutation(len(photos[p]))] for p in [*members, *heldout]}
    return Draw(members, heldout, others, shuffled, rng)


def manifest(path: Path, rows: Iterable[tuple[Path, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "person"])
        writer.writerows((photo, person) for photo, person in rows)
    return path


def run(drawn: Draw, samples: list[Path], folder: Path, recogniser: str) -> Findings:
    return probablyexists.audit(
        manifest(folder / "training.csv", ((f, p) for p in drawn.members for f in drawn.photos[p][:2])),
        manifest(folder / "heldout.csv", ((f, p) for p in drawn.heldout for f in drawn.photos[p])),
        manifest(folder / "generated.csv", ((f, "") for f in samples)),
        recogniser=recogniser,
        show_names=True,
    )


def likeness(lfw: Path, seed: int, folder: Path, n_planted: int, recogniser: str) -> dict[str, object]:
    drawn = draw(lfw, seed)
    planted = drawn.members[:n_planted]
    findings = run(drawn, drawn.others + [f for p in planted for f in drawn.photos[p][2:4]], folder, recogniser)
    named = {row["person"] for row in findings.people.to_pylist() if row["exposed"]}
    rates = {
        "hits": len(named & set(planted)) / max(1, n_planted),
        "false discovery proportion": len(named - set(planted)) / max(1, len(named)),
    }
    return {
        "named": len(named),
        **(rates if planted else {}),
        "copies": findings.copies.n_copies,
        "verdict": findings.verdict,
    }


def edited(photo: Path, kind: str, rng: np.random.Generator) -> bytes:
    image = Image.open(photo).convert("RGB")
    width, height = image.size
    if kind == "resized":
        image = image.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
    elif kind == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif kind == "cropped":
        x, y = rng.integers(0, width // 10 + 1, 2)
        image = image.crop((int(x), int(y), int(x) + width * 9 // 10, int(y) + height * 9 // 10))
    elif kind == "brightness":
        image = ImageEnhance.Brightness(image).enhance(float(rng.choice([0.9, 1.1])))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=50 if kind == "re-encoded" else 90)
    return out.getvalue()


def copies(lfw: Path, seed: int, folder: Path, recogniser: str) -> dict[str, object]:
    drawn = draw(lfw, seed)
    planted = []
    for i, person in enumerate(drawn.members[:50]):
        kind = EDITS[i % len(EDITS)]
        path = folder / f"copy-{i:02d}-{kind}.jpg"
        path.write_bytes(edited(drawn.photos[person][0], kind, drawn.rng))
        planted.append(path)
    findings = run(drawn, drawn.others + planted, folder, recogniser)
    found = {row["sample"] for row in findings.samples.to_pylist() if row["kind"] == "copy"}
    hits = {kind: sum(str(f) in found for f in planted if kind in f.name) for kind in EDITS}
    return {
        **hits,
        "found of 50": sum(hits.values()),
        "other samples called copies": len(found - {str(f) for f in planted}),
        "named by likeness": findings.naming.n_exposed,
        "verdict": findings.verdict,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("likeness", "nothing", "copies"))
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recogniser", default="dlib")
    chosen = parser.parse_args()
    lfw = chosen.lfw.resolve()
    results: list[dict[str, object]] = []
    for seed in range(chosen.seeds):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            if chosen.what == "copies":
                result = copies(lfw, seed, Path(folder), chosen.recogniser)
            else:
                result = likeness(lfw, seed, Path(folder), 40 if chosen.what == "likeness" else 0, chosen.recogniser)
        result["seconds"] = round(time.monotonic() - started, 1)
        if not results:
            print("| seed | " + " | ".join(result) + " |\n|" + "---|" * (len(result) + 1))
        cells = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in result.values())
        print(f"| {seed} | " + " | ".join(cells) + " |", flush=True)
        results.append(result)
    if chosen.what == "likeness":
        for key in ("hits", "false discovery proportion"):
            values = np.array([result[key] for result in results], dtype=float)
            print(f"\nmean {key}: {values.mean():.3f} (standard deviation over seeds {values.std(ddof=1):.3f})")


if __name__ == "__main__":
    main()
