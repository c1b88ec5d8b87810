"""Attacks that open the victim: by the generator's gradients, or by the discriminator that training leaves behind.

They look at photos one by one, as they were cropped for training, and are dear: the strangers are a random few. There
is no reference to learn from, so that nobody is dealt into folds; blind is the same attack on networks that were drawn
and never trained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.membership import Population, populations
from probablyexists.attacks.latent_search import reconstruction_errors
from probablyexists.attacks.logan import logits
from probablyexists.attacks.protocol import Faces
from probablyexists.basis.seeds import rng
from probablyexists.lab.procedures import procedure
from probablyexists.lab.sets import read_files
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.matching.templates import People
from probablyexists.method import Evidence

if TYPE_CHECKING:
    from torch import nn

N_STRANGERS, MOST_PHOTOS = 100, 3
"""Of whom, and of each of whom, a search is made."""
Network = Literal["generator", "discriminator"]

WHITE_BOX: Mapping[str, Network] = {"latent-search/1": "generator", "logan/1": "discriminator"}
"""By id, with the network that the attack opens."""


def opens(folder: Path, attack: str) -> bool:
    """Whether this finished run left behind what the attack opens."""
    words = _words(folder)
    trained = procedure(words["training"]["procedure"])
    if WHITE_BOX[attack] == "discriminator":
        return trained.d_loss is not None and (folder / "training" / "checkpoint.json").exists()
    return trained.d_loss is not None  # the sampler of a diffusion model is many networks deep


def white_box_scores(
    evidence: Evidence, folder: Path, attack: str, seed: int
) -> Iterator[tuple[bool, list[Population]]]:
    """(whether blind, populations)"""
    crowds = evidence.crowds
    sides = [crowds.training, crowds.heldout] + ([] if crowds.unseen is None else [crowds.unseen])
    k = min(MOST_PHOTOS, common_count(*(side.people.counts for side in sides)))
    enough = np.flatnonzero(crowds.heldout.people.counts >= k)
    chosen = np.sort(rng(seed, "lab", "white box").permutation(enough)[:N_STRANGERS])
    for is_blind in (False, True):
        network = _network(folder, WHITE_BOX[attack], drawn=is_blind)

        def scored(crowd: Crowd | None, network: nn.Module = network) -> Crowd | None:
            return None if crowd is None else _scored(_first(crowd, k), network, attack, seed)

        training, unseen, heldout = (
            scored(crowd) for crowd in (crowds.training, crowds.unseen, crowds.heldout.some(chosen))
        )
        assert training is not None
        assert heldout is not None
        yield is_blind, populations(training, unseen, heldout, _mean)


def _first(crowd: Crowd, k: int) -> Crowd:
    """Everybody's first k photos."""
    rows = [own[:k] for own in crowd.people.rows]
    ends = np.cumsum([0, *map(len, rows)])
    renumbered = tuple(np.arange(low, high) for low, high in pairwise(ends))
    return Crowd(crowd.table.take(np.concatenate(rows)), People(crowd.people.names, renumbered))


def _scored(crowd: Crowd, network: nn.Module, attack: str, seed: int) -> Crowd:
    """The crowd with the score of each photo in place of its embedding."""
    pictures = read_files([Path(photo.path) for photo in crowd.table.photos])
    found = -reconstruction_errors(network, pictures, seed=seed) if attack.startswith("latent") else None
    scores = logits(network, pictures) if found is None else found
    return Crowd(replace(crowd.table, embeddings=scores[:, None].astype(np.float32)), crowd.people)


def _mean(faces: Faces) -> NDArray[np.float64]:
    return np.asarray(faces.embeddings[:, :, 0].mean(axis=1), dtype=np.float64)


def _network(folder: Path, which: Network, *, drawn: bool) -> nn.Module:
    """The averaged generator or the discriminator of a finished run, in `eval`; `drawn`: as it was before training."""
    import torch
    from safetensors.torch import load_file

    from probablyexists.networks.build import build_discriminator, build_generator

    words = _words(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if which == "generator":
            network = build_generator(words["network"])
        else:
            more = procedure(words["training"]["procedure"]).discriminator
            network = build_discriminator({**words["network"], **more})
    if not drawn and which == "generator":
        network.load_state_dict(load_file(folder / "training" / "generator" / "generator.safetensors"))
    elif not drawn:
        state = json.loads((folder / "training" / "checkpoint.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "training" / state["tensors"])
        start = "discriminator/"
        network.load_state_dict({key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)})
    return network.eval()


def _words(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (folder / "training" / "generator" / "generator.json").read_text(encoding="utf-8")
    )
    return found
