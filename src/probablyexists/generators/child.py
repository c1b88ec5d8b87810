"""What runs in a generator's own process: it opens the file that it is told, then makes pictures of seeds.

It ends with the process that started it: when its standard input ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any, BinaryIO

from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.basis.text import shown
from probablyexists.generators.framing import read_message, write_message
from probablyexists.generators.generator import BrokenPictures, Given
from probablyexists.generators.latents import LatentGenerator
from probablyexists.generators.open_file import Found, open_network, prepare


def main() -> None:
    """Answer messages until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a model prints is no answer
    asked: Queue[dict[str, Any]] = Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    try:
        _serve(answers, asked)
    except ProbablyExistsError as error:
        write_message(answers, {"error": error.raw})
    except OSError as error:
        write_message(answers, {"error": f"{shown(error.filename)}: cannot be read ({shown(error)}); check the path"})
    except MemoryError:
        write_message(answers, {"error": "", "memory": True})
    except SystemExit as error:  # of the model
        sys.stderr.write(f"{error}\n")
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # Python would wait for the thread that listens


def _listen(source: BinaryIO, asked: Queue[dict[str, Any]]) -> None:
    try:
        while (message := read_message(source)) is not None:
            asked.put(message[0])
    finally:
        os._exit(0)  # also out of an endless loop of the model


def _serve(answers: BinaryIO, asked: Queue[dict[str, Any]]) -> None:
    first = asked.get()
    shape, within = first["latent_shape"], first["picture_range"]
    given = Given(
        threads=first["threads"],
        latent_shape=None if shape is None else tuple(shape),
        picture_range=None if within is None else tuple(within),
        samples=first["samples"],
    )
    found = Found(first["kind"], Path(first["path"]))
    prepare(found.kind, given.threads)
    write_message(answers, {"done": "loaded"})
    network = open_network(found, given)
    write_message(answers, {"done": "opened"})
    opening = True

    def told(run: Callable[..., Any]) -> Callable[..., Any]:
        """`run`, with a message after each call, so that the time of each is limited."""

        def ran(rows: Any) -> Any:
            images = run(rows)
            if opening:
                write_message(answers, {"done": "run"})
            return images

        return ran

    counted = None if network.counted is None else told(network.counted)
    generator = LatentGenerator(replace(network, run=told(network.run), counted=counted))
    opening = False
    height, width = generator.size
    about = {"id": generator.id, "height": height, "width": width, "batch": generator.batch}
    write_message(answers, {**about, "range": list(generator.range)})
    while True:
        seeds = asked.get()["seeds"]
        broken: dict[int, str] = {}
        try:
            pictures = generator.sample(seeds)
        except BrokenPictures as error:
            pictures, broken = error.pictures, error.broken
        write_message(answers, {"broken": broken}, pictures.tobytes())


if __name__ == "__main__":
    main()
