"""Can somebody in a report be found again by their face? Five attacks on what the pages show, and on what they showed.

    python scripts/reidentification.py FACES --work /tmp/reidentification

FACES: one folder a person. 100 people, one photo each, are looked for in a gallery of 500 people, these among them, by
other photos, which the attacker shows in the same way. What a report shows by default is taken from the `report.html`
of real audits. Attacks that learn do so from 1,000 other people, two photos each, shown in the same way.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import probablyexists
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces.acquire import cut
from probablyexists.faces.boxes import frame_box
from probablyexists.faces.landmarks import landmarks
from probablyexists.faces.placing import Placed
from probablyexists.report.exhibits import Exhibit
from probablyexists.report.page import render
from probablyexists.results.findings import Findings

GALLERY, PROBES, OTHERS = 500, 100, 1000
A_PAGE = 50
SIDE = 192
LEVEL = 0.95

Picture = NDArray[np.uint8]
Shown = NDArray[np.uint8]
"""(n, h, w, 3) pictures as a page shows them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for audits and embeddings")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    draw = np.random.default_rng(asked.seed)
    people = sorted(p for p in asked.faces.iterdir() if p.is_dir() and sum(1 for _ in p.iterdir()) >= 2)
    chosen = [people[i] for i in draw.permutation(len(people))[: GALLERY + OTHERS]]
    files = [
        [sorted(person.iterdir())[i] for i in draw.permutation(sum(1 for _ in person.iterdir()))[:2]]
        for person in chosen
    ]
    known, seen = [pair[0] for pair in files[:GALLERY]], [pair[1] for pair in files[:PROBES]]
    others = [file for pair in files[GALLERY:] for file in pair]
    pictures = {file: opened(file) for file in [*known, *seen, *others]}
    recogniser = DlibRecogniser(asked.work / "cache")

    print(
        f"{PROBES} people among {GALLERY}, seed {asked.seed}; "
        f"chance: rank 1 {1 / GALLERY:.1%}, rank 10 {10 / GALLERY:.1%}"
    )
    print(
        "\n| shown | attack | other photo: rank 1 | rank 10 | same photo: rank 1 | rank 10 |\n|---|---|---|---|---|---|"
    )
    for name, show in forms():
        show_rows(
            name, asked.seed, recogniser, *(np.stack([show(pictures[f]) for f in fs]) for fs in (seen, known, others))
        )
    findings, probes = by_audits(seen, others, asked.work)
    plain = [pictures[file] for file in [*seen, *known, *others]]
    with_faces = rendered(findings, plain, show_faces=True)
    by_default = [*probes, *rendered(findings, plain[PROBES:], show_faces=False)]
    for name, found in (("a report with `--show-faces`", with_faces), ("**a report by default**", by_default)):
        shown = equally_large(found)
        parts = shown[:PROBES], shown[PROBES : PROBES + GALLERY], shown[PROBES + GALLERY :]
        show_rows(name, asked.seed, recogniser, *parts)
    print(f"\nDifferent pictures in reports by default: {len(np.unique(shown.reshape(len(shown), -1), axis=0))}")


def opened(file: Path) -> Picture:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE)))


def forms() -> list[tuple[str, Callable[[Picture], Picture]]]:
    """Ways to show a picture, the clearest first."""

    def blocks(n: int, grey: bool) -> Callable[[Picture], Picture]:
        def show(picture: Picture) -> Picture:
            image = Image.fromarray(picture)
            image = image.convert("L").convert("RGB") if grey else image
            return np.asarray(image.resize((n, n), Image.Resampling.BOX))

        return show

    def smoothed(picture: Picture) -> Picture:
        return np.asarray(Image.fromarray(picture).resize((120, 120)).filter(ImageFilter.GaussianBlur(12)))

    ways: list[tuple[str, Callable[[Picture], Picture]]] = [("blurred (Gaussian, 10 % of the side)", smoothed)]
    for n, kind in ((10, "colour"), (4, "colour"), (1, "grey")):
        ways.append((f"{n} x {n} blocks, {kind}", blocks(n, kind == "grey")))
    return ways


def decoded(uri: str) -> Picture:
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))) as image:
        return np.asarray(image.convert("RGB"))


# --- what a report shows --------------------------------------------------------------------------------------


def by_audits(seen: Sequence[Path], others: Sequence[Path], work: Path) -> tuple[Findings, list[Picture]]:
    """Audit the people in two halves, with samples that copy their photos; what each report shows of each person.

    Names are shown, so that it is known which entry is whose; faces are not.
    """
    shown: dict[str, Picture] = {}
    linked(work / "heldout", others[:600])
    for half in range(0, PROBES, A_PAGE):
        members, place = seen[half : half + A_PAGE], work / f"half-{half}"
        linked(place / "training", members)
        (place / "samples").mkdir(parents=True, exist_ok=True)
        for i, file in enumerate(members):
            with Image.open(file) as image:
                image.convert("RGB").save(place / "samples" / f"{i:03d}.jpg", quality=70)
        out = place / "audit"
        found = probablyexists.audit(
            place / "training", work / "heldout", place / "samples", out=out, overwrite=True, show_names=True,
            cache=work / "cache",
        )  # fmt: skip
        shown |= dict(entries((out / "report.html").read_text("utf-8")))
    missing = [file.parent.name for file in seen if file.parent.name not in shown]
    assert not missing, f"not in a report: {missing}"
    return found, [shown[file.parent.name] for file in seen]


def linked(folder: Path, files: Sequence[Path]) -> None:
    for file in files:
        at = folder / file.parent.name / file.name
        at.parent.mkdir(parents=True, exist_ok=True)
        if not at.exists():
            at.symlink_to(file.resolve())


def rendered(findings: Findings, pictures: Sequence[Picture], *, show_faces: bool) -> list[Picture]:
    """What a report would show of these pictures."""
    found: list[Picture] = []
    for start in range(0, len(pictures), A_PAGE):
        block = pictures[start : start + A_PAGE]
        made = [Exhibit("copy", f"{start + i:05d}", p, (("sample", 0.9, p),)) for i, p in enumerate(block)]
        page = dict(entries(render(findings, made, show_faces)))
        found += [page[f"{start + i:05d}"] for i in range(len(block))]
    return found


def entries(page: str) -> list[tuple[str, Picture]]:
    """Each person on a page, and what the page shows of their photo: pixels, or the drawing's own bytes as pixels."""
    symbols = dict(re.findall(r'<symbol id="([^"]+)"(.*?)</symbol>', page, re.DOTALL))
    found = []
    for entry in re.findall(r'<li class="pair">.*?</li>', page, re.DOTALL):
        (name,) = re.findall(r'<p class="who" title="([^"]*)"', entry)
        first = re.findall(r"<figure>(.*?)<figcaption", entry, re.DOTALL)[0]
        if image := re.search(r'<img src="([^"]*)"', first):
            found.append((unescape(name), decoded(image[1])))
            continue
        (drawing,) = re.findall(r"<svg.*?</svg>", first, re.DOTALL)
        drawing = re.sub(r' aria-label="[^"]*"', "", drawing)
        drawing += "".join(symbols[target] for target in re.findall(r'href="#([^"]*)"', drawing))
        data = np.frombuffer(drawing.encode(), np.uint8)
        side = int(np.ceil(np.sqrt(len(data) / 3)))
        found.append((unescape(name), np.resize(np.append(data, np.uint8(0)), (side, side, 3))))
    return found


def equally_large(pictures: Sequence[Picture]) -> Shown:
    side = max(max(picture.shape[:2]) for picture in pictures)
    return np.stack([np.asarray(Image.fromarray(picture).resize((side, side))) for picture in pictures])


# --- attacks: (probes, gallery, others two a person) -> (n_probes, n_gallery) scores, higher is more alike --------


def by_recogniser(recogniser: DlibRecogniser, *sets: Shown) -> NDArray[np.float64]:
    """The package's recogniser on the enlarged pictures."""
    vectors = []
    for shown in sets[:2]:
        large = [np.asarray(Image.fromarray(p).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for p in shown]
        box = frame_box((SIDE, SIDE))
        placed = [Placed(points, 0) for points in landmarks(large, [box] * len(large))]
        chips = [cut(image, its).chip for image, its in zip(large, placed, strict=True)]
        vectors.append(
            np.concatenate([recogniser.embed(np.stack(chips[i : i + 16])) for i in range(0, len(chips), 16)])
        )
    return np.asarray(vectors[0] @ vectors[1].T, np.float64)


def by_pixels(*sets: Shown) -> NDArray[np.float64]:
    """Correlation of all pixel values."""
    ours, theirs = (_unit(_flat(shown) - _flat(shown).mean(axis=1, keepdims=True)) for shown in sets[:2])
    return ours @ theirs.T


def by_colours(*sets: Shown) -> NDArray[np.float64]:
    """Minus the distance of mean colours and of histograms of 16 levels a channel."""

    def described(shown: Shown) -> NDArray[np.float64]:
        pixels = shown.reshape(len(shown), -1, 3)
        bins = np.stack([(pixels // 16 == level).mean(axis=1) for level in range(16)], axis=1)
        return np.concatenate([bins.reshape(len(shown), -1), 2 * pixels.mean(axis=1) / 255], axis=1)

    ours, theirs = map(described, sets[:2])
    return np.asarray(-np.abs(ours[:, None] - theirs[None]).sum(axis=2))


def by_discriminants(*sets: Shown) -> NDArray[np.float64]:
    """PCA and LDA of other people's pictures; cosine."""
    ours, theirs, others = (_flat(_small(shown)) for shown in sets)
    if np.ptp(others, axis=0).max() == 0:
        return np.zeros((len(ours), len(theirs)))
    pca = PCA(min(100, *others.shape), whiten=False, random_state=0).fit(others)
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
    lda.fit(pca.transform(others), np.repeat(np.arange(len(others) // 2), 2))
    ours, theirs = (_unit(lda.transform(pca.transform(x))) for x in (ours, theirs))
    return np.asarray(ours @ theirs.T)


def by_learned_matcher(*sets: Shown) -> NDArray[np.float64]:
    """A network with two hidden layers, trained to tell pairs of pictures of one person from pairs of two."""
    torch.manual_seed(0)
    ours, theirs, others = (torch.tensor(_flat(_small(shown)), dtype=torch.float32) for shown in sets)
    mean, scale = others.mean(0), others.std(0).clamp_min(1e-3)
    ours, theirs, others = ((x - mean) / scale for x in (ours, theirs, others))
    net = torch.nn.Sequential(
        torch.nn.Linear(others.shape[1], 256), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(256, 64)
    )
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    for _ in range(300):
        who = torch.randperm(len(others) // 2)[:256]
        noisy = [others[2 * who + k] + 0.1 * torch.randn(len(who), others.shape[1]) for k in (0, 1)]
        one, other = (torch.nn.functional.normalize(net(x), dim=1) for x in noisy)
        loss = torch.nn.functional.cross_entropy(one @ other.T / 0.1, torch.arange(len(who)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    net.eval()
    with torch.no_grad():
        one, other = (torch.nn.functional.normalize(net(x), dim=1).double() for x in (ours, theirs))
    return np.asarray(one @ other.T)


def _small(shown: Shown, side: int = 16) -> Shown:
    if shown.shape[1] <= side:
        return shown
    return np.stack([np.asarray(Image.fromarray(p).resize((side, side), Image.Resampling.BOX)) for p in shown])


def _flat(shown: Shown) -> NDArray[np.float64]:
    return shown.reshape(len(shown), -1) / 255.0


def _unit(x: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9), np.float64)


# --- figures --------------------------------------------------------------------------------------------------


def show_rows(name: str, seed: int, recogniser: DlibRecogniser, ours: Shown, theirs: Shown, others: Shown) -> None:
    """A row of the table for each attack: with another photo in the gallery, and with the same photo."""
    n, m = len(ours), len(theirs)
    attacks: list[tuple[str, Callable[..., NDArray[np.float64]]]] = [
        ("recogniser", lambda *sets: by_recogniser(recogniser, *sets)),
        ("pixel correlation", by_pixels),
        ("colours", by_colours),
        ("PCA + LDA", by_discriminants),
        ("learned matcher", by_learned_matcher),
    ]
    for title, attack in attacks:
        scores = attack(ours, np.concatenate([theirs, ours]), others)
        another, same = scores[:, :m], np.hstack([scores[:, m:], scores[:, n:m]])
        cells = [rate(ranked(each, seed), k) for each in (another, same) for k in (1, 10)]
        print(f"| {name} | {title} | {' | '.join(cells)} |", flush=True)


def ranked(scores: NDArray[np.float64], seed: int) -> NDArray[np.intp]:
    """(n,) rank of each probe's own person, 1 the best; equal scores (to 1e-9) in random order."""
    scores = np.round(scores, 9)
    lots = np.random.default_rng([seed, 1]).random(scores.shape)
    order = np.lexsort((lots, -scores), axis=1)
    return np.asarray((order == np.arange(len(scores))[:, None]).argmax(axis=1) + 1)


def rate(ranks: NDArray[np.intp], k: int) -> str:
    """The share of ranks up to k, with its Clopper-Pearson interval; bold if that is above chance."""
    hits = int((ranks <= k).sum())
    low, high = binomtest(hits, len(ranks)).proportion_ci(LEVEL, "exact")
    text = f"{hits / len(ranks):.0%} ({low:.1%} to {high:.1%})"
    return f"**{text}**" if low > k / GALLERY else text


if __name__ == "__main__":
    main()
