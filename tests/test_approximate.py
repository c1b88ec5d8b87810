"""Approximate matching: what it reports is right, what it misses is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists import audit
from probablyexists.basis.errors import InputError
from probablyexists.images.drawn import write_population
from probablyexists.matching import approximate, neighbours
from probablyexists.matching.approximate import Approximate, Index
from probablyexists.matching.cosines import pair_similarities
from probablyexists.matching.neighbours import nearest, nearest_here, searched_by
from probablyexists.stats.estimate import Estimate


def faces(n: int, seed: int, people: int = 40, dim: int = 32) -> NDArray[np.float32]:
    """Unit vectors in clusters, as faces are."""
    centres = np.random.default_rng(0).normal(size=(people, dim))
    rng = np.random.default_rng(seed)
    x = centres[rng.integers(people, size=n)] + 0.4 * rng.normal(size=(n, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


kinds = pytest.mark.parametrize("kind", ["hnsw", "ivf-pq"])


@kinds
@pytest.mark.parametrize("k", [1, 3])
def test_similarities_are_exact_and_recall_is_what_was_found(
    kind: Index, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "FEW", 1000)
    monkeypatch.setattr(approximate, "_PARTS", (4,))
    queries, references = faces(500, 1), faces(2_000, 2)
    index = Approximate(kind, threads=1)
    found = index.search(queries, references, k)
    true = nearest_here(queries, references, k)
    assert (found.similarity <= true.similarity).all()
    assert (np.diff(found.similarity, axis=1) <= 0).all()
    for place in range(k):
        same = pair_similarities(queries, references[found.index[:, place]])
        assert found.similarity[:, place].tolist() == same.tolist()
    checked = np.linspace(0, 499, approximate.N_CHECKED).astype(int)
    by_hand = np.mean([len({*found.index[i]} & {*true.index[i]}) / k for i in checked])
    assert isinstance(index.recall, Estimate)
    assert index.recall.value == pytest.approx(by_hand)
    assert index.recall.low <= by_hand <= index.recall.high
    assert by_hand > 0.8


def test_a_poor_index_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one list of very many and two candidates, random vectors are mostly missed."""
    monkeypatch.setattr(approximate, "CANDIDATES", 2)
    monkeypatch.setattr(approximate, "FEW", 1000)
    monkeypatch.setattr(approximate, "_PARTS", (4,))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 64)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    index = Approximate("ivf-pq", threads=1)
    index.search(x[:300] + 0.2 * rng.normal(size=(300, 64)).astype(np.float32), x[300:], 1)
    assert isinstance(index.recall, Estimate)
    assert index.recall.value < 0.8


@kinds
def test_ties_and_few_references(kind: Index) -> None:
    references = np.repeat(faces(60, 1), 2, axis=0)
    found = Approximate(kind).search(references[:10], references, 2)
    assert found.index.tolist() == [[i // 2 * 2, i // 2 * 2 + 1] for i in range(10)]
    few = Approximate("hnsw").search(references[:3], references[:2], 4)
    assert few.index.tolist() == [[0, 1, -1, -1]] * 3
    assert np.isneginf(few.similarity[:, 2:]).all()


def test_an_index_serves_the_next_search_too(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = Approximate._build
    monkeypatch.setattr(Approximate, "_build", lambda self, points: built.append(len(points)) or build(self, points))
    monkeypatch.setattr(neighbours, "_SMALL", 0)
    index, references = Approximate("hnsw"), faces(300, 1)
    with searched_by(index.search):
        for seed in (2, 3):
            nearest(faces(20, seed), references)
    nearest(faces(20, 4), references)
    assert built == [300]


def test_the_audit_tells_the_recall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(neighbours, "_SMALL", 0)
    for name, people in (("training", range(25)), ("heldout", range(100, 125)), ("generated", range(200, 225))):
        write_population(tmp_path / name, people, range(2), size=64)
    given: dict[str, Any] = {role: tmp_path / role for role in ("training", "heldout", "generated")}
    findings = audit(**given, matching="hnsw", out=tmp_path / "out", cache=cache)
    assert findings.matching is not None
    assert isinstance(findings.matching.recall, Estimate)
    assert findings.matching.recall.value == 1.0  # 50 samples are all looked at
    assert findings.signature.settings["matching"] == "hnsw"
    assert "approximate index (hnsw)" in (tmp_path / "out" / "report.html").read_text()
    exact = audit(**given, cache=cache)
    assert exact.matching is None
    assert exact.people.to_pylist() == findings.people.to_pylist()
    with pytest.raises(InputError, match="--matching hnsw: is for one machine"):
        audit(**given, matching="hnsw", engine="ray", cache=cache)
