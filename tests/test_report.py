"""The report: what it says, what it never says, and that strangers' names stay text."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.errors import MissingExtraError
from probablyexists.lab.plot import plot_leaderboard
from probablyexists.report import words
from probablyexists.report.answer_texts import seven_answers
from probablyexists.report.charts import by_importance, membership_chart
from probablyexists.report.data_uri import SIDE, data_uri
from probablyexists.report.exhibits import Exhibit
from probablyexists.report.exposure_chart import exposure_chart
from probablyexists.report.marks import ALARM, MEMBER, STRANGER, round_ticks
from probablyexists.report.page import FIRST, render, write_report
from probablyexists.results.findings import (
    Affected,
    Clusters,
    Copies,
    CurvePoint,
    Data,
    Dose,
    DosePoint,
    Duplicate,
    ErrorRates,
    Findings,
    Histogram,
    Membership,
    Missed,
    Naming,
    Population,
    Resemblance,
    RoleData,
    Sampling,
    SecondOpinion,
    Signature,
    SplitBaseline,
    Stratum,
    Threshold,
    Trust,
    Verdict,
)
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.power import Power

RATES: tuple[tuple[Threshold, str, float, float], ...] = (
    ("resemblance", "resemblance (answer 3)", 0.8731, 0.00031),
    ("fmr-1-percent", "FMR 1 % on the members", 0.812, 0.0094),
)
POPULATIONS: tuple[Population, ...] = ("seen photos", "unseen photos")
COPIES: tuple[Literal["out", "in"], ...] = ("out", "in")
LEVELS: tuple[Literal["photo", "person"], ...] = ("photo", "person")
TOO_FEW = Unresolvable("needs at least 1000 people, has 900", 1000, 900)
SENTENCES: dict[Verdict, tuple[str, list[str], list[str]]] = {
    "leak": (
        "This generator gives away 9 people it was trained on and reproduces training photos in 9 samples.",
        [
            "9 of 1200 samples reproduce a training photo",
            "judged by their seen photos, members as a group score above strangers (p = 2e-05)",
        ],
        ["with 900 held-out people for 240 members, nobody can be named unless about 6 people are strongly exposed"],
    ),
    "no evidence": (
        "No evidence of a leak at this power: a leak of at least 7 of 240 members, each as clear as a photo, would "
        "probably have been noticed; a smaller leak might be missed.",
        [
            "nobody is named, there are no more copies than chance explains, and members as a group are not shown to "
            "score above strangers"
        ],
        [],
    ),
    "inconclusive": (
        "This audit cannot tell whether the generator gives away people it was trained on.",
        ["the power of this audit could not be measured: needs at least 20 people with 3 photos, has 0"],
        ["with 30 held-out photos, false copies may be more frequent than 1 in 1,000"],
    ),
}


def estimate(value: float, low: float, high: float, n: int = 240, method: str = "person bootstrap") -> Estimate:
    return Estimate(value, low, high, 0.95, method, n)


def _reason(named: bool, copied: bool) -> str | None:
    return {(True, True): "named and copied", (True, False): "named", (False, True): "copied"}.get((named, copied))


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
    """Findings of an audit that never was. If the verdict is `leak`, `n_named` people are named, and 9 are copied."""
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
            "p": 1 / 901 if i < named else 0.4,
            "q": 0.0444 if i < named else 0.8,
            "exposed": i < named,
            "copies": int(named > 0 and i < 9),
            "reason": _reason(i < named, named > 0 and i < 9),
            "group": None,
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
                "copy_of": "photo:0123456789abcdef" if kind == "copy" else None,
            }
        )

    def figure(value: float, low: float, high: float, method: str = "person bootstrap, logit scale") -> Figure:
        return estimate(value, low, high, method=method) if resolvable else TOO_FEW

    higher = 0.2 if verdict == "leak" else 0.0
    membership = [
        Membership(
            population=population,
            copies=copies,
            level=level,
            auroc=figure(
                0.51 + higher * (1.4 if population == "seen photos" else 1), 0.45 + higher, 0.56 + 1.7 * higher
            ),
            tpr_at_fpr_1_percent=figure(0.02 + higher / 2, 0.006 + higher / 3, 0.06 + higher),
            tpr_at_fpr_0_1_percent=TOO_FEW,
            p=(0.00002 if higher else 0.31) if level == "person" else None,
        )
        for population in POPULATIONS
        for copies in COPIES[: 2 if named else 1]
        for level in LEVELS
    ]
    dose_points = [
        DosePoint(
            photos_from=low, photos_to=high, n_members=n, mean_exposure=figure(0.3 * i + 0.1, 0.1 * i, 0.5 * i + 0.3)
        )
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
        "samples_numbered": False,
        "people": people,
        "samples": samples,
        "membership": membership,
        "affected": Affected(n=max(named, 9) if named else 0, n_named=named, n_copied=9 if named else 0),
        "split_baseline": SplitBaseline(
            auroc=figure(0.49, 0.43, 0.55),
            same_attack=figure(0.51, 0.46, 0.56),
            fairness="fair" if resolvable else "not shown",
            group_shift=0.84 if named else None,
            names_shift=1.42 if named else None,
            shift=figure(0.04, -0.13, 0.2),
            photo_counts=figure(0.52, 0.47, 0.57),
        ),
        "naming": Naming(
            level=0.05,
            n_members=n_members,
            n_exposed=named,
            verdict_level=0.03,
            n_for_verdict=named if named >= 9 else 0,
            n_suggestive=named,
            n_heldout=900,
            p_floor=1 / 901,
            smallest_nameable=6,
            strata=[
                Stratum(group=None, photos=1, n_members=80, n_heldout=900, p_floor=1 / 901),
                Stratum(group=None, photos=2, n_members=n_members - 80, n_heldout=850, p_floor=1 / 851),
            ],
            strangers=Histogram(low=-2.9, high=3.4, counts=np.histogram(r.normal(0, 1, 900), 40)[0].tolist()),
        ),
        "resemblance": Resemblance(
            threshold=0.8731,
            gallery=240,
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
            n_distinct=9 if named else 0,
            p=1e-9 if named else None,
            beyond_chance=named > 0,
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
        "missed": Missed(
            power=power,
            leaked_share=Estimate(0.02, 0.0, 0.06, 0.95, "planted detection rate", n_members),
            smallest_auroc=0.58,
        ),
        "sampling": Sampling(
            n_samples=1191,
            n_distinct=1150,
            with_face=figure(0.9925, 0.985, 0.996, "Wilson"),
            unseen_rate=0.0026,
            curve=[
                CurvePoint(
                    n_samples=n,
                    n_parts=parts,
                    named=named * share,
                    named_low=int(named * share),
                    named_high=named if parts == 1 else round(named * share + 0.5),
                    auroc=figure(auroc, auroc - 0.06, auroc + 0.05),
                )
                for n, parts, share, auroc in (
                    (148, 8, 0.1, 0.53 + higher / 3),
                    (297, 4, 0.3, 0.53 + higher / 2),
                    (595, 2, 0.55, 0.52 + higher),
                    (1191, 1, 1.0, 0.52 + 1.3 * higher),
                )
            ],
        ),
        "second_opinions": [],
        "trust": [trust(figure)],
        "groups": [],
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
                    n_repeated=0 if role == "generated" else None,
                    n_people_given=people_here,
                    people_set_aside={},
                    n_people=people_here,
                    faces="aligned" if role == "generated" else "detect",
                    faces_decided_by="a sample of 64 images",
                )
                for role, source, n, people_here in (
                    ("training", "/data/faces/training", 1460, n_members),
                    ("unseen", "/data/faces/unseen", 400, n_members),
                    ("heldout", "/data/faces/heldout", 13233, 900),
                    ("generated", "/data/out/generated.zip", 1200, None),
                )
            ],
            duplicates=[
                Duplicate(
                    roles=("training", "heldout"),
                    photos=("photo:0123456789abcdef", "photo:fedcba9876543210"),
                    correlation=0.987,
                )
            ],
            n_duplicates_set_aside={"heldout": 1, "training": 1},
            clusters=None,
            sample_salt="5a17",
        ),
        "signature": Signature(
            probablyexists="0.1.0",
            python="3.11.7",
            libraries={"numpy": "2.4.6", "onnxruntime": "1.23.0", "faiss-cpu": "1.12.0", "dlib-bin": "20.0.0"},
            recogniser="dlib-resnet-v1 55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            settings={
                "training": "/data/faces/training",
                "level": 0.05,
                "seed": 0,
                "unseen": None,
                "show_names": False,
            },
            data_fingerprint="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            date="2026-11-24T02:29:20+00:00",
            seconds=94.2,
        ),
    }
    if "samples" in changes and "resemblance" not in changes:
        likenesses = sum(row["kind"] == "likeness" for row in changes["samples"])
        changes["resemblance"] = parts["resemblance"].model_copy(update={"n_likenesses": likenesses})
    return Findings(**(parts | changes))


def trust(
    figure: Callable[..., Figure] = estimate, recogniser: str = "dlib-resnet-v1 55533b28a958", **changes: Any
) -> Trust:
    """How a recogniser does on these faces."""
    parts: dict[str, Any] = {
        "recogniser": recogniser,
        "judges": True,
        "trained_on": None,
        "overlaps": [],
        "photos": 2,
        "rates": [
            ErrorRates(
                kind=kind,
                name=which,
                threshold=threshold,
                fmr=figure(fmr, fmr / 2, fmr * 2, method="Wilson, variance between pairs of people"),
                fnmr=figure(0.21, 0.15, 0.28, method="Wilson, variance between people"),
            )
            for kind, which, threshold, fmr in RATES
        ],
    }
    return Trust(**(parts | changes))


def picture(seed: int, height: int = 128, width: int = 128) -> NDArray[np.uint8]:
    """Noise over a gradient: every pixel differs."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / (height + width)], axis=-1)
    return np.asarray(np.clip(base + r.normal(0, 6, base.shape), 0, 255), np.uint8)


def sample_exhibits(
    findings: Findings, kinds: Sequence[Literal["copy", "likeness"]] = ("likeness", "copy")
) -> list[Exhibit]:
    """Pictures for the first exposed people and the first copies."""
    made = []
    rows = findings.samples.to_pylist()
    for kind in kinds:
        for i, person in enumerate(sorted({r["person"] for r in rows if r["kind"] == kind})):
            its = [r for r in rows if r["kind"] == kind and r["person"] == person][:3]
            shown = tuple((r["sample"], r["similarity"], picture(100 * i + k)) for k, r in enumerate(its))
            made.append(Exhibit(kind, person, picture(i), shown))
    return made


class Page(HTMLParser):
    """What a browser would make of the page: its text, its elements, and what they point to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        if tag not in {"a", "code", "dfn", "em", "span", "strong"}:
            self._words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self._words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self._words))

    def attributes(self, tag: str, name: str) -> list[str]:
        return [value for element, attrs in self.elements if element == tag and (value := attrs.get(name)) is not None]


def page(findings: Findings, exhibits: Sequence[Exhibit] = (), show_faces: bool = False) -> Page:
    return Page(render(findings, exhibits, show_faces))


@pytest.fixture(scope="module")
def leak() -> Findings:
    return sample_findings("leak")


@pytest.fixture(scope="module")
def html(leak: Findings) -> str:
    return render(leak, sample_exhibits(leak), show_faces=False)


@pytest.mark.parametrize(
    ("verdict", "badge"),
    [("leak", "Leak"), ("no evidence", "No evidence at this power"), ("inconclusive", "Inconclusive")],
)
def test_the_verdict_is_said_in_words_and_nothing_is_called_safe(verdict: Verdict, badge: str) -> None:
    findings = sample_findings(verdict, resolvable=verdict != "inconclusive")
    text = page(findings).text
    assert f"Verdict {badge} {findings.sentence}" in text
    for reason in [*findings.because, *findings.cautions]:
        assert words.sentence_case(reason) in text
    assert not re.search(r"\b(safe|private|anonymous)\b", text, re.IGNORECASE)


def test_all_seven_questions_stand_as_headings_in_order(html: str) -> None:
    text = Page(html).text
    places = [text.rindex(a.question) for a in seven_answers(sample_findings())]
    assert len(places) == 7
    assert places == sorted(places)
    levels = [int(tag[1]) for tag, _ in Page(html).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_names_and_paths_from_strangers_stay_text() -> None:
    name = "</style></script><script>alert('p')</script><img src=x onerror=alert(1)>{:04d}"
    path = "<script>alert('s')</script>&amp;{:05d}.png"
    findings = sample_findings(name=name, sample=path, names_shown=True, because=["<b>bold</b> & <i>"], cautions=[name])
    seen = page(findings, sample_exhibits(findings))
    assert "script" not in {tag for tag, _ in seen.elements}
    assert not [attrs for _, attrs in seen.elements if any(key.startswith("on") for key in attrs)]
    assert not seen.attributes("img", "src")
    assert path.format(0) in seen.text
    assert name.format(0) in seen.attributes("p", "title")
    assert "<b>bold</b> & <i>." in seen.text


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    seen = Page(html)
    assert {tag for tag, _ in seen.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    assert all(link.startswith("#") or link.startswith("https://arxiv.org/") for link in seen.attributes("a", "href"))
    assert all(target.startswith("#") for target in seen.attributes("use", "href"))
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert len(re.findall(r"https?://", html)) == len(re.findall(r'<a href="https://', html))
    (policy,) = [attrs["content"] for _, attrs in seen.elements if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_ids_are_unique_and_everything_pointed_to_is_there(html: str) -> None:
    seen = Page(html)
    ids = [str(attrs["id"]) for _, attrs in seen.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    pointed = [target[1:] for tag in ("a", "use") for target in seen.attributes(tag, "href") if target.startswith("#")]
    pointed += re.findall(r"url\(#([^)]*)\)", html)
    pointed += [i for _, attrs in seen.elements for i in str(attrs.get("aria-labelledby", "")).split()]
    assert set(pointed) <= set(ids)


def test_tables_pictures_and_charts_can_be_read_aloud(html: str) -> None:
    seen = Page(html)
    assert all(attrs.get("scope") for tag, attrs in seen.elements if tag == "th")
    assert all(attrs.get("aria-label") for _, attrs in seen.elements if attrs.get("role") == "img")
    assert sum(tag == "table" for tag, _ in seen.elements) == sum(tag == "caption" for tag, _ in seen.elements)
    charts = [attrs["aria-label"] for tag, attrs in seen.elements if tag == "div" and attrs.get("role") == "img"]
    assert len(charts) == 5
    assert "unseen photos 0.71" in str(charts[0])


def test_charts_take_their_colours_and_letters_from_the_page(html: str) -> None:
    drawings = "".join(re.findall(r"<svg (?!class=).*?</svg>", html, re.DOTALL))
    assert drawings.count("<svg") == 10
    assert not re.search(r"#[0-9a-fA-F]{6}\b", drawings)
    assert "DejaVu" not in drawings
    assert set(re.findall(r"var\((--[a-z]+)\)", drawings)) <= set(re.findall(r"(--[a-z]+):", html))
    assert "<style" not in drawings


def test_marks_are_where_the_values_are(leak: Findings) -> None:
    chart = membership_chart(leak)
    assert chart is not None
    for drawing in (chart.wide, chart.narrow):
        (guessing,) = [m for m in drawing.marks if "stroke-dasharray" in m.attributes]
        (certain,) = [m for m in drawing.marks if m.text == "1.0"]
        half, whole = float(guessing.attributes["x1"]), float(certain.attributes["x"])
        dots = [float(m.attributes["cx"]) for m in drawing.marks if m.tag == "circle"]
        order = [m for m in by_importance(leak.membership) if m.level == "person"]
        baselines = leak.split_baseline.auroc, leak.split_baseline.same_attack
        values = [f.value for f in (*(m.auroc for m in order), *baselines) if isinstance(f, Estimate)]
        assert dots == pytest.approx([half + (v - 0.5) / 0.5 * (whole - half) for v in values], abs=0.2)


def test_every_member_is_in_the_histogram_of_exposure(leak: Findings) -> None:
    chart = exposure_chart(leak)
    assert chart is not None
    zero, thirty = (next(float(m.attributes["y"]) for m in chart.wide.marks if m.text == text) for text in ("0", "30"))
    bars = [m.attributes for m in chart.wide.marks if m.tag == "rect"]
    counts = {c: sum(float(b["height"]) for b in bars if b["fill"] == c) for c in (MEMBER, ALARM, STRANGER)}
    one = (zero - thirty) / 30
    assert {c: round(height / one) for c, height in counts.items()} == {MEMBER: 234, ALARM: 6, STRANGER: 240}
    red = [m.attributes for m in chart.wide.marks if m.tag == "line" and m.attributes["stroke"] == ALARM]
    marks, naming = ([line for line in red if ("stroke-dasharray" in line) == dashed] for dashed in (False, True))
    assert len(marks) == 6
    assert [float(line["x1"]) for line in naming] == [min(float(line["x1"]) for line in marks)]


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0.3, 1.0, 7, "0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0"),
        (0.0, 1.0, 7, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (-2.4, 6.4, 8, "−2 0 2 4 6"),
        (0, 7777, 4, "0 2,000 4,000 6,000"),
        (-0.013, 0.021, 5, "−0.01 0.00 0.01 0.02"),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, labels: str) -> None:
    assert " ".join(label for _, label in round_ticks(low, high, most)) == labels
    assert [value for value, _ in round_ticks(0, 2, 4, smallest_step=1)] == [0, 1, 2]


def test_the_same_findings_give_the_same_bytes(leak: Findings, html: str) -> None:
    assert render(leak, sample_exhibits(leak), show_faces=False) == html


def test_charts_do_without_matplotlib_and_the_lab_says_that_it_cannot(
    leak: Findings, html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert render(leak, sample_exhibits(leak), show_faces=False) == html
    with pytest.raises(MissingExtraError, match=r"matplotlib is not installed; run: pip install '"):
        plot_leaderboard([], tmp_path / "leaderboard.svg")


def test_what_cannot_be_estimated_is_said_and_is_never_zero() -> None:
    findings = sample_findings("inconclusive", resolvable=False)
    answers = seven_answers(findings)
    for answer in answers:
        for line in [*answer.lines, *answer.more]:
            if line.missing:
                assert line.value.startswith("cannot be estimated: needs at least ")
    assert sum(line.missing for a in answers for line in [*a.lines, *a.more]) == 12 + 4 + 1 + 1 + 6 + 2 + 4 + 4
    text = page(findings).text
    assert "minus share that resembles a stranger cannot be estimated: needs at least 1000 people, has 900" in text
    assert "Smallest leak noticed — cannot be estimated: needs at least 20 people with 3 photos, has 0" in text
    assert answers[0].chart is None
    assert answers[4].chart is None


def test_a_blind_audit_says_that_it_would_have_seen_nothing() -> None:
    power = Power(None, None, 0.31, 0.02, 0.80, 40, 240)
    missed = Missed(power=power, leaked_share=TOO_FEW, smallest_auroc=None)
    findings = sample_findings("inconclusive", missed=missed)
    assert "even if every member had leaked" in seven_answers(findings)[5].sentence
    assert "Smallest leak noticed none not even if every member had leaked" in page(findings).text


def test_an_audit_without_people_or_samples_still_has_a_page() -> None:
    text = page(sample_findings("inconclusive", people=[], samples=[], dose=sample_findings().dose)).text
    assert "Nobody is named. This does not clear anybody" in text
    assert "The list withhold.txt is empty." in text


def test_at_most_fifty_are_shown_and_the_rest_is_counted() -> None:
    findings = sample_findings(n_named=60)
    seen = page(findings, sample_exhibits(findings, ["likeness"]))
    assert FIRST == 50
    assert "The first 50 are shown; the other 10 are in findings.json." in seen.text
    assert "189 samples are a copy or a likeness" in seen.text
    assert "the first 50 follow" in seen.text
    assert len(outlines(seen)) == 50 * (1 + 3)


def test_fifty_people_with_faces_stay_below_a_megabyte() -> None:
    findings = sample_findings(n_named=50)
    assert len(render(findings, sample_exhibits(findings), show_faces=True)) < 1_000_000


def test_people_are_listed_by_certainty_with_their_samples(leak: Findings, html: str) -> None:
    rows = re.findall(r'<th scope="row"><span class="path"[^>]*>(person-\d+)</span>', html)
    people = sorted(leak.people.to_pylist(), key=lambda p: (not p["exposed"], -p["exposure"]))
    assert rows == [p["person"] for p in people if p["reason"]]
    row = next(line for line in html.splitlines() if ">person-0000</span></th>" in line)
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row)[-2:] == ["3", "1"]


def test_clusters_are_said_to_be_clusters() -> None:
    clusters = Clusters(
        threshold=0.9,
        n_people_training=240,
        n_people_heldout=900,
        n_on_both_sides=3,
        n_people_set_aside={"training": 1, "heldout": 2},
        n_photos_set_aside={"training": 1, "heldout": 2},
        note="About 97 % pure on LFW.",
    )
    data = sample_findings().data.model_copy(update={"clusters": clusters})
    text = page(sample_findings(data=data)).text
    assert "People are clusters here." in text
    assert "3 were in both; each is on the side of one of its photos, drawn at random" in text
    assert "About 97 % pure on LFW." in text


def test_a_generator_that_was_sampled_is_named_with_the_number_of_samples(leak: Findings) -> None:
    settings = leak.signature.settings | {"generator": "onnx/<b>.onnx/dd05b1b6038b5ac5/cpu", "samples": 1200}
    signature = leak.signature.model_copy(update={"settings": settings})
    said = "1,200 samples drawn from the generator onnx/<b>.onnx/dd05b1b6038b5ac5/cpu, each from the seed in its name"
    assert page(sample_findings(signature=signature)).text.count(said) == 1
    assert "drawn from the generator" not in page(leak).text


def test_pictures_are_shown_no_larger_than_they_are_kept(html: str) -> None:
    width = re.search(r"\.row figure \{[^}]*max-width: ([\d.]+)rem", html)
    assert width is not None
    assert float(width[1]) * 16 == SIDE


def test_withhold_holds_every_copy_and_likeness_one_a_line(tmp_path: Path) -> None:
    rows = [
        ("b.png", "likeness"),
        ("none.png", "none"),
        ("a b/ü.png", "copy"),
        ("two\nlines.png", "copy"),
        ("bell\x07.png", "likeness"),
        ("left\u202egnp.exe", "likeness"),
        ('"quoted".png', "copy"),
        (" blank.png", "copy"),
    ]
    samples = [
        {"sample": s, "kind": k, "person": None, "similarity": 0.9, "heldout_similarity": None, "copy_of": None}
        for s, k in rows
    ]
    findings = sample_findings(samples=samples)
    write_report(findings, [], tmp_path, show_faces=False, on_disk={})
    assert (tmp_path / "withhold.txt").read_bytes().decode() == (
        '" blank.png"\n'
        '"\\"quoted\\".png"\n'
        "a b/ü.png\n"
        "b.png\n"
        '"bell\\u0007.png"\n'
        '"left\\u202egnp.exe"\n'
        '"two\\nlines.png"\n'
    )
    lines = (tmp_path / "withhold.txt").read_text("utf-8").splitlines()
    back = [json.loads(line) if line.startswith('"') else line for line in lines]
    assert back == sorted(s for s, k in rows if k != "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "withhold.txt"]


def test_nothing_to_withhold_is_an_empty_list(tmp_path: Path) -> None:
    write_report(sample_findings("no evidence"), [], tmp_path, show_faces=False, on_disk={})
    assert (tmp_path / "withhold.txt").read_bytes() == b""


def decoded(uri: str) -> NDArray[np.uint8]:
    head, data = uri.split(",", 1)
    assert head in {"data:image/png;base64", "data:image/jpeg;base64"}
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_faces_that_are_asked_for_keep_their_detail() -> None:
    shown = decoded(data_uri(picture(1)))
    assert max(shown.shape) <= 160
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 1000


def outlines(seen: Page) -> list[str]:
    """The class of each outline that stands for a face."""
    return [kind for kind in seen.attributes("svg", "class") if kind.startswith("face ")]


def test_a_page_without_show_faces_holds_no_picture_of_anybody(leak: Findings) -> None:
    seen = page(leak, sample_exhibits(leak))
    assert seen.attributes("img", "src") == []
    assert outlines(seen).count("face training") == 6 + 9
    assert outlines(seen).count("face generated") == 6 * 3 + 9
    assert "#outline" in seen.attributes("use", "href")


def test_a_page_with_show_faces_shows_them_and_warns(leak: Findings) -> None:
    seen = page(leak, sample_exhibits(leak), show_faces=True)
    sources = seen.attributes("img", "src")
    assert len(sources) == 6 * 4 + 9 * 2
    assert min(len(np.unique(decoded(source).reshape(-1, 3), axis=0)) for source in sources) > 1000
    assert outlines(seen) == []
    assert "Share this page only with people who are allowed to see them." in seen.text


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (estimate(0.62, 0.55, 0.69), "62 % (95 % interval 55 to 69 %)"),
        (estimate(0.0, 0.0, 0.278), "0 % (95 % interval 0 to 28 %)"),
        (estimate(0.004, 0.0, 0.12), "0.4 % (95 % interval 0.0 to 12.0 %)"),
        (estimate(0.003, 0.0004, 0.006), "0.30 % (95 % interval 0.04 to 0.60 %)"),
        (estimate(-0.01, -0.03, 0.01), "−1.0 % (95 % interval −3.0 to 1.0 %)"),
        (TOO_FEW, "cannot be estimated: needs at least 1000 people, has 900"),
    ],
)
def test_percentages_have_the_digits_they_deserve(figure: Figure, said: str) -> None:
    assert words.percent_figure(figure).replace(words.NO_BREAK, " ") == said


@pytest.mark.parametrize("share", [1e-7, 0.00004, 0.004, 0.996, 0.99996])
def test_what_is_not_nothing_or_everything_is_not_written_so(share: float) -> None:
    assert words.percent(share).replace(words.NO_BREAK, " ") not in {"0 %", "0.0 %", "100 %", "100.0 %"}
    if share >= 10 ** -(words.MOST_DIGITS + 2):
        assert float(words.percent(share).split(words.NO_BREAK)[0]) not in {0.0, 100.0}


def test_p_values_are_not_finer_than_they_are() -> None:
    assert [words.p_value(p).replace(words.NO_BREAK, " ") for p in (1 / 151, 0.00099, 0.05, 0.4, 1.0)] == [
        "0.0066",
        "< 0.001",
        "0.050",
        "0.40",
        "1",
    ]


def test_further_attacks_and_recognisers_are_told_and_the_rule_with_them() -> None:
    several = [
        SecondOpinion(kind="attack", id="plda/1", auroc={"seen photos": estimate(0.7, 0.6, 0.8)}, n_exposed=4),
        SecondOpinion(kind="recogniser", id="onnx/abc", auroc={"seen photos": estimate(0.6, 0.5, 0.7)}, n_exposed=1),
    ]
    findings = sample_findings(second_opinions=several, trust=[trust(), trust(recogniser="onnx/abc")])
    settings = findings.signature.settings
    strict = findings.model_copy(
        update={"signature": findings.signature.model_copy(update={"settings": {**settings, "consensus": "strict"}})}
    )
    answer = seven_answers(strict)[0]
    labels = [line.label for line in answer.more]
    assert "AUROC, seen photos, by person, attack plda/1" in labels
    assert "Members named with recogniser onnx/abc alone" in labels
    tests = {line.method for line in answer.more if line.label.startswith("p-value")}
    assert tests == {"permutation test on the largest of 2 rank sums; largest p of 2 recognisers"}
    assert " by the best of 2 attacks, the largest of 2 recognisers')" in answer.detail
    assert ", the nearest sample with the first recogniser picks the member in " in answer.detail
    assert "by the best" not in seven_answers(sample_findings())[0].detail
    assert "2 attacks were tried." in answer.limits
    assert "2 recognisers judge, each alone: each p-value is the largest of them, so all must agree." in answer.limits
    assert "all must agree before anybody is named" in seven_answers(strict)[6].sentence
    joint = seven_answers(findings)
    assert {line.method for line in joint[0].more if line.label.startswith("p-value")} == {
        "permutation test on the largest of 2 rank sums"
    }
    assert (
        "2 recognisers judge together: the similarity of two faces is the weighted mean of theirs." in joint[0].limits
    )
    assert "These are the errors of each alone; together they judge as one." in joint[6].sentence
    assert "Only one attack was tried" in seven_answers(sample_findings())[0].limits


def test_what_the_recogniser_learned_from_is_told_where_it_is_known() -> None:
    known = sample_findings()
    known = known.model_copy(update={"trust": [trust(trained_on="VGG-Face")]})
    assert "dlib-resnet-v1 55533b28 was trained on VGG-Face." in seven_answers(known)[6].limits
    assert "was trained on" not in seven_answers(sample_findings())[6].limits


def test_a_similarity_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    findings = sample_findings()
    table = findings.samples
    for name in ("similarity", "heldout_similarity"):
        values = table[name].to_pylist()
        values[1] = float("nan")
        broken = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.float64()))
        with pytest.raises(ValueError, match=f"{name} is not finite"):
            findings.model_copy(update={"samples": broken}).write(tmp_path)
    assert list(tmp_path.iterdir()) == []
