"""The public names, their types, and the user's own attacks, recognisers and generators."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import probablyexists
from probablyexists import InputError
from probablyexists.attacks.known import ATTACKS
from probablyexists.basis.errors import option
from probablyexists.basis.progress import Silent, Stage
from probablyexists.basis.threads import limited_threads
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.stats.estimate import Estimate, Unresolvable

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """training/ 6 people, heldout/ 20, samples/ 8 photos; small, two photos a person."""
    folder = tmp_path_factory.mktemp("faces")
    write_population(folder / "training", range(6), range(2), size=64)
    write_population(folder / "heldout", range(6, 26), range(2), size=64)
    write_population(folder / "samples", range(30, 38), range(1), size=64)
    return folder


def audit(faces: Path, **options: Any) -> probablyexists.Findings:
    given = {"generated": faces / "samples", "faces": "aligned", **options}
    return probablyexists.audit(faces / "training", faces / "heldout", **given)


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert sorted(probablyexists.__all__) == [
        "Attack", "Comparison", "Console", "Decision", "Embedded", "Estimate", "Faces", "Findings",
        "FrequentFaces", "Generator", "Guard", "ImageError", "InputError", "Matcher", "MissingExtraError",
        "Photos", "ProbablyExistsError", "Progress", "Recogniser", "Reference", "Scorer", "Sheet", "Unresolvable",
        "__version__", "ask", "audit", "blind", "check_attack", "check_generator", "check_recogniser", "compare",
        "draw", "embed", "export", "guard", "guarded", "match", "open_guard",
        "reaudit", "show", "withhold",
    ]  # fmt: skip
    assert dir(probablyexists) == sorted(probablyexists.__all__)
    assert all(getattr(probablyexists, name) is not None for name in probablyexists.__all__)
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        probablyexists.audits  # noqa: B018


def test_importing_is_free() -> None:
    code = "import sys, probablyexists; print([m for m in ('numpy', 'pyarrow', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "task", ["audit", "reaudit", "compare", "withhold", "ask", "blind", "embed", "export", "match"]
)
def test_every_argument_is_spelled_out(task: str) -> None:
    parameters = inspect.signature(getattr(probablyexists, task)).parameters.values()
    assert not [p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def test_a_typing_mistake_fails_under_mypy(tmp_path: Path) -> None:
    file = tmp_path / "mistake.py"
    file.write_text('import probablyexists\n\nprobablyexists.audit("t", "h", "g", thread=2)\n')
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(file)],  # as `make lint` calls it, to share its cache
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert 'Unexpected keyword argument "thread" for "audit"' in done.stdout, done.stdout + done.stderr


class Watched(Silent):
    """Counts threads at work and in the libraries' pools whenever something advances."""

    def __init__(self) -> None:
        self.before = threading.active_count()
        self.ours: set[int] = set()
        self.pools: set[int] = set()

    def _look(self) -> None:
        self.ours.add(threading.active_count() - self.before)
        self.pools |= {pool["num_threads"] for pool in threadpool_info()}

    def say(self, text: str) -> None:
        self._look()

    def stage(self, title: str, total: int | None) -> Stage:
        self._look()
        return super().stage(title, total)


def test_one_thread_is_one_thread_everywhere(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[int] = []
    from concurrent.futures import ThreadPoolExecutor

    made = ThreadPoolExecutor.__init__

    def counted(self: Any, *given: Any, **named: Any) -> None:
        pools.append(1)
        made(self, *given, **named)

    monkeypatch.setattr(ThreadPoolExecutor, "__init__", counted)
    import pyarrow as pa

    arrow, watched = pa.cpu_count(), Watched()
    with limited_threads(1):
        pass  # loads all libraries that have pools
    with threadpool_limits(2):
        one = audit(faces, threads=1, cache=tmp_path / "one", progress=watched)
        assert {pool["num_threads"] for pool in threadpool_info()} == {2}
    assert watched.ours == {0}
    assert watched.pools == {1}
    assert pools == []
    assert pa.cpu_count() == arrow
    two = audit(faces, threads=2, cache=tmp_path / "two")
    assert pools
    assert one.people.equals(two.people)
    assert one.samples.equals(two.samples)


def test_the_examples_of_the_documentation_run(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"probablyexists": probablyexists}
    assert len(EXAMPLES) == 6
    monkeypatch.syspath_prepend(tmp_path)
    for number, code in enumerate(EXAMPLES):
        if code.startswith("probablyexists.audit"):
            places = {f'"{name}"': repr(str(faces / name)) for name in ("training", "heldout", "samples")}
            for name, place in places.items():
                code = code.replace(name, place)  # noqa: PLW2901
            code = code.replace("2000", "40").replace(")\n", ", faces='aligned')\n")  # noqa: PLW2901
            findings = eval(code, names)
            assert findings.naming.n_members == 6
        else:
            (tmp_path / f"example_{number}.py").write_text(code)
            names |= vars(importlib.import_module(f"example_{number}"))
            assert len(code.strip().splitlines()) <= 22


def test_an_attack_of_ones_own_is_a_second_opinion(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[0], names)
    attack = names["Crowding"]()
    by_object = audit(faces, more_attacks=[attack])
    (other,) = by_object.second_opinions
    assert other.id == "crowding/1"
    own = next(m.auroc for m in by_object.membership if (m.population, m.level) == ("seen photos", "person"))
    (auroc, less), tpr = (of["seen photos"] for of in (other.auroc, other.less_first)), other.tpr_at_fpr_1_percent
    assert isinstance(own, Estimate)
    assert isinstance(auroc, Estimate)
    assert isinstance(less, Estimate)
    assert less.value == pytest.approx(auroc.value - own.value)
    assert isinstance(tpr["seen photos"], Unresolvable)
    rarer = other.tpr_at_fpr_0_1_percent["seen photos"]
    assert isinstance(rarer, Unresolvable)
    assert rarer.needs == 1000
    (tmp_path / "my_attacks.py").write_text(EXAMPLES[0])
    monkeypatch.syspath_prepend(tmp_path)
    by_name = audit(faces, more_attacks=["my_attacks:Crowding"])
    assert by_name.second_opinions == by_object.second_opinions
    assert by_name.people.equals(by_object.people)
    with pytest.raises(InputError, match=r"more_attacks='crowding/1': is already used"):
        audit(faces, more_attacks=[attack, attack])
    with pytest.raises(InputError, match="more_attacks='my_attacks:Crowd': the module my_attacks has no Crowd"):
        audit(faces, more_attacks=["my_attacks:Crowd"])


def test_a_network_is_a_generator(faces: Path) -> None:
    torch = pytest.importorskip("torch")

    class Blur(torch.nn.Module):  # type: ignore[misc, name-defined]
        latent_shape = (3, 8, 8)

        def forward(self, latent: Any) -> Any:
            return torch.tanh(torch.nn.functional.interpolate(latent, size=(64, 64), mode="bilinear"))

    network = Blur()
    assert probablyexists.check_generator(network) == [
        "the generator (Blur): the network is in training mode; call its eval() first"
    ]
    assert probablyexists.check_generator(network.eval()) == []
    findings = audit(faces, generated=network, samples=12)
    assert findings.signature.settings["generator"] == findings.signature.settings["generator"]
    assert str(findings.signature.settings["generator"]).startswith("network/Blur/")
    assert len(findings.samples) == 12


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_our_own_attacks_pass_the_check(attack: probablyexists.Attack) -> None:
    assert probablyexists.check_attack(attack) == []


def test_our_own_recogniser_passes_the_check(recogniser: DlibRecogniser) -> None:
    assert probablyexists.check_recogniser(recogniser) == []


class _Attack:
    id = "wrong/1"
    needs_reference = False

    def __init__(self, score: Any) -> None:
        self._score = score

    def prepare(self, samples: Any, reference: Any, matcher: Any) -> Any:
        return lambda faces: self._score(samples, faces)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda samples, faces: np.zeros(3), "gave scores of shape (3,) for 40 people"),
        (lambda samples, faces: np.full(len(faces), np.nan), "40 of them not finite"),
        (lambda samples, faces: np.full(len(faces), float(len(faces))), "with the other people scored"),
        (lambda samples, faces: -(faces.templates @ samples.embeddings.T).max(axis=1), "score no higher"),
        (lambda samples, faces: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_an_attack_is_said(score: Any, said: str) -> None:
    (problem,) = probablyexists.check_attack(_Attack(score))  # type: ignore[arg-type]
    assert said in problem


def test_what_an_attack_lacks_is_said() -> None:
    assert probablyexists.check_attack(object()) == [  # type: ignore[arg-type]
        "id is missing",
        "needs_reference is missing",
        "prepare is missing",
    ]


class _Recogniser:
    id, trained_on, knows, side, template, dim = "wrong/1", None, (), 8, "dlib", 4

    def embed(self, chips: Any) -> Any:
        x = chips.reshape(len(chips), -1)[:, :4].astype(np.float32) + 1
        return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_what_is_wrong_with_a_recogniser_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = _Recogniser()
    assert probablyexists.check_recogniser(given) == []
    for embed, said in (
        (lambda self, chips: np.ones((len(chips), 4), np.float32), "each row of unit length"),
        (lambda self, chips: np.full((len(chips), 4), 0.5), "float64"),
        (lambda self, chips: np.eye(4, dtype=np.float32)[np.arange(len(chips)) % 4], "other faces of its batch"),
        (lambda self, chips: np.full((len(chips), 4), 0.5, np.float32), "the same embedding"),
        (lambda self, chips: np.full((len(chips), 4), np.nan, np.float32), "finite float32"),
    ):
        monkeypatch.setattr(_Recogniser, "embed", embed)
        (problem,) = probablyexists.check_recogniser(given)
        assert said in problem
    monkeypatch.setattr(_Recogniser, "template", "mine")
    assert probablyexists.check_recogniser(given) == ["template is 'mine'; known are dlib, arcface, facenet"]
    monkeypatch.setattr(_Recogniser, "side", -4)
    assert probablyexists.check_recogniser(given) == ["side is -4; it must be a positive int"]
    assert (
        probablyexists.check_recogniser(_Recogniser)
        == [  # type: ignore[arg-type]
            "it is a class; give an object, such as _Recogniser()",
            "trained_on is missing; give the training data in words, or None",
        ][:1]
    )


def test_what_is_wrong_with_a_generator_is_said() -> None:
    def same(seeds: Sequence[int]) -> Any:
        return np.zeros((len(seeds), 64, 64, 3), np.uint8)

    assert probablyexists.check_generator(same) == ["every seed gives the same picture"]
    (problem,) = probablyexists.check_generator(lambda seeds: np.zeros((1, 64, 64, 3), np.uint8))
    assert "it must give" in problem
    (problem,) = probablyexists.check_generator(7)
    assert "give a function from seeds to images" in problem


def test_a_message_speaks_the_callers_language(faces: Path) -> None:
    error = InputError(f"{option('more_attacks', 'x')} and {option('heldout')}: no; or {option('overwrite', True)}")
    assert str(error) == "more_attacks='x' and heldout=...: no; or overwrite=True"
    assert error.on_command_line == "--more-attacks x and --heldout: no; or --overwrite"
    assert InputError(f"{option('photos', Path('a b'))}: no").on_command_line == "PHOTOS a b: no"
    hostile = InputError(f"{option('out', chr(0xE000) + 'heldout' + chr(0xE002))}: no")
    assert "heldout=" not in str(hostile)
    with pytest.raises(InputError, match=r"^heldout='.*none': does not exist"):
        probablyexists.audit(faces / "training", faces / "none", faces / "samples")


def test_what_names_alone_tell_is_said_before_anything_is_read(faces: Path, tmp_path: Path) -> None:
    empty = tmp_path / "broken"
    for person in range(25):
        (empty / f"p{person}").mkdir(parents=True)
        (empty / f"p{person}" / "1.jpg").write_bytes(b"not read")
    few = tmp_path / "few"
    shutil.copytree(faces / "heldout", few)
    for person in range(6, 12):
        shutil.rmtree(few / f"person-{person:04d}")
    with pytest.raises(InputError, match=r"heldout=\.\.\.: needs at least 20 people, has 14"):
        probablyexists.audit(empty, few, faces / "samples")
    with pytest.raises(InputError, match=r"training=\.\.\. and heldout=\.\.\.: both are .*broken"):
        probablyexists.audit(empty, empty, faces / "samples")
    with pytest.raises(InputError, match=r"reference=\.\.\.: needs at least 50 people, has 25"):
        probablyexists.blind(faces / "samples", empty)
    for mark in ("findings.json", "sheet.json", "frequent.json"):
        out = tmp_path / mark
        out.mkdir()
        (out / mark).write_text("{}")
        with pytest.raises(InputError, match=rf"out='.*': already holds {mark} \(.*\); .*overwrite=True"):
            probablyexists.blind(faces / "samples", empty, out=out)


def test_overwrite_replaces_the_result_of_any_task(faces: Path, tmp_path: Path) -> None:
    for name in ("sheet.json", "sheet.html", "findings.json", "samples.parquet"):
        (tmp_path / name).write_text("old")
    (tmp_path / "mine.txt").write_text("kept")
    audit(faces, out=tmp_path, overwrite=True)
    written = {
        "findings.json",
        "samples.parquet",
        "neighbours.parquet",
        "nearest.parquet",
        "photos.parquet",
        "report.html",
        "withhold.txt",
    }
    assert {path.name for path in tmp_path.iterdir()} == {*written, "mine.txt"}
    assert (tmp_path / "findings.json").read_text() != "old"


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda samples, faces: np.full(len(faces), np.nan), "not finite"),
        (lambda samples, faces: np.where(np.arange(len(faces)) % 7, 0.0, np.nan), "not finite"),
        (lambda samples, faces: np.zeros(2), r"gave scores of shape \(2,\)"),
        (lambda samples, faces: 1 / 0, "failed .*ZeroDivisionError"),
    ],
)
def test_a_broken_attack_stops_the_audit_and_accuses_nobody(faces: Path, score: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"attack wrong/1: .*{said}"):
        audit(faces, more_attacks=[_Attack(score)])


def test_a_broken_recogniser_stops_the_audit(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Recogniser, "embed", lambda self, chips: np.ones((len(chips), 4), np.float32))
    with pytest.raises(InputError, match=r"recogniser wrong/1: gave float32 \(\d+, 4\) .* unit length"):
        audit(faces, recogniser=_Recogniser(), cache=tmp_path)
    monkeypatch.setattr(_Recogniser, "knows", "lfw")
    with pytest.raises(InputError, match="recogniser='_Recogniser': knows is 'lfw'; it must be a tuple"):
        audit(faces, recogniser=_Recogniser(), cache=tmp_path)


def test_an_output_folder_that_is_empty_text_or_an_input_is_refused(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="out='': is empty; give a folder"):
        audit(faces, out="")
    for out in (faces / "training", faces / "samples", "."):
        with pytest.raises(InputError, match=r"out='.*': is the working folder, or holds the images"):
            audit(faces, out=out)
    same = faces / "training"
    with pytest.raises(InputError, match="is the working folder, or holds the images"):
        probablyexists.audit(same, faces / "heldout", faces / "samples", out=same)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"holds a folder named report\.html; give another folder"):
        audit(faces, out=tmp_path, overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cache='.*file': is a file; give a folder"):
        audit(faces, cache=tmp_path / "file")
    for settings in ({"memory": float("inf")}, {"threads": 10**11}):
        with pytest.raises(InputError, match="should be less than or equal to"):
            audit(faces, **settings)


def test_floats_of_another_range_are_refused() -> None:
    (problem,) = probablyexists.check_generator(lambda seeds: np.full((len(seeds), 64, 64, 3), -200.0))
    assert "values from -200 to -200; say which are black and white" in problem
