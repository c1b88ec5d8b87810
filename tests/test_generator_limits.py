"""A generator that is a file runs in a process of its own: it is ended when it takes too long, takes too much memory,
or when nobody needs it any more."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from probablyexists.basis.errors import InputError
from probablyexists.cli.app import app
from probablyexists.drawn.population import write_population
from probablyexists.generators.file_generator import FileGenerator
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import Generator, Given
from probablyexists.generators.latents import BATCH_WORK, LatentGenerator, Network
from probablyexists.generators.onnx_file import open_onnx
from probablyexists.generators.open_generator import open_generator
from probablyexists.generators.own_process import Limits, OwnProcess, resident
from test_generators import (
    DIM,
    SCRIPTED,
    SIDE,
    Says,
    by_hand,
    linear_network,
    save_onnx,
    weights,
    write_onnx,
)

LINUX = pytest.mark.skipif(resident(os.getpid()) is None, reason="this system does not tell a process's memory")


def latent_input() -> list[Any]:
    return [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", DIM])]


def pictures_of(name: str) -> list[Any]:
    return [
        helper.make_node("MatMul", [name, "w"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["tanh"]),
        helper.make_node("Reshape", ["tanh", "shape"], ["picture"]),
    ]


SHAPE = np.array([-1, 3, SIDE, SIDE], np.int64)


def write_endless(path: Path, start: str = "z") -> Path:
    """A loop of 2^62 rounds; over a constant, ONNX Runtime runs it while the file is opened."""
    ports = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, DIM]),
    ]
    nodes = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Mul", ["x", "one"], ["y"])]
    out = [
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("y", 1, [None, DIM]),
    ]
    body = helper.make_graph(nodes, "body", ports, out)
    loop = helper.make_node("Loop", ["rounds", "yes", start], ["round"], body=body)
    more = [helper.make_node("Add", ["round", "z"], ["sum"])]
    constants = {"one": np.float32(1), "rounds": np.array(2**62), "yes": np.array(True), "w": weights(), "shape": SHAPE}
    constants["zeros"] = np.zeros((1, DIM), np.float32)
    return save_onnx(path, [loop, *more, *pictures_of("sum")], latent_input(), constants)


def write_greedy(path: Path) -> Path:
    """A constant of 2^31 numbers, 8 GiB, from a file of a kilobyte."""
    value = numpy_helper.from_array(np.array([0.0], np.float32))
    nodes = [
        helper.make_node("ConstantOfShape", ["many"], ["large"], value=value),
        helper.make_node("ReduceMax", ["large"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["z", "nothing"], ["same"]),
        *pictures_of("same"),
    ]
    return save_onnx(path, nodes, latent_input(), {"many": np.array([2**31]), "w": weights(), "shape": SHAPE})


def refused(path: Path, seconds: float = 25.0, memory: float = 2.0) -> str:
    before = children()
    with pytest.raises(InputError) as caught:
        open_generator(path, None, Limits(seconds, memory))
    assert children() == before
    message = str(caught.value)
    assert "\n" not in message
    return message


def children() -> set[int]:
    """The processes that this one started and that run."""
    try:
        return {int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
    except OSError:
        return set()


@pytest.mark.parametrize("start", ["z", "zeros"])
def test_an_onnx_file_with_an_endless_loop_is_ended(tmp_path: Path, start: str) -> None:
    message = refused(write_endless(tmp_path / "g.onnx", start), seconds=0.6)
    assert "took over 0.6 seconds, and was ended; if it is only slow, raise picture_seconds=0.6" in message


@LINUX
def test_an_onnx_file_that_asks_for_gigabytes_is_ended(tmp_path: Path) -> None:
    message = refused(write_greedy(tmp_path / "g.onnx"), memory=0.2)
    assert "GiB of memory, and was ended; if it needs that much, raise memory=0.2" in message


@LINUX
def test_a_pickle_that_asks_for_gigabytes_is_ended_and_what_it_prints_is_not_seen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "g.pkl"
    code = "[__import__('os').write(n, b'noise\\n' * 99999) for n in (1, 2)] and bytearray(1 << 30) * 8"
    path.write_bytes(b"c__builtin__\neval\n(V" + code.encode("raw-unicode-escape") + b"\ntR.")
    with pytest.raises(
        InputError, match=r"g.pkl: opening it took over \d.\d GiB of memory, and was ended; .* memory=0.2"
    ):
        open_generator(path, Given(trust_pickle=True), Limits(25.0, 0.2))
    assert capfd.readouterr() == ("", "")


ANSWERS = {
    "crash": ("os.abort()", r"it: its process ended while working \(signal 6.*\); it is not used"),
    "exit": ("sys.exit('no\\x1b[31m idea')", r"ended while working \(exit code 1: 'no\\x1b\[31m idea'\)"),
    "no object": ("answer('[1]')", "gave an answer that cannot be read"),
    "deep": ("answer('[' * 99999)", "gave an answer that cannot be read"),
    "long": ("answer('{}', 99)", "gave an answer that cannot be read"),  # 0 bytes were expected
    "half": ("os.write(1, b'abc')", "gave an answer that cannot be read"),
    "colours": ("""answer('{"error": "it: \\\\u001b[2J"}')""", r"^it: \?\[2J$"),
    "memory": ("""answer('{"memory": true}')""", "working took too much memory"),
    "silence": ("sys.stdin.read()", "working took over 0.3 seconds"),
}


@pytest.mark.parametrize("how", ANSWERS)
def test_whatever_a_process_answers_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    code, said = ANSWERS[how]
    (tmp_path / "stranger.py").write_text(
        "import os, struct, sys\n"
        "def answer(header, length=0):\n"
        "    os.write(1, struct.pack('>II', len(header), length) + header.encode() + b'x' * length)\n"
        f"def main():\n    {code}\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    process = OwnProcess("stranger", "it", Limits())
    with pytest.raises(InputError, match=said) as caught:
        process.answer(0.3 if how == "silence" else 20, "working", lambda waited: None)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@SCRIPTED
def test_a_pipe_or_a_huge_file_beside_a_model_is_not_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.jit.trace(linear_network(), torch.zeros(2, DIM)).save(str(tmp_path / "g.pt"))
    os.mkfifo(tmp_path / "g.json")
    from test_generators import refused as refused_here

    assert "g.json: is a pipe, a device or a folder" in refused_here(tmp_path / "g.pt")
    (tmp_path / "g.json").unlink()
    with (tmp_path / "g.json").open("wb") as file:
        file.truncate(20 * 2**30)
    assert "g.json: has 20,480.0 MiB, over 1 MiB; it is not read" in refused_here(tmp_path / "g.pt")

    folder = tmp_path / "pipeline"
    (folder / "unet").mkdir(parents=True)
    index = {
        "_class_name": "DDPMPipeline",
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDPMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    os.mkfifo(folder / "unet" / "config.json")
    pytest.importorskip("diffusers")
    assert "config.json: is a pipe, a device or a folder" in refused_here(folder)


@pytest.mark.parametrize("name", ["g.onnx", "g.pt", "g.pkl", "g.pt2"])
def test_a_sparse_file_of_20_gib_is_refused_at_once(tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    with (tmp_path / name).open("wb") as file:
        file.truncate(20 * 2**30)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"has 20\.0 GiB, over [28] GiB; it is not read"):
        open_generator(tmp_path / name, Given(trust_pickle=True))
    assert time.monotonic() - started < 1


@LINUX
def test_the_process_ends_with_its_generator_and_with_its_parent(tmp_path: Path) -> None:
    generator = open_generator(write_onnx(tmp_path / "g.onnx"))
    assert generator is not None
    (child,) = children()
    assert np.abs(generator.sample([6])[0].astype(int) - by_hand(6)).max() <= 1
    del generator
    assert children() == set()
    assert not Path(f"/proc/{child}").exists()

    # a parent that is killed while its generator loops: nobody is left to end it
    code = (
        "import sys; from probablyexists.generators.open_generator import open_generator; open_generator(sys.argv[1])"
    )
    looping = write_endless(tmp_path / "endless.onnx")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code, str(looping)], env=environment)
    orphan = waited_for(lambda: next(iter(children_of(parent.pid)), None))
    waited_for(lambda: cpu_seconds(orphan) > 0.5 or None)
    parent.kill()
    parent.wait()
    waited_for(lambda: None if Path(f"/proc/{orphan}").exists() else True)


def waited_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while (it := found()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return it


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_generator_that_was_stopped_gives_no_late_picture_for_another_seed(tmp_path: Path) -> None:
    """In a notebook, a stopped audit leaves the generator: an answer that comes later is not that of the next seeds."""
    generator = open_generator(write_onnx(tmp_path / "g.onnx"))
    assert isinstance(generator, FileGenerator)

    def stop(seconds: float, doing: str) -> Any:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "_answer", stop)
        with pytest.raises(KeyboardInterrupt):
            generator.sample([1])
    with pytest.raises(InputError, match="its process was ended; open it again"):
        generator.sample([2])


@LINUX
def test_ctrl_c_while_a_generator_loops_leaves_no_process(tmp_path: Path, cache: Path) -> None:
    for name, first in (("training", 0), ("heldout", 10)):
        write_population(tmp_path / name, range(first, first + 21 if first else 3), range(1), kind="jpg")
    given = ["--training", "training", "--heldout", "heldout", "--generated", "g.onnx", "--out", "out"]
    write_endless(tmp_path / "g.onnx")
    command = [sys.executable, "-m", "probablyexists", "audit", *given, "--cache", str(cache)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    audit = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    child = waited_for(lambda: next((c for c in children_of(audit.pid) if cpu_seconds(c) > 0.7), None))
    os.killpg(audit.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, said = audit.communicate(timeout=20)
    assert audit.returncode == 130
    assert "Traceback" not in said
    assert not Path(f"/proc/{child}").exists()


def test_a_module_in_the_working_folder_does_not_hide_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("open('executed', 'w')")
    path = write_onnx(tmp_path / "g.onnx")
    monkeypatch.chdir(tmp_path)
    assert open_generator(path) is not None
    assert not (tmp_path / "executed").exists()


@LINUX
def test_an_onnx_generator_does_not_load_torch(tmp_path: Path) -> None:
    generator = open_generator(write_onnx(tmp_path / "g.onnx"))
    assert generator is not None
    (child,) = children()
    assert "libtorch" not in Path(f"/proc/{child}/maps").read_text()


def test_the_batch_follows_from_the_arithmetic_not_from_a_clock(tmp_path: Path) -> None:
    """By hand: a matrix product of DIM x (3 * SIDE * SIDE) takes two operations for each pair."""
    path = write_onnx(tmp_path / "g.onnx")
    network = open_onnx(path, Given())
    assert network.counted is not None
    rows = np.zeros((1, DIM), np.float32)
    by_hand_work = 2 * DIM * 3 * SIDE * SIDE
    assert network.counted(rows)[1] == by_hand_work
    torch = pytest.importorskip("torch")
    from probablyexists.generators.torch_run import TorchRun

    assert TorchRun(linear_network(), torch.device("cpu"), "x").counted(rows)[1] == by_hand_work

    given_rows: list[int] = []

    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        given_rows.append(len(rows))
        return np.tanh(rows @ weights()).reshape(-1, 3, SIDE, SIDE)

    for work, batch in ((BATCH_WORK / 64, 64), (BATCH_WORK / 63, 32), (BATCH_WORK / 5, 4), (BATCH_WORK * 9, 1)):
        given_rows.clear()
        generator = LatentGenerator(Network("id", "x", [DIM], run, counted=lambda rows, work=work: (run(rows), work)))
        assert generator.batch == batch
        assert sum(given_rows) == 3  # one picture alone, then two: no whole batch
        generator.sample(range(batch + 1))
        assert given_rows[2:] == [batch, batch]
    few = [LatentGenerator(Network("id", "x", [DIM], run, samples=samples)).batch for samples in (1, 4, 5, 40, 9999)]
    assert few == [2, 4, 8, 64, 64]


class Slow:
    """A generator whose pictures take 6 seconds on a clock of its own."""

    id, batch = "slow", 2

    def __init__(self) -> None:
        self.now = 0.0

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        self.now += 6 * len(seeds)
        return np.zeros((len(seeds), SIDE, SIDE, 3), np.uint8)


def test_a_slow_generator_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, says = Slow(), Says()
    generator: Generator = slow
    monkeypatch.setattr("probablyexists.generators.generated_source.time.monotonic", lambda: slow.now)
    source = GeneratedSource(generator, "slow", 100, 0, says)
    list(source.stream(source.photos))
    assert says.said[0] == "drawn 2 of 100 samples; 10 minutes left to draw"
    assert len(says.said) == 49


def test_threads_reach_a_torch_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    (tmp_path / "counting.py").write_text(
        "import torch\n"
        "class G(torch.nn.Module):\n"
        "    z_dim = 5\n"
        "    def forward(self, z, c, **more):\n"
        "        return z.new_full((len(z), 3, 16, 16), float(torch.get_num_threads()))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "g.pkl"
    path.write_bytes(pickle.dumps({"G_ema": importlib.import_module("counting").G()}))
    generator = open_generator(path, Given(trust_pickle=True, threads=3, picture_range=(0.0, 255.0)))
    assert generator is not None
    assert generator.sample([0]).max() == 3


def test_the_help_names_the_side_file_and_the_options() -> None:
    said = " ".join(CliRunner().invoke(app, ["audit", "--help"], env={"COLUMNS": "200"}).output.split())
    assert '{"latent_shape": [512], "range": [-1, 1]}' in said
    for name in ("--latent-shape", "--picture-range", "--picture-seconds"):
        assert name in said
