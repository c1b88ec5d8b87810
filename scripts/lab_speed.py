"""One training step of each procedure as the lab takes it, beside the same step in plain float32, contiguous layout.

    python scripts/lab_speed.py --size 64 --rounds 15

*Same code*: nothing but precision and layout differ. *Plain*: also with the plain operations (`networks.operations`),
and real and generated images go through the discriminator one batch after the other. The three games take their steps
in turns in one process, so that other load on the machine slows all of them. Prints a Markdown table: medians, and the
ratios of the medians with the range of the rounds' own ratios (quartiles).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from probablyexists.lab.machine import Machine, find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game
from probablyexists.lab.training import Training
from probablyexists.networks.operations import PLAIN, use


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
        make_plain(torchs)
        rounds = []
        for r in range(-1, args.rounds):
            rounds.append(tuple(timed(game, r, photos) for game in (lab, same, torchs)))
        seconds = np.array(rounds[1:])
        middle = np.median(seconds, axis=0) * 1000
        cells = [f"| {name} | {middle[0]:.0f}"]
        for other in (1, 2):
            low, high = np.quantile(seconds[:, other] / seconds[:, 0], [0.25, 0.75])
            cells.append(f"{middle[other]:.0f} | {middle[other] / middle[0]:.2f} | {low:.2f} to {high:.2f}")
        print(" | ".join(cells), "|", flush=True)


def make_plain(game: Game) -> None:
    """Plain operations; the discriminator sees one batch after the other."""
    use(game.generator, PLAIN)
    if game.discriminator is not None:
        use(game.discriminator, PLAIN)
        use(game.penalised, PLAIN)
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
