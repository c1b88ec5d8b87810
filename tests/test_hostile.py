"""A small form of `scripts/hostile.py`: a few hostile inputs of each kind, and nothing that must never happen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import probablyexists
from drawn_world import World

SCRIPTS = Path(__file__).parents[1] / "scripts"
EACH = 4
"""Inputs of each kind."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield


@pytest.fixture(scope="module")
def base(scripts: None, world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the workers, with findings of this run's audit."""
    folder = tmp_path_factory.mktemp("hostile")
    audit = folder / "base" / "audit"
    audit.mkdir(parents=True)
    probablyexists.audit(world.training, world.heldout, world.leaking).write(audit)
    return folder


def test_hostile_inputs_do_no_harm(base: Path) -> None:
    """Each kind but those that take long to make; `python scripts/hostile.py` tries all."""
    import hostile

    kinds = [kind for kind in hostile.KINDS if kind.suite]
    todo = [(kind.name, number) for number in range(EACH) for kind in kinds]
    outcomes = hostile.run(todo, argparse.Namespace(seed=0, jobs=2, out=None, only=""), base)
    assert sorted((outcome.kind, outcome.number) for outcome in outcomes) == sorted(todo)
    bad = [outcome for outcome in outcomes if outcome.faults]
    assert not bad, f"{len(bad)} inputs show a fault:\n{hostile.faults(bad)}"
    assert sum(outcome.result == "refused" for outcome in outcomes) > len(todo) / 4
    assert sum(outcome.result == "read" for outcome in outcomes) > len(todo) / 10


def test_an_input_is_the_same_for_the_same_number(scripts: None, tmp_path: Path) -> None:
    from hostile_inputs.catalogue import kinds_by_name
    from hostile_inputs.kind import draw_of

    for name in ("image: png", "source: zip", "source: .tar", "generator: ONNX"):
        made = []
        for again in ("one", "two"):
            folder = tmp_path / again / name.replace(" ", "-") / "in"
            folder.mkdir(parents=True)
            note = kinds_by_name()[name].plant(draw_of(0, name, 5), folder, None).note
            made.append((note, [path.read_bytes() for path in sorted(folder.iterdir())]))
        assert made[0] == made[1]


def test_the_judge_sees_what_must_never_happen(scripts: None, tmp_path: Path) -> None:
    """Each column is filled by an input that does the harm."""
    from hostile_inputs.judge import Auditor, Jail, judge
    from hostile_inputs.kind import OUTSIDE, Planted
    from hostile_inputs.pages import judged_page
    from probablyexists.basis.errors import InputError

    jail = Jail(tmp_path / "w0")
    auditor = Auditor(jail)
    outside = jail.root / OUTSIDE

    def lines() -> None:
        raise InputError("two\nlines")

    def colours() -> None:
        raise InputError("red \x1b[31m")

    harms = {
        "crashed": (lambda: 1 / 0, lines),
        "executed": ((outside / "executed").mkdir, lambda: __import__("os").system("true")),
        "escaped": (
            colours,
            (outside / "secret.txt").read_text,
            lambda: (tmp_path / "elsewhere").write_text("x"),
            lambda: np.fromfile(outside / "secret.bin", np.uint8),
            lambda: judged_page("<p title='a'><img src=x id=planted onerror='alert(1)'></p>", "a page"),
        ),
    }
    for column, reads in harms.items():
        for number, read in enumerate(reads):
            jail.emptied()
            outcome = judge(Planted(column, read), column, number, jail, auditor)
            found = {fault.column for fault in outcome.faults}
            assert column in found <= {column, "escaped"}, (column, number, outcome)
    wrong = judge(Planted("wrong", lambda: 1, lambda _: "other numbers"), "wrong", 0, jail, auditor)
    assert [fault.column for fault in wrong.faults] == ["wrong success"]
    (jail.input / "link").symlink_to(outside / "secret.txt")
    for read in (
        (outside / "secret.txt").read_text,
        lambda: np.fromfile(outside / "secret.bin", np.uint8),
    ):
        for number in range(150):  # more than a user may have of the system's watches
            outcome = judge(Planted("again", read), "again", number, jail, auditor)
            assert {fault.column for fault in outcome.faults} == {"escaped"}, number
    outcome = judge(Planted("a link, not what it names", (jail.input / "link").unlink), "link", 0, jail, auditor)
    assert not outcome.faults
    fine = judge(Planted("fine", lambda: (jail.input / "x").write_text("x")), "fine", 0, jail, auditor)
    assert not fine.faults
    assert fine.result == "read"
