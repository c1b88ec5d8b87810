"""The range of a generator's pictures: one rule for every kind, and what is no picture is set aside and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

import probablyexists
from probablyexists.basis.errors import ImageError, InputError
from probablyexists.drawn.population import draw_person, draw_photo, write_population
from probablyexists.generators.callables import CallableGenerator
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import BrokenPictures
from probablyexists.generators.latents import latents
from probablyexists.generators.open_generator import open_generator
from probablyexists.generators.picture_range import BYTES, SIGNED, UNIT, Range
from test_generators import DIM, SCRIPTED, Says, by_hand, linear_network, opened, refused, write_onnx, write_side

RANGES = {"[-1, 1]": (1 / 127.5, -1.0), "[0, 1]": (1 / 255, 0.0), "[0, 255]": (1.0, 0.0)}
"""What pictures in 0 to 255 are multiplied with, and what is added."""


def drawn(seeds: list[int]) -> NDArray[np.float64]:
    """Drawn people, (n, 64, 64, 3), 0 to 255."""
    return np.stack([draw_photo(draw_person(0, 100 + seed), 0, 64) for seed in seeds]).astype(float)


@pytest.mark.parametrize("name", RANGES)
def test_a_function_with_floats_in_any_usual_range_gives_the_same_pictures(name: str) -> None:
    factor, shift = RANGES[name]
    generator = CallableGenerator(lambda seeds: drawn(seeds) * factor + shift, "mine")
    assert str(generator.range) == name
    assert np.abs(generator.sample([0, 1, 9]) - drawn([0, 1, 9])).max() <= 1


@SCRIPTED
@pytest.mark.parametrize("name", ["[0, 1]", "[0, 255]"])
def test_a_network_of_any_kind_in_another_range_gives_the_same_pictures(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    white = 1.0 if name == "[0, 1]" else 255.0
    network = linear_network()

    class Positive(type(network)):  # type: ignore[misc]
        latent_shape = (DIM,)

        def forward(self, z):  # type: ignore[no-untyped-def]
            return (super().forward(z) + 1) * (white / 2)

    positive = Positive().eval()
    after = [
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.float32(1))),
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.float32(white / 2))),
        helper.make_node("Add", ["picture_", "one"], ["above"]),
        helper.make_node("Mul", ["above", "half"], ["picture"]),
    ]
    torch.jit.trace(positive, torch.zeros(2, DIM)).save(str(tmp_path / "g.pt"))
    generators = [
        opened(write_onnx(tmp_path / "g.onnx", after=after)),
        opened(write_side(tmp_path / "g.pt")),
        open_generator(positive),
    ]
    if white == 1:
        torch.export.save(torch.export.export(positive, (torch.zeros(4, DIM),)), write_side(tmp_path / "h.pt2"))
        generators.append(opened(tmp_path / "h.pt2", trust_pickle=True))
    for generator in generators:
        assert str(generator.range) == name  # type: ignore[union-attr]
        assert generator is not None
        assert generator.id.endswith(f"/0..{white:g}")
        assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1


def test_what_cannot_be_told_is_asked_for_and_what_is_flat_is_grey(tmp_path: Path) -> None:
    def of(values: float, spread: float) -> Any:
        return lambda seeds: values + spread * (drawn(seeds) / 127.5 - 1)

    with pytest.raises(InputError, match=r"mine: .* hold values from -\d+ to \d+; say .* picture_range='-1,1'"):
        CallableGenerator(of(0, 127.5), "mine")
    with pytest.raises(InputError, match="say which are black and white"):
        CallableGenerator(of(5, 4), "mine")
    asked = CallableGenerator(of(0, 127.5), "mine", within=Range(-127.5, 127.5))
    assert np.abs(asked.sample([3]) - drawn([3])).max() <= 1
    assert asked.id.endswith("/-127.5..127.5")
    assert CallableGenerator(lambda seeds: drawn(seeds) / 255 * 0.4, "mine").range == UNIT  # dark, not flat
    assert CallableGenerator(of(0, 0.01), "mine").range == SIGNED  # an untrained network: one grey
    assert CallableGenerator(of(-1, 0), "mine").sample([0]).max() == 0
    assert CallableGenerator(lambda seeds: np.zeros((len(seeds), 64, 64, 3), np.uint8), "mine").range == BYTES


def test_bright_pictures_are_looked_at_for_longer() -> None:
    """Pictures of a generator in [-1, 1] of which the first two have nothing below mid-grey."""

    def bright(seeds: list[int]) -> NDArray[np.float64]:
        signed = drawn(seeds) / 127.5 - 1
        return np.stack([np.abs(one) if seed < 2 else one for seed, one in zip(seeds, signed, strict=True)])

    assert CallableGenerator(bright, "mine").range == SIGNED


def test_a_picture_far_outside_the_range_is_set_aside() -> None:
    def late(seeds: list[int]) -> NDArray[np.float64]:
        return np.stack([drawn([seed])[0] / 255 * (1 if seed < 100 else -1) for seed in seeds])

    generator = CallableGenerator(late, "mine")
    assert generator.range == UNIT
    with pytest.raises(BrokenPictures, match=r"mine: 1 of 3 samples are no pictures \(outside \[0, 1\]\)") as caught:
        generator.sample([4, 100, 5])
    assert caught.value.broken == {1: "outside [0, 1]"}
    assert np.abs(caught.value.pictures[[0, 2]] - drawn([4, 5])).max() <= 1


def test_one_sample_of_nan_in_130_is_set_aside_and_counted(tmp_path: Path) -> None:
    """Of a file, through its process: a model whose picture is NaN where the first number of its latent is large."""
    limit = 2.0
    after = [
        helper.make_node("Constant", [], ["limit"], value=numpy_helper.from_array(np.float32(limit))),
        helper.make_node("Constant", [], ["first"], value=numpy_helper.from_array(np.array([0], np.int64))),
        helper.make_node("Gather", ["z", "first"], ["number"], axis=1),
        helper.make_node("Sub", ["limit", "number"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Constant", [], ["zero"], value=numpy_helper.from_array(np.float32(0))),
        helper.make_node("Constant", [], ["four"], value=numpy_helper.from_array(np.array([-1, 1, 1, 1], np.int64))),
        helper.make_node("Reshape", ["nothing", "four"], ["wide"]),
        helper.make_node("Add", ["picture_", "wide"], ["picture"]),
    ]
    after.sort(key=lambda node: node.op_type != "Constant")
    generator = open_generator(write_onnx(tmp_path / "g.onnx", after=after))
    assert generator is not None
    bad = latents(range(130), (DIM,))[:, 0] > limit
    assert 0 < bad.sum() < 10
    source = GeneratedSource(generator, "g.onnx", 130, 0)
    given = [data for _, data in source.stream(source.photos)]
    assert [isinstance(data, ImageError) for data in given] == bad.tolist()
    assert {data.reason for data in given if isinstance(data, ImageError)} == {
        "the generator gave values that are not finite"
    }


def test_an_audit_counts_samples_of_nan_and_tells_the_range(tmp_path: Path, cache: Path) -> None:
    write_population(tmp_path / "training", range(3), range(1), kind="png")
    write_population(tmp_path / "heldout", range(8, 29), range(1), kind="png")

    def mostly(seeds: list[int]) -> NDArray[np.float32]:
        pictures = (drawn(seeds) / 255).astype(np.float32)
        pictures[[seed == 7 for seed in seeds]] = np.nan
        return pictures

    says = Says()
    findings = probablyexists.audit(
        tmp_path / "training", tmp_path / "heldout", mostly, samples=12, faces="aligned", progress=says
    )
    (role,) = (role for role in findings.data.roles if role.role == "generated")
    assert role.n_images == 12
    assert role.n_unreadable == {"the generator gave values that are not finite": 1}
    assert any("pictures in [0, 1]" in line for line in says.said)


def test_the_options_say_the_shape_of_a_latent_and_the_range(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network = linear_network()
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.trace(network, torch.zeros(2, DIM)).save(str(tmp_path / "g.pt"))
    assert "give it, such as latent_shape='128', or write g.json beside it" in refused(tmp_path / "g.pt")
    generator = opened(tmp_path / "g.pt", latent_shape=(DIM,), picture_range=(-1.0, 1.0))
    assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1
    write_side(tmp_path / "g.pt", range=[0, 1])
    assert opened(tmp_path / "g.pt", picture_range=(-1.0, 1.0)).id.endswith(f"/{DIM}")  # the option wins
    assert "its latents have shape (5); leave out latent_shape" in refused(
        write_onnx(tmp_path / "g.onnx"), latent_shape=(9,)
    )
    free = write_onnx(tmp_path / "free.onnx", dim="d")
    assert opened(free, latent_shape=(DIM,)).id.endswith(f"/{DIM}")
    for wrong, said in {"5,x": "give positive integers", "0": "give positive integers", "1.5": "give positive"}.items():
        with pytest.raises(InputError, match=f"latent_shape='{wrong}': {said}"):
            probablyexists.audit(tmp_path, tmp_path, free, latent_shape=wrong)
    with pytest.raises(InputError, match="picture_range='1,0': give black, then white"):
        probablyexists.audit(tmp_path, tmp_path, free, picture_range="1,0")
