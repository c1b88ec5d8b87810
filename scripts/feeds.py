"""Does a trial find how a network is fed? Nine networks, each right only if fed in one of nine ways; 20 populations.

    python scripts/feeds.py

The networks and the people are drawn (`fed_networks.py`). Markdown on stdout; a few minutes on one core.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fed_networks import SIDE, fed_network
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.feed import likely_feeds
from probablyexists.embeddings.feed_trial import MOST, Trial, try_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.sources.open_source import open_source

TRIALS = 20


def main() -> None:
    """Print the table."""
    found: dict[int, list[Trial]] = {}
    feeds = likely_feeds(SIDE)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        networks = [OnnxRecogniser(fed_network(root / f"{i}.onnx", feed)) for i, feed in enumerate(feeds)]
        for trial in range(TRIALS):
            write_population(root / f"people-{trial}", range(MOST), range(2), seed=trial, kind="jpg")
            people = open_source(str(root / f"people-{trial}"))
            for i, network in enumerate(networks):
                tried = try_feeds(network, [(people, "aligned")], cache=root / "cache", seed=trial)
                found.setdefault(i, []).append(tried)
            print(f"trial {trial + 1} of {TRIALS}", file=sys.stderr)
    print(
        "| network is made for | chosen rightly | AUROC fed so | best AUROC fed otherwise | separation | of the next |"
    )
    print("|---|---|---|---|---|---|")
    for i, feed in enumerate(feeds):
        right = sum(trial.chosen == feed for trial in found[i])
        rows = [_row(trial, i) for trial in found[i]]
        auroc, other, separation, following = np.median(np.array(rows), axis=0)
        print(f"| {feed} | {right} of {TRIALS} | {auroc:.3f} | {other:.3f} | {separation:.2f} | {following:.2f} |")


def _row(trial: Trial, i: int) -> tuple[float, float, float, float]:
    feed = likely_feeds(SIDE)[i]
    (mine,) = [one for one in trial.tried if one.feed == feed]
    others = [one for one in trial.tried if one.feed != feed]
    value = [getattr(one.auroc, "value", 0.5) for one in (mine, max(others, key=lambda one: one.separation or 0.0))]
    return value[0], value[1], mine.separation or 0.0, max(one.separation or 0.0 for one in others)


if __name__ == "__main__":
    main()
