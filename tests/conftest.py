"""What several tests share: a cache of their own, drawn people on disk, the recogniser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The suite runs one process a core: more threads in each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from probablyexists.drawn.population import write_population
from probablyexists.embeddings.recognisers import DlibRecogniser

PEOPLE = 10
PHOTOS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin: at the end one process would wait for the other's."""
    items.sort(key=lambda item: item.path.name != "test_lab_learns.py")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for this run: no test reads or writes the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBABLYEXISTS_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn people, five photos each: `person-0003/004.png`, 128 pixels. For reading only."""
    folder = tmp_path_factory.mktemp("population")
    write_population(folder, range(PEOPLE), range(PHOTOS))
    return folder


@pytest.fixture(scope="session")
def recogniser(cache: Path) -> DlibRecogniser:
    """The default recogniser on one thread."""
    return DlibRecogniser(cache)
