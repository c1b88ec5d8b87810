"""One training step of each procedure as the lab takes it, beside the same step in plain float32, contiguous layout.

    python scripts/lab_speed.py --size 64 --rounds 15

*Same code*: nothing but precision and layout differ. *Plain*: as one would write it first. The convolutions, leaky
ReLU, filters and spectral norm are PyTorch's own operations, with PyTorch's derivatives, and real and generated
images go through the discriminator one batch after the other. The three games are trained in turns in one
process, step about, so that whatever else the machine does falls on all. Prints a Markdown table: medians, and the
ratios of the medians with the range of the rounds' own ratios (quartiles).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from probablyexists.lab.machine import Machine, find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game, Training
from probablyexists.networks import dcgan, r3gan, stylegan2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--base", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--procedures", nargs="*", default=list(PROCEDURES))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ours = find_machine("cpu")
    plain = Machine(torch.device("cpu"), bfloat16=False, layout=torch.contiguous_format)
    photos = torch.randint(0, 256, (64, 3, args.size, args.size), dtype=torch.uint8)
    print(f"{args.size} px, base {args.base}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds")
    print(f"the lab's: {'bfloat16' if ours.bfloat16 else 'float32'}, channels last; the others: float32, contiguous\n")
    print("| procedure | the lab's, ms | same code, ms | ratio | quartiles | plain, ms | ratio | quartiles |")
    print("|---|---|---|---|---|---|---|---|")
    for name in args.procedures:
        settings = Training(procedure=name, size=args.size, base=args.base, batch=args.batch, images=1)
        lab, same, torchs = (Game(settings, machine) for machine in (ours, plain, plain))
        take_one_by_one(torchs)
        rounds = []
        for r in range(-1, args.rounds):
            with pytorchs_own():
                last = timed(torchs, r, photos)
            rounds.append((timed(lab, r, photos), timed(same, r, photos), last))
        seconds = np.array(rounds[1:])
        middle = np.median(seconds, axis=0) * 1000
        cells = [f"| {name} | {middle[0]:.0f}"]
        for other in (1, 2):
            low, high = np.quantile(seconds[:, other] / seconds[:, 0], [0.25, 0.75])
            cells.append(f"{middle[other]:.0f} | {middle[other] / middle[0]:.2f} | {low:.2f} to {high:.2f}")
        print(" | ".join(cells), "|", flush=True)


def plain_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    return F.conv2d(x, weight, bias, stride, padding, 1, groups)


def plain_leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def plain_blur(x: Tensor, padding: int, stride: int = 1) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = torch.outer(taps, taps)
    return F.conv2d(x, kernel.expand(x.shape[1], 1, 4, 4), None, stride, padding, 1, x.shape[1])


def plain_halve(x: Tensor) -> Tensor:
    return plain_blur(x, padding=1, stride=2)


def plain_spectrally_normal(weight: Tensor, u: Tensor) -> Tensor:
    matrix = weight.flatten(1)
    with torch.no_grad():
        v = F.normalize(matrix.T @ u, dim=0)
    return weight / (u.clone() @ (matrix @ v))


def plain_power_iteration(weight: Tensor, u: Tensor) -> Tensor:
    with torch.no_grad():
        matrix = weight.flatten(1)
        return F.normalize(matrix @ F.normalize(matrix.T @ u, dim=0), dim=0)


PLAIN: dict[str, Callable[..., Any]] = {
    "conv": plain_conv,
    "conv_transpose": F.conv_transpose2d,
    "leaky_relu": plain_leaky_relu,
    "blur": plain_blur,
    "halve": plain_halve,
    "spectrally_normal": plain_spectrally_normal,
    "power_iteration": plain_power_iteration,
}


@contextmanager
def pytorchs_own() -> Iterator[None]:
    """The networks with PyTorch's operations and derivatives."""
    held = [(m, name, vars(m)[name]) for m in (dcgan, r3gan, stylegan2) for name in PLAIN if name in vars(m)]
    for module, name, _ in held:
        setattr(module, name, PLAIN[name])
    try:
        yield
    finally:
        for module, name, ours in held:
            setattr(module, name, ours)


def take_one_by_one(game: Game) -> None:
    """The discriminator sees one batch after the other."""
    if game.discriminator is not None:
        forward = game.discriminator.forward
        game.discriminator.forward = lambda *batches: torch.cat([forward(batch) for batch in batches])


def timed(game: Game, number: int, photos: torch.Tensor) -> float:
    """Seconds of a step. Where a penalty is taken every so many steps: one with and one without, by their shares."""
    every = game.procedure.penalty_every
    seconds = []
    for step in range(min(every, 2)):
        begun = time.perf_counter()
        game.step((number + 1) * every + step, photos)
        seconds.append(time.perf_counter() - begun)
    return (seconds[0] + (every - 1) * seconds[-1]) / every


if __name__ == "__main__":
    main()
