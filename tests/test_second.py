"""Several attacks and several recognisers in one audit: who is named then, and what it costs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import probablyexists
from drawn_world import World
from probablyexists import Faces, Findings, Matcher, Photos, Reference, Scorer
from probablyexists.answers.naming import Named, agreed
from probablyexists.answers.view import p_of
from probablyexists.basis.errors import InputError
from probablyexists.drawn.population import write_population
from probablyexists.embeddings import recognisers
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.embeddings.store import Rows, Store
from probablyexists.stats.estimate import Estimate
from test_audit import named
from test_recogniser import network


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reference")
    write_population(root, range(300, 330), range(3), kind="jpg")
    return root


def audit(world: World, samples: Path, **more: object) -> Findings:
    return probablyexists.audit(world.training, world.heldout, samples, unseen=world.unseen, show_names=True, **more)


def of(p: list[float]) -> Named:
    n = len(p)
    return Named(
        compared_on=np.ones(n, np.intp),
        templates=np.zeros((n, 2), np.float32),
        similarity=np.zeros(n),
        exposure=np.zeros(n),
        common=np.zeros(n),
        p=np.array(p),
        q=np.array(p),
        exposed=np.array(p) <= 0.05,
        nearest=np.zeros((n, 3), np.intp),
        heldout_scores={},
        floors={},
        comparisons=(),
        level=0.05,
    )


def test_recognisers_must_agree_by_hand() -> None:
    both = agreed([of([0.01, 0.001, 0.5]), of([0.02, 0.9, 0.001])])
    assert both.p.tolist() == [0.02, 0.9, 0.5]
    assert both.q.tolist() == [0.06, 0.9, 0.75]
    assert not both.exposed.any()
    alone = of([0.01, 0.001, 0.5])
    assert agreed([alone]) is alone


def test_the_largest_of_p_values_is_one_where_any_recogniser_sees_nothing() -> None:
    """One recogniser sees every member clearly, the other nothing: p stays uniform or larger."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(300):
        clear = p_of(draw.normal(4, 1, (5, 1)), draw.normal(0, 1, (99, 1)))
        nothing = p_of(draw.normal(0, 1, (5, 1)), draw.normal(0, 1, (99, 1)))
        found.append(np.maximum(clear, nothing))
    shares = [float((np.concatenate(found) <= level).mean()) for level in (0.05, 0.2, 0.5)]
    assert all(share <= level + 0.03 for share, level in zip(shares, (0.05, 0.2, 0.5), strict=True))
    assert shares[2] > 0.4


def test_false_discoveries_stay_below_the_level_with_several_attacks_and_recognisers() -> None:
    """40 members of whom 8 leak, 500 held-out people; three correlated attacks by each of two recognisers."""
    draw = np.random.default_rng(1)
    false, found = [], []
    for _ in range(150):
        who = draw.normal(size=(540, 1, 1))
        scores = 0.6 * who + draw.normal(size=(540, 2, 1)) * 0.5 + draw.normal(size=(540, 2, 3)) * 0.6
        scores[:8] += 4.0
        by_recogniser = [of(p_of(scores[:40, r], scores[40:, r]).tolist()) for r in range(2)]
        exposed = agreed(by_recogniser).exposed
        false.append(exposed[8:].sum() / max(1, exposed.sum()))
        found.append(exposed[:8].mean())
    error = float(np.std(false, ddof=1)) / len(false) ** 0.5
    assert np.mean(false) <= 0.05 + 2 * error
    assert np.mean(found) > 0.3


def test_several_attacks_name_the_planted_and_nobody_where_nothing_is(
    world: World,
    reference: Path,
    cache: Path,
) -> None:
    several = {"more_attacks": ("nearest-10", "plda/1"), "reference": reference, "level": 0.1}
    findings = audit(world, world.leaking, **several)
    assert named(findings) >= world.planted
    assert len(named(findings)) <= len(world.planted) + 1  # one in ten may be wrong
    assert [(second.kind, second.id) for second in findings.second_opinions] == [
        ("attack", "nearest-10/1"),
        ("attack", "plda/1"),
    ]
    assert set(findings.second_opinions[0].auroc) == {"seen photos", "unseen photos"}
    alone = audit(world, world.leaking)
    assert [m.auroc for m in findings.membership] == [m.auroc for m in alone.membership]
    assert [r.n_people for r in findings.data.roles if r.role == "reference"] == [30]
    assert findings.signature.settings["more_attacks"] == "nearest-10, plda/1"
    assert named(audit(world, world.honest, **several)) == set()


class _Crowded:
    """Scores people higher where few are scored at once: it tells members from strangers by their number."""

    id = "crowded/1"
    needs_reference = False

    def prepare(self, samples: Photos, reference: Reference | None, matcher: Matcher) -> Scorer:
        def score(faces: Faces) -> NDArray[np.float64]:
            near = matcher.nearest(faces.templates, samples.embeddings, 1).similarity[:, 0]
            return near.astype(np.float64) + (len(faces) < 50)

        return score


def test_an_attack_that_tells_calls_apart_names_nobody(world: World) -> None:
    """12 members and 70 held-out people: it would have named every member, and nobody leaked."""
    with pytest.raises(InputError, match=r"attack crowded/1: a person's score changes with the other people scored"):
        audit(world, world.honest, more_attacks=(_Crowded(),))


def test_an_attack_that_cannot_be_tried_is_refused_at_once(world: World, tmp_path: Path) -> None:
    for more, words in (
        (("plda",), "learns from photos of other people; give some with reference="),
        (("webster",), "not known; known are nearest-sample, "),
        (("nearest-10", "nearest-10/1"), "is already used"),
        (("nearest-sample",), "is already used"),
    ):
        with pytest.raises(InputError, match=words):
            audit(world, world.honest, more_attacks=more)
    shutil.copytree(world.heldout, tmp_path / "again")
    for same, words in ((world.heldout, "both are "), (tmp_path / "again", "70 people are in both")):
        with pytest.raises(InputError, match=rf"heldout=\.\.\. and reference=\.\.\.: {words}"):
            audit(world, world.honest, more_attacks=("plda",), reference=same)


def test_a_second_recogniser_with_random_weights_does_not_silence_the_first(
    world: World,
    cache: Path,
    tmp_path: Path,
) -> None:
    colour = network(tmp_path / "colour.onnx", ["n", 3, 112, 112])
    findings = audit(world, world.leaking, more_recognisers=(str(colour),))
    assert findings.verdict == "leak"
    assert named(findings) == named(audit(world, world.leaking)) >= world.planted
    (second,) = findings.second_opinions
    assert (second.kind, second.id.split("/")[1]) == ("recogniser", OnnxRecogniser(colour).digest[:16])
    ours, theirs = findings.trust
    assert (ours.judges, theirs.judges) == (True, False)
    assert theirs.recogniser == second.id
    fnmr = next(rates.fnmr for rates in theirs.rates if rates.kind == "fmr-1-percent")
    assert isinstance(fnmr, Estimate)
    assert fnmr.value > 0.5
    (said,) = [caution for caution in findings.cautions if second.id in caution]
    assert "misses more than half of true matches here, so its p-values do not count; leave it out" in said
    with pytest.raises(InputError, match="is already used"):
        audit(world, world.leaking, more_recognisers=("dlib",))


class OnceRecogniser(DlibRecogniser):
    """dlib without the mirror image: sees much the same."""

    def __init__(self, cache: Path, threads: int | None = None) -> None:
        super().__init__(cache, threads)
        self.id += "/once"

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = self.embed_once(chips)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def test_the_small_pictures_of_a_second_recogniser_are_not_read(
    world: World, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With copies and an attack that looks at pixels; the findings are those with all pictures read."""
    reads, read = [], Store.read

    def watched(store: Store, wanted: Iterable[bytes], *, pictures: bool = True) -> Rows:
        reads.append((store.folder, pictures))
        return read(store, wanted, pictures=pictures)

    monkeypatch.setattr(Store, "read", watched)

    def findings() -> dict[str, object]:
        pixels, once = ("gan-leaks-pixels",), (OnceRecogniser(cache),)
        found = audit(world, world.leaking, more_recognisers=once, more_attacks=pixels, threads=1)
        return found.model_copy(update={"signature": None}).model_dump()

    without = findings()
    first = reads[0][0]
    assert {pictures for folder, pictures in reads if folder == first} == {True}
    assert {pictures for folder, pictures in reads if folder != first} == {False}
    monkeypatch.setattr(Store, "read", lambda store, wanted, **_: read(store, wanted))
    assert without == findings()


def test_recognisers_that_must_all_agree_name_the_planted(
    world: World,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = recognisers.open_recogniser
    monkeypatch.setattr(
        recognisers,
        "open_recogniser",
        lambda name, *rest: OnceRecogniser(*rest) if name == "once" else known(name, *rest),
    )
    findings = audit(world, world.leaking, more_recognisers=("once",), consensus="strict")
    alone = audit(world, world.leaking)
    assert named(findings) >= world.planted
    assert len(named(findings)) <= len(world.planted) + 1
    assert findings.second_opinions[0].n_exposed >= len(world.planted)
    ours, theirs = (found.people.column("p").to_numpy() for found in (findings, alone))
    assert (ours >= theirs).all()
    for both, one in zip(findings.membership, alone.membership, strict=True):
        assert both.p is None or (one.p is not None and both.p >= one.p)
