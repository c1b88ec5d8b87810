"""The report: what it says, what it never says, and that strangers' names stay text."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.findings import (
    Blind,
    Clusters,
    Copies,
    Data,
    Dose,
    DosePoint,
    Duplicate,
    ErrorRates,
    Exhibit,
    Findings,
    Membership,
    Missed,
    Naming,
    Resemblance,
    RoleData,
    Signature,
    Stratum,
    Trust,
    Verdict,
)
from probablyexists.report import words
from probablyexists.report.page import FIRST, render, write_report
from probablyexists.report.pictures import BLOCKS, data_uri
from probablyexists.report.seven import seven_answers
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.power import Power

TOO_FEW = Unresolvable("needs at least 1000 people, has 150", 1000, 150)
SENTENCES: dict[Verdict, tuple[str, list[str], list[str]]] = {
    "leak": (
        "This generator shows 6 people it was trained on and reproduces training photos in 9 samples.",
        ["9 of 1200 samples reproduce a training photo", "6 of 240 members are named at a false discovery rate of 5%"],
        ["with 150 held-out people for 240 members, nobody can be named unless about 5 people are strongly exposed"],
    ),
    "no evidence": (
        "No evidence of a leak at this power: a leak of 7 of 240 members or more would probably have been noticed, "
        "a smaller one perhaps not.",
        ["nobody is named, no copies were found, and members as a group score no higher than strangers"],
        [],
    ),
    "inconclusive": (
        "This audit cannot tell whether the generator gives away people it was trained on.",
        ["the power of this audit could not be measured: needs at least 20 people with 3 photos, has 0"],
        ["30 held-out photos are too few to hold false copies at 1 in 1,000"],
    ),
}


def estimate(value: float, low: float, high: float, n: int = 150, method: str = "person bootstrap") -> Estimate:
    return Estimate(value, low, high, 0.95, method, n)


def sample_findings(
    verdict: Verdict = "leak",
    *,
    n_members: int = 240,
    n_named: int = 6,
    name: str = "person-{:04d}",
    sample: str = "samples/{:05d}.png",
    resolvable: bool = True,
    **changes: Any,
) -> Findings:
    """Findings of an audit that never was: `n_named` people named if the verdict is `leak`."""
    named = n_named if verdict == "leak" else 0
    r = np.random.default_rng(7)
    exposure = np.concatenate([r.uniform(3.6, 6.4, named), r.normal(0.1, 1, n_members - named)])
    people = [
        {
            "person": name.format(i),
            "photos": int(r.integers(1, 13)),
            "compared_on": 2,
            "similarity": 0.8 - 0.01 * i if i < named else 0.5,
            "exposure": float(exposure[i]),
            "p": 1 / 151 if i < named else 0.4,
            "q": 0.0331 if i < named else 0.8,
            "exposed": i < named,
            "nearest": [sample.format(3 * i)],
        }
        for i in range(n_members)
    ]
    samples = []
    for i in range(1200):
        kind = "none"
        if named and i < 3 * named:
            kind = "likeness"
        elif named and 1000 <= i < 1009:
            kind = "copy"
        of = i // 3 if kind == "likeness" else i - 1000
        samples.append(
            {
                "sample": sample.format(i),
                "kind": kind,
                "person": None if kind == "none" else name.format(of % n_members),
                "similarity": 0.98 if kind == "copy" else 0.62,
                "heldout_similarity": None if kind == "copy" else 0.48,
                "copy_of": "sha256:0123456789abcdef" if kind == "copy" else None,
            }
        )

    def figure(value: float, low: float, high: float, method: str = "person bootstrap, logit scale") -> Figure:
        return estimate(value, low, high, method=method) if resolvable else TOO_FEW

    higher = 0.2 if verdict == "leak" else 0.0
    membership = [
        Membership(
            population=population,
            level=level,
            auroc=figure(0.51 + higher * (1.4 if population == "seen photos" else 1), 0.45 + higher, 0.56 + 1.7 * higher),
            tpr_at_fpr_1_percent=figure(0.02 + higher / 2, 0.006 + higher / 3, 0.06 + higher),
            tpr_at_fpr_0_1_percent=TOO_FEW,
            p=(0.00002 if higher else 0.31) if level == "person" else None,
        )
        for population in ("seen photos", "unseen photos")
        for level in ("photo", "person")
    ]
    dose_points = [
        DosePoint(photos_from=low, photos_to=high, n_members=n, mean_exposure=figure(0.3 * i + 0.1, 0.1 * i, 0.5 * i + 0.3))
        for i, (low, high, n) in enumerate([(1, 1, 60), (2, 3, 90), (4, 7, 60), (8, 12, 30)])
    ]
    likenesses = 3 * named
    power: Power | Unresolvable = Power(7, 7 / 240, 0.83, 0.61, 0.80, 122, n_members)
    if verdict == "inconclusive":
        power = Unresolvable("needs at least 20 people with 3 photos, has 0", 20, 0)
    sentence, because, cautions = SENTENCES[verdict]
    parts: dict[str, Any] = {
        "verdict": verdict,
        "sentence": sentence,
        "because": because,
        "cautions": cautions,
        "names_shown": False,
        "people": people,
        "samples": samples,
        "membership": membership,
        "blind": Blind(auroc=figure(0.49, 0.43, 0.55)),
        "naming": Naming(
            level=0.05,
            n_members=n_members,
            n_exposed=named,
            n_heldout=150,
            p_floor=1 / 151,
            smallest_nameable=32,
            strata=[
                Stratum(photos=1, n_members=80, n_heldout=150, p_floor=1 / 151),
                Stratum(photos=2, n_members=n_members - 80, n_heldout=120, p_floor=1 / 121),
            ],
        ),
        "resemblance": Resemblance(
            threshold=0.8731,
            gallery=150,
            photos=2,
            n_samples=1191,
            members=0.031 + 0.05 * (higher > 0),
            strangers=0.029,
            excess=figure(0.002 + 0.05 * (higher > 0), -0.011 + 0.04 * (higher > 0), 0.08, "Welch, credits a person"),
            n_likenesses=likenesses,
        ),
        "copies": Copies(
            n_copies=9 if named else 0,
            n_samples=1200,
            threshold=0.842,
            highest=0.991 if named else 0.61,
            calibrated_on=450,
            heldout_rate=figure(0.0, 0.0, 0.025, "Wilson, variance between people"),
            resolvable=False,
        ),
        "dose": Dose(
            slope=figure(0.42, 0.21, 0.63, "least squares, HC3"),
            heldout_slope=figure(0.02, -0.1, 0.14, "least squares, HC3"),
            points=dose_points,
            most_photos=name.format(3),
            most_photos_count=12,
            most_photos_exposed=bool(named),
        ),
        "missed": Missed(power=power),
        "trust": Trust(
            recogniser="dlib-resnet-v1 55533b28a958",
            photos=2,
            rates=[
                ErrorRates(
                    name=which,
                    threshold=threshold,
                    fmr=figure(fmr, fmr / 2, fmr * 2, "Wilson, variance between pairs of people"),
                    fnmr=figure(0.21, 0.15, 0.28, "Wilson, variance between people"),
                )
                for which, threshold, fmr in (
                    ("resemblance (answer 3)", 0.8731, 0.00031),
                    ("FMR 1 % on the members", 0.812, 0.0094),
                )
            ],
        ),
        "data": Data(
            roles=[
                RoleData(
                    role=role,
                    source=source,
                    n_images=n,
                    n_acquired=n - 9,
                    n_no_face=6,
                    n_unreadable={"truncated": 2, "not an image": 1} if role == "training" else {},
                    n_several_faces=4,
                    n_people=people_here,
                    faces="aligned" if role == "generated" else "detect",
                    faces_decided_by="a sample of 64 images",
                )
                for role, source, n, people_here in (
                    ("training", "/data/faces/training", 1460, n_members),
                    ("unseen", "/data/faces/unseen", 400, n_members),
                    ("heldout", "/data/faces/heldout", 13233, 150),
                    ("generated", "/data/out/generated.zip", 1200, None),
                )
            ],
            duplicates=[
                Duplicate(
                    roles=("training", "heldout"),
                    photos=("sha256:0123456789abcdef", "sha256:fedcba9876543210"),
                    correlation=0.987,
                )
            ],
            n_duplicates_set_aside={"heldout": 1, "training": 1},
            clusters=None,
        ),
        "signature": Signature(
            probablyexists="0.1.0",
            python="3.11.7",
            libraries={"numpy": "2.4.6", "onnxruntime": "1.23.0", "faiss-cpu": "1.12.0", "dlib-bin": "20.0.0"},
            recogniser="dlib-resnet-v1 55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            settings={"training": "/data/faces/training", "level": 0.05, "seed": 0, "unseen": None, "show_names": False},
            data_fingerprint="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            date="2026-11-24T02:29:20+00:00",
            seconds=94.2,
        ),
    }
    return Findings(**(parts | changes))


def picture(seed: int, height: int = 128, width: int = 128) -> NDArray[np.uint8]:
    """Noise over a gradient: every pixel differs."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / (height + width)], axis=-1)
    return np.asarray(np.clip(base + r.normal(0, 20, base.shape), 0, 255), np.uint8)


def sample_exhibits(findings: Findings, kinds: Sequence[Literal["copy", "likeness"]] = ("likeness", "copy")) -> list[Exhibit]:
    """Pictures for the first exposed people and the first copies."""
    made = []
    rows = findings.samples.to_pylist()
    for kind in kinds:
        for i, person in enumerate(sorted({r["person"] for r in rows if r["kind"] == kind})):
            its = [r for r in rows if r["kind"] == kind and r["person"] == person][:3]
            shown = tuple((r["sample"], r["similarity"], picture(100 * i + k)) for k, r in enumerate(its))
            made.append(Exhibit(kind, person, picture(i), shown))
    return made
