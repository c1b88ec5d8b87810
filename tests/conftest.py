"""What several tests share: a cache of the run, drawn people on disk, the recogniser."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# The suite runs one process a core: more threads in each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

import no_network
import probablyexists
from drawn_world import World, draw_world, made_once, open_world, shared_folder
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.recognisers import DlibRecogniser

no_network.watch()
# A shell that starts the suite in the background has Ctrl-C ignored, and so would every command that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

PEOPLE = 10
PHOTOS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin: at the end one process would wait for the other's."""
    items.sort(key=lambda item: item.path.name != "test_lab_learns.py")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that the processes of this run share: no test reads or writes the user's."""
    folder = shared_folder(tmp_path_factory) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBABLYEXISTS_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_asked_of_the_network() -> Iterator[None]:
    """A test fails that turns to another machine, also where the error is caught. Its child processes are not seen."""
    no_network.asked.clear()
    yield
    assert no_network.asked == []


@pytest.fixture(scope="session")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn people, five photos each: `person-0003/004.png`, 128 pixels. For reading only."""
    return made_once(tmp_path_factory, "population", lambda at: write_population(at, range(PEOPLE), range(PHOTOS)))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> World:
    """Members, held-out people and samples with a planted leak, embedded in the cache. For reading only."""

    def make(root: Path) -> None:
        draw_world(root)
        made = open_world(root)
        probablyexists.audit(made.training, made.heldout, made.leaking, unseen=made.unseen)

    return open_world(made_once(tmp_path_factory, "world", make))


@pytest.fixture(scope="session")
def recogniser(cache: Path) -> DlibRecogniser:
    """The default recogniser on one thread."""
    return DlibRecogniser(cache)
