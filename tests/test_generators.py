"""Generators: the same seed is the same picture in any company; files that could do harm are refused untouched."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import probablyexists
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Console, Silent
from probablyexists.basis.seeds import rng
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo, write_population
from probablyexists.generators.file_checks import check_trust
from probablyexists.generators.generated_source import SEEDS_A_RUN, GeneratedSource, seed_of
from probablyexists.generators.generator import Generator, Given
from probablyexists.generators.latents import LatentGenerator, Network, latents
from probablyexists.generators.open_file import open_network
from probablyexists.generators.open_generator import generator_at, open_generator
from probablyexists.generators.own_process import Limits, resident
from probablyexists.generators.picture_range import BYTES, SIGNED, UNIT, to_pixels
from probablyexists.images.decode import decode
from probablyexists.results.findings import Findings
from probablyexists.sources.listing import Photo

SIDE = 16
DIM = 5


def weights() -> NDArray[np.float32]:
    return rng(0, "weights").normal(0, 0.7, (DIM, 3 * SIDE * SIDE)).astype(np.float32)


def by_hand(seed: int) -> NDArray[np.uint8]:
    """The linear generator of these tests, written again for one seed."""
    z = rng(seed, "latent").standard_normal((DIM,)).astype(np.float32)
    x = np.tanh(z.astype(np.float64) @ weights()).reshape(3, SIDE, SIDE)
    return np.rint((x + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)


def write_onnx(
    path: Path,
    *,
    rows: int | str = "n",
    dim: int | str = DIM,
    channels: int = 3,
    after: Sequence[onnx.NodeProto] = (),
    scale: float = 1.0,
    more_inputs: Sequence[str] = (),
) -> Path:
    """tanh(z W) * scale as pictures. `after` turns `picture_` into `picture`."""
    table = weights()[:, : channels * SIDE * SIDE]
    constants = {
        "w": table,
        "scale": np.float32(scale),
        "shape": np.array([-1, channels, SIDE, SIDE], np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["tanh"]),
        helper.make_node("Mul", ["tanh", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["picture_"]),
        *(after or [helper.make_node("Identity", ["picture_"], ["picture"])]),
    ]
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [rows, dim])]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 1]) for name in more_inputs]
    nodes += [helper.make_node("Identity", [name], [f"{name}_"]) for name in more_inputs]
    return save_onnx(path, nodes, inputs, constants)


def save_onnx(path: Path, nodes: Any, inputs: Any, constants: dict[str, Any]) -> Path:
    output = helper.make_tensor_value_info("picture", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def open_quickly(where: object, given: Given) -> Generator | None:
    """As `open_generator`, but files in this process: torch would be loaded again by each of their own."""
    found = generator_at(Path(where)) if isinstance(where, str | Path) else None
    if found is None or (found.path.suffix in (".pkl", ".pt2") and not given.trust_pickle):
        return open_generator(where, given)
    return LatentGenerator(open_network(found, given))


def opened(where: object, **given: Any) -> Generator:
    generator = open_quickly(where, Given(**given))
    assert generator is not None
    return generator


def refused(where: object, **given: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_quickly(where, Given(**given))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def check_laws(generator: Generator) -> None:
    """One seed a sample: batch size, order and company change nothing; other seeds give other pictures."""
    seeds = [3, 0, 70_000_000_001, 8, 5, *range(100, 170)]
    together = generator.sample(seeds)
    assert together.dtype == np.uint8
    assert together.shape[0] == len(seeds)
    assert together.shape[3] == 3
    assert (together == generator.sample(seeds)).all()
    assert (together[::-1] == generator.sample(seeds[::-1])).all()
    for i in (0, 2, 40, 74):
        assert (generator.sample([seeds[i]])[0] == together[i]).all()
    assert len({picture.tobytes() for picture in together}) == len(seeds)
    assert generator.sample([]).shape == (0, *together.shape[1:])


# --- seeds, latents, pixels ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=6))
def test_the_latent_of_a_seed_is_its_own(seeds: list[int]) -> None:
    found = latents(seeds, (2, 3))
    assert found.dtype == np.float32
    for row, seed in zip(found, seeds, strict=True):
        assert (row == rng(seed, "latent").standard_normal((2, 3)).astype(np.float32)).all()


def test_pixels_by_hand() -> None:
    values = [-1.0, 1.0, 0.0, -3.0, 3.0, 1 / 255, 2 / 255]
    images = np.tile(np.array(values, np.float32), (1, 3, 1, 1))
    # 0 lies between 127 and 128 and goes to the even one; 1/255 is 128 exactly
    assert to_pixels(images, SIGNED)[0][0, 0, :, 0].tolist() == [0, 255, 128, 0, 255, 128, 128]
    red = np.stack([np.ones((1, 2)), -np.ones((1, 2)), -np.ones((1, 2))])[None]
    assert to_pixels(red, SIGNED)[0].tolist() == [[[[255, 0, 0], [255, 0, 0]]]]
    assert to_pixels(np.array([0.0, 1.0, 0.5, 1.2]).reshape(1, 1, 1, 4).repeat(3, 1), UNIT)[0][0, 0, :, 0].tolist() == [
        0,
        255,
        128,
        255,
    ]
    whole = np.arange(256, dtype=np.float32).reshape(1, 1, 16, 16).repeat(3, 1)
    assert (to_pixels(whole, BYTES)[0][0, :, :, 0].ravel() == np.arange(256)).all()


def test_values_that_are_not_finite_are_counted() -> None:
    images = np.zeros((5, 3, 2, 2), np.float32)
    images[1, 0, 0, 0], images[3, 2] = np.nan, np.inf
    assert set(to_pixels(images, SIGNED)[1]) == {1, 3}


def test_the_network_always_gets_the_same_number_of_rows() -> None:
    given_rows = []

    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        given_rows.append(len(rows))
        return np.tanh(rows @ weights()).reshape(-1, 3, SIDE, SIDE)

    for batch, expected in ((None, {64}), (7, {7})):
        generator = LatentGenerator(Network("id", "x", [DIM], run, batch))
        given_rows.clear()
        check_laws(generator)
        assert set(given_rows) == expected


def test_large_pictures_come_a_few_at_a_time() -> None:
    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.broadcast_to(np.linspace(-1, 1, 512, dtype=np.float32), (len(rows), 3, 512, 512))

    assert LatentGenerator(Network("id", "x", [1], run)).batch == 4


# --- ONNX ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["n", 1, 6])
def test_onnx(tmp_path: Path, rows: int | str) -> None:
    generator = opened(write_onnx(tmp_path / "g.onnx", rows=rows))
    check_laws(generator)
    for seed in (0, 41):
        difference = generator.sample([seed])[0].astype(int) - by_hand(seed)
        assert np.abs(difference).max() <= 1  # float32 at a rounding edge


def test_the_id_follows_the_content(tmp_path: Path) -> None:
    one = opened(write_onnx(tmp_path / "one.onnx"))
    other = opened(write_onnx(tmp_path / "other.onnx", scale=0.9))
    (tmp_path / "sub").mkdir()
    again = opened(write_onnx(tmp_path / "sub" / "one.onnx"))
    assert one.id == again.id
    assert one.id.startswith("onnx/one.onnx/")
    assert one.id.split("/")[2] != other.id.split("/")[2]


def test_damaged_onnx_is_refused_without_a_word_on_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_onnx(tmp_path / "g.onnx", rows="rows")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"rows", b"row\xe2"))  # no UTF-8
    assert "not a usable ONNX model" in refused(path)
    path.write_bytes(data.replace(b"MatMul", b"MadMul"))
    assert "not a usable ONNX model" in refused(path)
    assert capfd.readouterr().out == ""


def test_onnx_that_cannot_be_a_generator(tmp_path: Path) -> None:
    def with_(**options: Any) -> str:
        return refused(write_onnx(tmp_path / "g.onnx", **options))

    assert "(1, 3, height, width)" in with_(channels=1)
    nodes = [
        helper.make_node("ReduceMean", ["z"], ["mean"], axes=[1, 2], keepdims=1),
        helper.make_node("Expand", ["mean", "shape"], ["picture"]),
    ]
    huge = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 50_000, 50_000, 1])]
    path = save_onnx(tmp_path / "huge.onnx", nodes, huge, {"shape": np.array([1, 3, SIDE, SIDE], np.int64)})
    assert "shape (50000, 50000, 1), over 4,194,304 numbers" in refused(path)
    assert "fixed in the model" in with_(dim="d")
    assert "insists on 100,000" in with_(rows=100_000)
    assert "2 inputs (z, label)" in with_(more_inputs=["label"])
    assert "values from -255 to 255; say which are black and white" in with_(scale=255)
    not_a_number = [  # of negative numbers
        helper.make_node("Sqrt", ["picture_"], ["root"]),
        helper.make_node("Neg", ["root"], ["picture"]),
    ]
    assert "16 of 16 samples are no pictures (the generator gave values that are not finite)" in with_(
        after=not_a_number
    )
    fresh_noise = [
        helper.make_node("RandomNormalLike", ["picture_"], ["noise"]),
        helper.make_node("Tanh", ["noise"], ["picture"]),
    ]
    assert "changes from call to call" in with_(after=fresh_noise)
    batch_mean = [
        helper.make_node("ReduceMean", ["picture_"], ["mean"], axes=[0]),
        helper.make_node("Sub", ["picture_", "mean"], ["picture"]),
    ]
    assert "with the seeds beside it" in with_(after=batch_mean)
    (tmp_path / "text.onnx").write_text("not a model")
    assert "not an ONNX model" in refused(tmp_path / "text.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert "not a usable ONNX model" in refused(tmp_path / "empty.onnx")


@pytest.mark.parametrize("place", ["../secret.bin", "beside.bin", "/etc/hostname"])
@pytest.mark.parametrize("nested", [False, True])
def test_onnx_with_data_in_another_file(tmp_path: Path, place: str, nested: bool) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(weights().tobytes())
    (folder / "beside.bin").write_bytes(weights().tobytes())
    path = write_onnx(folder / "g.onnx")
    model = onnx.load(str(path))
    outside = TensorProto(name="w2", data_type=TensorProto.FLOAT, dims=[DIM], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value=place)
    if nested:  # inside the attribute of a node, inside a branch of an If
        constant = helper.make_node("Constant", [], ["c"], value=outside)
        branch = helper.make_graph([constant], "b", [], [helper.make_tensor_value_info("c", 1, [DIM])])
        model.graph.node.append(helper.make_node("If", ["z"], ["u"], then_branch=branch, else_branch=branch))
    else:
        model.graph.initializer.append(outside)
    path.write_bytes(model.SerializeToString())
    assert "keeps the tensor w2 in another file" in refused(path)


# --- Python functions ------------------------------------------------------------------------------------------


def bytes_of(seeds: list[int]) -> NDArray[np.uint8]:
    return np.stack([by_hand(seed) for seed in seeds]) if seeds else np.empty((0, SIDE, SIDE, 3), np.uint8)


def floats_of(seeds: list[int]) -> NDArray[np.float64]:
    return bytes_of(seeds) / 127.5 - 1


def grey_of(seeds: list[int]) -> NDArray[np.uint8]:
    return np.zeros((len(seeds), SIDE, SIDE), np.uint8)


def numbers_of(seeds: list[int]) -> NDArray[np.int64]:
    return np.zeros((len(seeds), SIDE, SIDE, 3), np.int64)


def broken_of(seeds: list[int]) -> NDArray[np.uint8]:
    raise ValueError("no\nidea")


def test_functions() -> None:
    check_laws(opened(f"{__name__}:bytes_of"))
    check_laws(opened(f"{__name__}:floats_of"))
    assert (opened(f"{__name__}:floats_of").sample([4, 9]) == bytes_of([4, 9])).all()
    assert opened(f"{__name__}:bytes_of").id.startswith("callable/test_generators.py/")
    assert "it must give (2, height, width, 3)" in refused(f"{__name__}:grey_of")
    assert "gave int64" in refused(f"{__name__}:numbers_of")
    assert "ValueError: no idea" in refused(f"{__name__}:broken_of")
    assert "has no nothing" in refused(f"{__name__}:nothing")
    assert "is a int; give a function" in refused(f"{__name__}:SIDE")
    assert "there is no module no_such_module" in refused("no_such_module:sample")
    assert "there is no module json.none" in refused("json.none:sample")


def test_a_function_is_imported_only_if_nothing_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lying_here.py").write_text("open('imported', 'w').close()\nimport not_there_either\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("lying_here:sample").mkdir()
    assert open_generator("lying_here:sample") is None
    assert open_generator("lying_here.py:sample()") is None
    assert not Path("imported").exists()
    Path("lying_here:sample").rmdir()
    assert "not_there_either" in refused("lying_here:sample")
    assert Path("imported").exists()


# --- torch -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Pictures this small are made slower by more threads."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def linear_network() -> Any:
    torch = pytest.importorskip("torch")

    class Linear(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.from_numpy(weights()))

        def forward(self, z):  # type: ignore[no-untyped-def]
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    return Linear().eval()


SCRIPTED = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
"""torch would rather have torch.export, and says so when these tests write a TorchScript file."""


def write_side(path: Path, **more: object) -> Path:
    path.with_suffix(".json").write_text(json.dumps({"latent_shape": [DIM], **more}))
    return path


def write_torchscript(path: Path, network: Any, *, how: str = "trace") -> Path:
    torch = pytest.importorskip("torch")
    program = torch.jit.trace(network, torch.zeros(2, DIM)) if how == "trace" else torch.jit.script(network)
    program.save(str(path))
    return write_side(path)


@SCRIPTED
@pytest.mark.parametrize(("name", "how"), [("g.pt", "trace"), ("g.ts", "script")])
def test_torchscript(tmp_path: Path, name: str, how: str) -> None:
    generator = opened(write_torchscript(tmp_path / name, linear_network(), how=how))
    check_laws(generator)
    assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1


@SCRIPTED
def test_the_side_file(tmp_path: Path) -> None:
    network = linear_network()

    class Bytes(type(network)):  # type: ignore[misc]
        def forward(self, z):  # type: ignore[no-untyped-def]
            return (super().forward(z) + 1) * 127.5

    path = write_torchscript(tmp_path / "g.pt", network)
    plain = opened(path).sample([1, 2])
    in_bytes = write_torchscript(tmp_path / "b.pt", Bytes().eval())
    write_side(in_bytes, range=[0, 255])
    assert opened(in_bytes).id.endswith("/cpu/5/0..255")
    assert np.abs(opened(in_bytes).sample([1, 2]).astype(int) - plain).max() <= 1

    side = path.with_suffix(".json")
    for text, said in {
        "[": "Invalid JSON",
        "{}": "latent_shape",
        '{"latent_shape": [5], "rnage": [0, 1]}': "rnage",
        '{"latent_shape": [5], "range": [1, 1]}': "give black, then white",
        '{"latent_shape": [0]}': "positive integers",
        '{"latent_shape": [true]}': "latent_shape.0",
        '{"latent_shape": [99999, 99999]}': "over 4,194,304 numbers",
        '{"latent_shape": [6]}': "fails on latents of shape (1, 6)",
    }.items():
        side.write_text(text)
        assert said in refused(path)
    side.unlink()
    assert "g.pt: the shape of its latents is not known; give it, such as latent_shape='128', or write" in refused(path)


class Touch:
    """A pickle of it runs code when opened: makes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_pickled_pt_is_refused_unread(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mark = tmp_path / "executed"
    torch.save({"G_ema": Touch(mark)}, tmp_path / "saved.pt")
    torch.save({"G_ema": Touch(mark)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Touch(mark)))
    for name in ("saved", "old", "raw"):
        assert "no TorchScript file" in refused(write_side(tmp_path / f"{name}.pt"), trust_pickle=True)
    assert not mark.exists()


@SCRIPTED
def test_torchscript_that_reaches_out_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    Linear = type(linear_network())

    class Saves(Linear):  # type: ignore[misc, valid-type]
        def forward(self, z):  # type: ignore[no-untyped-def]
            torch.save(z, "executed")
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    class Reads(Linear):  # type: ignore[misc, valid-type]
        def forward(self, z):  # type: ignore[no-untyped-def]
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16) + torch.from_file("secret", False, 1)

    class SavesOnLoad(Linear):
        @torch.jit.export
        def __getstate__(self):
            return self.w, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[torch.Tensor, bool]):
            torch.save(state[0], "executed")
            self.w = state[0]
            self.training = state[1]

    assert "aten::save" in refused(write_torchscript(Path("saves.pt"), Saves(), how="script"))
    assert "aten::from_file" in refused(write_torchscript(Path("reads.pt"), Reads(), how="script"))
    on_load = write_torchscript(Path("on_load.pt"), SavesOnLoad(), how="script")
    assert "while the file is read" in refused(on_load)
    assert not Path("executed").exists()


@SCRIPTED
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # made on purpose
def test_a_torchscript_file_with_two_parts_of_one_name(tmp_path: Path) -> None:
    path = write_torchscript(tmp_path / "g.pt", linear_network())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(next(n for n in archive.namelist() if n.endswith(".py")).upper(), "other text")
    assert "made to deceive" in refused(path)


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
def test_exported_only_on_trust(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network, rows = linear_network(), torch.export.Dim("rows", min=1, max=9)
    for name, dynamic in {"open": {0: torch.export.Dim.AUTO}, "upto9": {0: rows}, "fixed": None}.items():
        path = write_side(tmp_path / f"{name}.pt2")
        shapes = None if dynamic is None else (dynamic,)
        torch.export.save(torch.export.export(network, (torch.zeros(4, DIM),), dynamic_shapes=shapes), path)
        assert "add trust_pickle=True" in refused(path)
        generator = opened(path, trust_pickle=True)
        assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1
    check_laws(generator)


def test_a_zip_renamed_pt2(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    mark = tmp_path / "executed"
    path = write_side(tmp_path / "g.pt2")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/model.pt", pickle.dumps(Touch(mark)))
        archive.writestr("a/photo.png", b"")
    assert "add trust_pickle=True" in refused(path)
    assert "torch cannot read it" in refused(path, trust_pickle=True)
    path.write_bytes(b"not a zip")
    assert "no torch.export file" in refused(path, trust_pickle=True)
    assert not mark.exists()


# --- pickles of StyleGAN ---------------------------------------------------------------------------------------


def test_a_pickle_is_refused_without_trust_and_nothing_runs(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    path = tmp_path / "g.pkl"
    path.write_bytes(pickle.dumps({"G_ema": Touch(mark)}))
    message = refused(path)
    assert "run any code" in message
    assert "trust_pickle=True" in message
    assert not mark.exists()
    pytest.importorskip("torch")
    assert "no network under G_ema" in refused(path, trust_pickle=True)
    assert mark.exists()  # which is why the flag is there


class Says(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_stylegan_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    Linear = type(linear_network())

    class G(Linear):  # type: ignore[misc, valid-type]
        z_dim, c_dim = DIM, 0

        def forward(self, z, c, truncation_psi, noise_mode, force_fp32):  # type: ignore[no-untyped-def]
            assert (c.shape, truncation_psi, noise_mode, force_fp32) == ((len(z), 0), 1, "const", True)
            return super().forward(z)

    G.__qualname__ = "G"
    monkeypatch.setattr(sys.modules[__name__], "G", G, raising=False)
    path = tmp_path / "g.pkl"
    path.write_bytes(pickle.dumps({"G": None, "G_ema": G()}))
    says = Says()
    check_trust(path, "a pickle", True, says)
    generator = opened(path, trust_pickle=True)
    check_laws(generator)
    assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1
    (line,) = says.said
    assert "runs whatever code it holds" in line

    monkeypatch.setattr(G, "c_dim", 10)
    assert "c_dim = 10" in refused(path, trust_pickle=True)
    monkeypatch.setattr(G, "c_dim", 0)
    monkeypatch.setattr(G, "z_dim", None)
    assert "fixed in the model" in refused(path, trust_pickle=True)
    path.write_bytes(b"cdnnlib.legacy\nx\n.")
    assert "needs the module dnnlib" in refused(path, trust_pickle=True)
    path.write_bytes(b"\x80")
    assert "cannot be unpickled" in refused(path, trust_pickle=True)
    assert torch.is_grad_enabled()


# --- folders: the lab's, diffusers' ----------------------------------------------------------------------------


def test_lab_checkpoint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from probablyexists.networks.build import build_generator

    spec = {"name": "dcgan", "size": 32, "base": 8}
    torch.manual_seed(0)
    network = build_generator(spec).eval()
    for parameter in network.parameters():
        parameter.data *= 5  # untrained, it gives one grey for all
    description = {
        "format": "probablyexists-generator",
        "version": 1,
        "network": spec,
        "latent_shape": list(network.latent_shape),
    }
    about = tmp_path / "generator.json"
    about.write_text(json.dumps(description))
    assert "generator.safetensors is missing" in refused(tmp_path)
    save_file(network.state_dict(), tmp_path / "generator.safetensors")
    generator = opened(tmp_path)
    check_laws(generator)
    with torch.inference_mode():
        image = network(torch.from_numpy(latents([6], network.latent_shape)))[0]
    expected = torch.round((image.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(generator.sample([6])[0] - expected).max() <= 1

    for changed, said in {
        "format": "no generator of the lab",
        "version": "reads version 1",
        "network": '"network" or "latent_shape" is missing',
    }.items():
        about.write_text(json.dumps({**description, changed: "other"}))
        assert said in refused(tmp_path)
    about.write_text(json.dumps({**description, "network": {**spec, "base": 16}}))
    assert "do not fit" in refused(tmp_path)
    about.write_text(json.dumps({**description, "network": {**spec, "name": "nobody's"}}))
    assert "nobody's" in refused(tmp_path)
    about.write_text(json.dumps({**description, "latent_shape": [2]}))
    assert "fails on latents of shape (1, 2)" in refused(tmp_path)
    about.write_text("[" * 100_000)
    assert "is nested too deeply; copy it again" in refused(tmp_path)


def write_pipeline(folder: Path, steps: int = 2) -> Any:
    """A tiny diffusion pipeline in `folder`; its network."""
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=SIDE,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    ).eval()
    diffusers.DDPMPipeline(network, diffusers.DDPMScheduler(num_train_timesteps=steps)).save_pretrained(folder)
    return network


def test_diffusers_folder(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    network = write_pipeline(tmp_path, 3)
    schedule = diffusers.DDPMScheduler(num_train_timesteps=3)
    generator = opened(tmp_path)
    check_laws(generator)

    # DDIM by its equation 12 with sigma = 0, the predicted picture cut off at +-1 as the schedule says
    x = torch.from_numpy(latents([6], (3, SIDE, SIDE)))
    signal = schedule.alphas_cumprod
    with torch.inference_mode():
        for t in (2, 1, 0):
            noise = network(x, t).sample
            picture = ((x - (1 - signal[t]).sqrt() * noise) / signal[t].sqrt()).clamp(-1, 1)
            before = signal[t - 1] if t else torch.tensor(1.0)
            x = before.sqrt() * picture + (1 - before).sqrt() * noise
    expected = torch.round((x[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(generator.sample([6])[0] - expected).max() <= 1

    index = json.loads((tmp_path / "model_index.json").read_text())
    for changed in (
        {"_class_name": ["my_pipeline", "Mine"]},
        {"_class_name": "StableDiffusionPipeline"},
        {"unet": ["my_unet", "UNet2DModel"]},
        {"scheduler": ["my_scheduler", "DDPMScheduler"]},
        {"safety": ["transformers", "Anything"]},
    ):
        (tmp_path / "model_index.json").write_text(json.dumps({**index, **changed}))
        assert "only DDPMPipeline and DDIMPipeline" in refused(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    for change, said in (
        ({"in_channels": 4}, "4 channels in"),
        ({"num_class_embeds": 10}, "only unconditional"),
        ({"sample_size": 10**6}, "over 4,194,304 numbers"),
        ({"sample_size": None}, "positive integers"),
    ):
        (tmp_path / "unet" / "config.json").write_text(json.dumps({**config, **change}))
        assert said in refused(tmp_path)
    (tmp_path / "unet" / "config.json").write_text(json.dumps(config))
    weights_file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    mark = tmp_path / "executed"
    torch.save({"x": Touch(mark)}, weights_file.with_suffix(".bin"))
    weights_file.unlink()
    assert "saved as safetensors" in refused(tmp_path)
    assert not mark.exists()


def test_a_diffusers_folder_with_its_configs_at_the_root_and_bin_weights(tmp_path: Path) -> None:
    """The form of google/ddpm-celebahq-256."""
    apart, root = tmp_path / "apart", tmp_path / "root"
    network = write_pipeline(apart)
    torch = importlib.import_module("torch")
    root.mkdir()
    for name in ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json"):
        (root / Path(name).name).write_bytes((apart / name).read_bytes())
    weights_file = root / "diffusion_pytorch_model.bin"
    assert "diffusion_pytorch_model.safetensors is missing beside config.json" in refused(root)
    torch.save(network.state_dict(), weights_file)
    generator = opened(root)
    assert generator.id.startswith("diffusers/root/")
    assert (generator.sample([6, 8]) == opened(apart).sample([6, 8])).all()

    mark = tmp_path / "executed"
    torch.save({"conv_in.weight": Touch(mark)}, weights_file)
    assert "cannot be opened" in refused(root)
    weights_file.write_bytes(pickle.dumps(Touch(mark)))
    assert "cannot be opened" in refused(root)
    assert not mark.exists()
    weights_file.with_suffix(".safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    assert "cannot be opened" in refused(root)


def test_the_folder_that_lab_train_wrote_is_its_final_generator(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from probablyexists.lab.checkpoint import save_generator
    from probablyexists.networks.build import build_generator

    spec = {"name": "dcgan", "size": 16, "base": 8}
    networks = [build_generator(spec).eval() for _ in range(2)]
    out = tmp_path / "one"
    save_generator(out / "training" / "generator", networks[0], spec, {})
    save_generator(out / "training" / "snapshots" / "000000640", networks[1], spec, {})
    (out / "split.csv").write_text("path,person,role\n")
    found = [generator_at(folder) for folder in (out, out / "training", out / "training" / "generator")]
    assert {(it.kind, it.path) for it in found if it} == {("lab", out / "training" / "generator")}
    assert all(found)
    generator = opened(out)
    with torch.inference_mode():
        image = networks[0](torch.from_numpy(latents([6], networks[0].latent_shape)))[0]
    expected = torch.round((image.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(generator.sample([6])[0].astype(int) - expected).max() <= 1


@SCRIPTED
@pytest.mark.parametrize(
    ("inside", "said"), [("data/99", "is compressed; torch never does"), ("code/more.py", "are over 64 MiB")]
)
def test_torchscript_that_unpacks_to_far_more_than_it_is(tmp_path: Path, inside: str, said: str) -> None:
    path = write_torchscript(tmp_path / "g.pt", linear_network())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/{inside}", bytes(65 * 2**20))
    assert path.stat().st_size < 2**20
    assert said in refused(path)


@pytest.mark.skipif(resident(os.getpid()) is None, reason="this system does not tell a process's memory")
def test_a_lab_folder_that_describes_a_giant_network_is_ended(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    network = {"name": "dcgan", "size": 128, "base": 512}
    description = {"format": "probablyexists-generator", "version": 1, "network": network, "latent_shape": [128]}
    (tmp_path / "generator.json").write_text(json.dumps(description))
    (tmp_path / "generator.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match=r"opening it took over .* GiB of memory, and was ended"):
        open_generator(tmp_path, None, Limits(memory=0.2))
    description["network"] = {"name": "dcgan", "size": 16, "base": 8}  # as large as its weights say they are
    (tmp_path / "generator.json").write_text(json.dumps(description))
    assert "do not fit (SafetensorError: " in refused(tmp_path)


# --- as a source, in an audit ----------------------------------------------------------------------------------


def test_what_is_no_generator_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    for where in (tmp_path, tmp_path / "a.zip", tmp_path / "nowhere", tmp_path / "nowhere.onnx"):
        assert open_generator(where) is None
    (tmp_path / "w.safetensors").write_bytes(b"")
    assert "weights without their network" in refused(tmp_path / "w.safetensors")


def test_a_source_makes_the_same_photos_again(tmp_path: Path) -> None:
    generator = opened(write_onnx(tmp_path / "g.onnx"))
    source = GeneratedSource(generator, "g.onnx", 70, seed=0)
    assert source.photos[0] == Photo("seed-0000000.png", None)
    assert list(source.photos) == sorted(source.photos)
    assert [seed_of(photo) for photo in source.photos] == list(range(70))
    whole = dict(source.stream(source.photos))
    few = [source.photos[i] for i in (69, 3, 30)]
    assert list(source.stream(few)) == [(photo, whole[photo]) for photo in few]
    data = whole[source.photos[3]]
    assert isinstance(data, bytes)
    assert (decode(data) == generator.sample([3])[0]).all()
    other = GeneratedSource(generator, "g.onnx", 70, seed=2)
    assert other.photos[-1].path == "seed-20000069.png"
    assert not set(other.photos) & set(source.photos)
    assert SEEDS_A_RUN == 10**7
    for samples, seed in ((70, -1), (0, 0), (SEEDS_A_RUN + 1, 0)):
        with pytest.raises(InputError, match=r"^g\.onnx: "):
            GeneratedSource(generator, "g.onnx", samples, seed)


def test_a_source_of_a_function_can_be_sent_to_other_machines_and_of_a_file_cannot(tmp_path: Path) -> None:
    source = GeneratedSource(opened(f"{__name__}:bytes_of"), "mine", 3, 0, Console())
    again = pickle.loads(pickle.dumps(source))
    assert list(again.stream(again.photos)) == list(source.stream(source.photos))
    drawn = open_generator(write_onnx(tmp_path / "g.onnx"))
    assert drawn is not None
    with pytest.raises(TypeError):  # which the engine says in its own words
        pickle.dumps(GeneratedSource(drawn, "file", 3, 0))


def write_copycat(path: Path, photos: NDArray[np.uint8]) -> Path:
    """An ONNX generator that gives one of its training photos, which one the latent says."""
    table = (photos.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
    nodes = [
        helper.make_node("ArgMax", ["z"], ["which"], axis=1, keepdims=0),
        helper.make_node("Gather", ["table", "which"], ["picture"], axis=0),
    ]
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", len(photos)])]
    return save_onnx(path, nodes, inputs, {"table": table})


def test_an_audit_of_a_generator(tmp_path: Path, cache: Path) -> None:
    write_population(tmp_path / "training", range(6), range(2), kind="png")
    write_population(tmp_path / "heldout", range(8, 29), range(2), kind="png")
    trained_on = [draw_photo(draw_person(0, person), 0, 128) for person in (2, 5)]
    strangers = [draw_photo(draw_person(0, 1000 + i), 0, 128) for i in range(10)]
    model = write_copycat(tmp_path / "gan.onnx", np.stack([*trained_on, *strangers]))
    arguments = ["audit", "--training", tmp_path / "training", "--heldout", tmp_path / "heldout", "--generated", model]
    more = [
        "--out",
        tmp_path / "out",
        "--samples",
        48,
        "--seed",
        1,
        "--faces",
        "aligned",
        "--show-names",
        "-q",
        "--json",
    ]
    result = CliRunner().invoke(app, [str(a) for a in arguments + more])
    assert result.exit_code == 0, result.output
    findings = Findings.read(tmp_path / "out")

    assert findings.verdict == "leak"
    generator = opened(model)
    shows = latents(range(SEEDS_A_RUN, SEEDS_A_RUN + 48), (12,)).argmax(axis=1)
    expected = {f"seed-{SEEDS_A_RUN + i}.png": f"person-000{(2, 5)[k]}" for i, k in enumerate(shows) if k < 2}
    assert len(set(expected.values())) == 2
    copies = {row["sample"]: row["person"] for row in findings.samples.to_pylist() if row["kind"] == "copy"}
    assert copies == expected
    assert set(expected) <= set((tmp_path / "out" / "withhold.txt").read_text().splitlines())
    (role,) = (role for role in findings.data.roles if role.role == "generated")
    assert (role.source, role.n_images) == (str(model), 48)
    signed = findings.signature.settings
    assert signed["generator"] == generator.id
    assert (signed["samples"], signed["seed"], signed["generated"]) == (48, 1, str(model))


def test_settings_of_generators_are_refused_in_one_line(tmp_path: Path) -> None:
    people, heldout = tmp_path / "people", tmp_path / "heldout"
    write_population(people, [0], [0])
    write_population(heldout, [1], [0])
    model = write_onnx(tmp_path / "g.onnx")

    def message(generated: object, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            probablyexists.audit(people, heldout, str(generated), **options)
        return str(caught.value)

    assert message(heldout, samples=9).startswith(f"generated='{heldout}': contains 1 images, and all of them are used")
    assert message(model, samples=0).startswith("samples=0: ")
    assert "the seed is -1" in message(model, seed=-1)
    assert message("no_such_module:sample").startswith("generated='no_such_module:sample': there is no module")
    assert "does not exist" in message(tmp_path / "nowhere.onnx")
    (tmp_path / "g.pkl").write_bytes(b"")
    assert "add trust_pickle=True" in message(tmp_path / "g.pkl")
