"""Attacks that open the victim: with the generator's gradients, or with the discriminator of the training.

They score photos one by one, as cropped for training. They are slow, so that the strangers are a random few. They learn
from no reference people, so that there are no folds. The blind attacker has untrained networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from probablyexists.answers.membership import Population, populations
from probablyexists.attacks.attack import Faces
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.seeds import rng
from probablyexists.lab.checkpoint import load_state
from probablyexists.lab.experiment import Run
from probablyexists.lab.procedures import procedure
from probablyexists.lab.sets import read_files
from probablyexists.lab.training import Training
from probablyexists.lab.white_box.latent_search import reconstruction_errors
from probablyexists.lab.white_box.logan import logits
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.matching.templates import People
from probablyexists.networks.build import build_discriminator, build_generator
from probablyexists.tasks.gather import Gathered

N_STRANGERS, MOST_PHOTOS = 100, 3
"""Most strangers, and most photos of a person, that are scored."""
PhotoScores = Callable[["nn.Module", NDArray[np.uint8], int], NDArray[np.float64]]
"""(network, (n, side, side, 3) pictures, seed) -> (n,) scores; higher = more likely a member."""


@dataclass(frozen=True)
class WhiteBox:
    """An attack that opens one of the victim's networks."""

    opens: Literal["generator", "discriminator"]
    score: PhotoScores


WHITE_BOX: Mapping[str, WhiteBox] = {
    "latent-search/1": WhiteBox("generator", lambda net, photos, seed: -reconstruction_errors(net, photos, seed=seed)),
    "logan/1": WhiteBox("discriminator", lambda net, photos, _seed: logits(net, photos)),
}
"""By id."""


def left_behind(training: Training, folder: Path) -> bool:
    """Whether this run can be opened: it has a discriminator (gradients through a diffusion sampler are too slow)."""
    return procedure(training.procedure).d_loss is not None and (folder / "training" / "checkpoint.json").exists()


def white_box_scores(
    gathered: Gathered, run: Run, folder: Path, attack: WhiteBox
) -> Iterator[tuple[bool, list[Population]]]:
    """(whether blind, populations)"""
    crowds = gathered.crowds
    sides = [crowds.training, crowds.heldout] + ([] if crowds.unseen is None else [crowds.unseen])
    k = min(MOST_PHOTOS, common_count(*(side.people.counts for side in sides)))
    enough = np.flatnonzero(crowds.heldout.people.counts >= k)
    chosen = np.sort(rng(run.seed, "lab", "white box").permutation(enough)[:N_STRANGERS])
    for is_blind in (False, True):
        how = k, _network(run.training, folder, attack, drawn=is_blind), attack, run.seed
        unseen = None if crowds.unseen is None else _scored(crowds.unseen, *how)
        heldout = _scored(crowds.heldout.some(chosen), *how)
        yield is_blind, populations(_scored(crowds.training, *how), unseen, heldout, _mean)


def _scored(crowd: Crowd, k: int, network: nn.Module, attack: WhiteBox, seed: int) -> Crowd:
    """Everybody's first k photos, with the score of each as its embedding."""
    rows = [own[:k] for own in crowd.people.rows]
    ends = np.cumsum([0, *map(len, rows)])
    people = People(crowd.people.names, tuple(np.arange(low, high) for low, high in pairwise(ends)))
    table = crowd.table.take(np.concatenate(rows))
    scores = attack.score(network, read_files([Path(photo.path) for photo in table.photos]), seed)
    return Crowd(replace(table, embeddings=scores[:, None].astype(np.float32)), people)


def _mean(faces: Faces) -> NDArray[np.float64]:
    return np.asarray(faces.embeddings[:, :, 0].mean(axis=1), dtype=np.float64)


def _network(training: Training, folder: Path, attack: WhiteBox, *, drawn: bool) -> nn.Module:
    """The averaged generator or the discriminator of a finished run, in `eval`; `drawn`: with new random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if attack.opens == "generator":
            network, name = build_generator(training.generator_spec), "average"
        else:
            network, name = build_discriminator(training.discriminator_spec), "discriminator"
    if not drawn:
        state = json_object(folder / "training" / "checkpoint.json", MOST_RESULT)
        load_state(folder / "training" / state["tensors"], {name: network}, {})
    return network.eval()
