"""Procedures learn eight drawn people: the generator gives its members away, not strangers.

Two at 16 pixels by default; all seven at 32 with `-m slow`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.progress import Silent
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.generators.lab_checkpoint import open_lab_checkpoint
from probablyexists.generators.latents import LatentGenerator
from probablyexists.lab.machine import find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game, train
from probablyexists.lab.training import Training
from probablyexists.stats.roc import auroc, rank_sum_p

MEMBERS, STRANGERS, REFERENCES, PHOTOS = 8, 52, 300, 2
SAMPLES = 1000
FEW_SAMPLES = 150
"""Of diffusion, which takes 25 passes a sample."""

BUDGETS = {
    "dcgan": {"base": 16, "batch": 16, "images": 12_800},
    "lsgan": {"base": 16, "batch": 16, "images": 12_800},
    "hinge-sn": {"base": 16, "batch": 16, "images": 12_800},
    "wgan-gp": {"base": 16, "batch": 8, "images": 32_000},
    "r3gan": {"base": 8, "batch": 8, "images": 5_600},
    "stylegan2": {"base": 8, "batch": 8, "images": 12_000},
    "diffusion": {"base": 16, "batch": 16, "images": 9_600},
}
SMALL = {
    "hinge-sn": {"size": 16, "base": 16, "batch": 16, "images": 25_600},
    "diffusion": {"size": 16, "base": 16, "batch": 16, "images": 8_000},
}


def pictures(people: range, photos: int, size: int) -> NDArray[np.uint8]:
    return np.stack([draw_photo(draw_person(7, person), photo, size) for person in people for photo in range(photos)])


def directions(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures as unit vectors, their mean taken out: a cosine is then a correlation of pixels."""
    flat = photos.reshape(len(photos), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)


def test_every_procedure_is_here() -> None:
    assert set(BUDGETS) == set(PROCEDURES)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_procedure_takes_steps(procedure: str) -> None:
    """Losses are finite, and every weight matrix and kernel of every network moves."""
    settings = Training(procedure=procedure, size=16, base=16, batch=4, images=1)
    game = Game(settings, find_machine("cpu"))
    before = {name: [p.detach().clone() for p in network.parameters()] for name, network in game.modules.items()}
    photos = torch.from_numpy(pictures(range(4), 1, 16).transpose(0, 3, 1, 2).copy())
    for number in range(3):
        assert all(np.isfinite(loss) for loss in game.step(number, photos).values())
    for name, network in game.modules.items():
        still = [
            p.shape for p, old in zip(network.parameters(), before[name], strict=True) if p.dim() > 1 and p.equal(old)
        ]
        assert not still, name


@pytest.mark.parametrize("procedure", SMALL)
def test_a_procedure_learns_eight_people_at_16_pixels(tmp_path: Path, procedure: str) -> None:
    check_learns(tmp_path, procedure, SMALL[procedure])


@pytest.mark.slow
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_procedure_learns_eight_people(tmp_path: Path, procedure: str) -> None:
    check_learns(tmp_path, procedure, {"size": 32, **BUDGETS[procedure]})


def check_learns(folder: Path, procedure: str, budget: dict[str, int]) -> None:
    """In pixels, without a recogniser; less what any stranger's photos give, as some pictures are like everybody's."""
    settings = Training.model_validate({"procedure": procedure, "mirror": False, "snapshots": (), **budget})
    everybody = pictures(range(MEMBERS + STRANGERS), PHOTOS, settings.size)
    trained = train(settings, everybody[: MEMBERS * PHOTOS], folder, find_machine("cpu"), Silent())
    n = FEW_SAMPLES if procedure == "diffusion" else SAMPLES
    samples = directions(LatentGenerator(open_lab_checkpoint(trained.generator)).sample(range(n)))
    references = directions(pictures(range(100, 100 + REFERENCES), 1, settings.size))
    faces = directions(everybody)
    asked = Faces(faces[:, None], np.empty((len(faces), 1, 0, 0), np.uint8))
    scores = [
        NearestSample().prepare(Photos(known, np.empty((len(known), 0, 0), np.uint8)))(asked)
        for known in (samples, references)
    ]
    exposure = (scores[0] - scores[1]).reshape(-1, PHOTOS).max(axis=1)
    members, strangers = exposure[:MEMBERS], exposure[MEMBERS:]
    assert rank_sum_p(members, strangers) < 0.01, f"AUROC {auroc(members, strangers):.2f}"
