"""One training step of each procedure as the lab takes it, beside the same step in plain float32, contiguous layout.

    python scripts/lab_speed.py --size 64 --rounds 15

The two games are trained in turns in one process, step about, so that whatever else the machine does falls on both.
Prints a Markdown table: medians, and the ratio of the medians with the range of the rounds' own ratios (quartiles).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from probablyexists.lab.machine import Machine, find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game, Training


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
    print(f"the lab's: {'bfloat16' if ours.bfloat16 else 'float32'}, channels last; beside float32, contiguous\n")
    print("| procedure | the lab's, ms | plain, ms | ratio | quartiles |")
    print("|---|---|---|---|---|")
    for name in args.procedures:
        settings = Training(procedure=name, size=args.size, base=args.base, batch=args.batch, images=1)
        games = [Game(settings, machine) for machine in (ours, plain)]
        # A lazy penalty is taken every so many steps: whole cycles are timed, and divided by their length.
        cycle = games[0].procedure.penalty_every
        seconds = np.array([[timed(game, r, cycle, photos) for game in games] for r in range(-1, args.rounds)])[1:]
        lab, slow = np.median(seconds, axis=0) * 1000
        low, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.75])
        print(f"| {name} | {lab:.0f} | {slow:.0f} | {slow / lab:.2f} | {low:.2f} to {high:.2f} |", flush=True)


def timed(game: Game, number: int, cycle: int, photos: torch.Tensor) -> float:
    """Seconds of a step, the mean of one cycle."""
    begun = time.perf_counter()
    for step in range(cycle):
        game.step((number + 1) * cycle + step, photos)
    return (time.perf_counter() - begun) / cycle


if __name__ == "__main__":
    main()
