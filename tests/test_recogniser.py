"""Recognisers: our graph against dlib itself, laws of the embeddings, and networks small enough to work out by hand."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import pickle
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from probablyexists.basis.errors import InputError
from probablyexists.basis.model_files import RECOGNISER_SHA256, model_file
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings import known_networks, recognisers
from probablyexists.embeddings.dlib_onnx import build_graph, graph_of
from probablyexists.embeddings.dlib_ranges import RANGES
from probablyexists.embeddings.dlib_weights import DlibWeights, read_weights
from probablyexists.embeddings.known_networks import BUFFALO_L
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import DlibRecogniser, open_recogniser
from probablyexists.faces.alignment import cut_chip
from probablyexists.faces.boxes import Box, frame_box
from probablyexists.faces.landmarks import landmarks

N_FACES = 33


def on_frame(image: Image.Image) -> NDArray[np.float64]:
    """The landmarks found on the frame."""
    (points,) = landmarks([np.asarray(image)], [frame_box(image.size)])
    return points


def chip_of(photo: Image.Image) -> NDArray[np.uint8]:
    return cut_chip(np.asarray(photo), on_frame(photo))


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    """Photos of 33 drawn people, 192 pixels."""
    return [Image.fromarray(draw_photo(draw_person(5, n), n % 4, 192)) for n in range(N_FACES)]


@pytest.fixture(scope="module")
def chips(photos: list[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([chip_of(photo) for photo in photos])


@pytest.fixture(scope="module")
def weights_bytes() -> bytes:
    return model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256).read_bytes()


# --- dlib's network -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dlib_network() -> Any:
    path = model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256)
    return dlib.face_recognition_model_v1(str(path))


@pytest.fixture(scope="module")
def exact(cache: Path) -> DlibRecogniser:
    return DlibRecogniser(cache, "float32")


def test_agrees_with_dlib_on_its_own_chips(chips: NDArray[np.uint8], exact: DlibRecogniser, dlib_network: Any) -> None:
    theirs = np.array([dlib_network.compute_face_descriptor(chip) for chip in chips[:8]])
    assert np.abs(exact.embed_once(chips[:8]) - theirs).max() <= 1e-5


def test_agrees_with_dlib_from_image_and_landmarks(
    photos: list[Image.Image], exact: DlibRecogniser, dlib_network: Any
) -> None:
    """dlib cuts the chip itself here: our chip is its chip."""
    predictor = dlib.shape_predictor(str(_landmarks_file()))
    theirs, ours = [], []
    for photo in photos[:6]:
        box, image = frame_box(photo.size), np.asarray(photo)
        shape = predictor(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))
        theirs.append(dlib_network.compute_face_descriptor(image, shape))
        ours.append(chip_of(photo))
    assert np.abs(exact.embed_once(np.stack(ours)) - np.array(theirs)).max() <= 1e-5


def _landmarks_file() -> Path:
    from probablyexists.basis.model_files import LANDMARKS_SHA256

    return model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256)


def test_int8_says_nearly_what_float32_says(
    chips: NDArray[np.uint8], recogniser: DlibRecogniser, exact: DlibRecogniser
) -> None:
    """Alike enough that who is nearest to whom hardly ever changes; and not the same, so that it is int8."""
    assert recogniser.id != exact.id
    ours, theirs = recogniser.embed(chips), exact.embed(chips)
    same = (ours * theirs).sum(axis=1)
    assert 0.99 < same.min() < same.max() < 1 - 1e-6
    others = (theirs @ theirs.T)[~np.eye(len(chips), dtype=bool)]
    assert same.min() > others.max()


def test_whole_numbers_cannot_overflow_on_any_processor(weights_bytes: bytes) -> None:
    """Two products of 8-bit activations and weights are added in 16 bits where a processor knows no better."""
    graph = onnx.load_from_string(build_graph(read_weights(weights_bytes), RANGES)).graph
    kernels = [onnx.numpy_helper.to_array(c) for c in graph.initializer if re.fullmatch(r"kernel\d+_whole", c.name)]
    assert len(kernels) == 29
    assert all(kernel.dtype == np.int8 for kernel in kernels)
    assert max(int(np.abs(kernel.astype(int)).max()) for kernel in kernels) == 63
    assert 2 * 255 * 63 < 2**15


def test_every_step_between_pixels_and_mean_is_in_whole_numbers(weights_bytes: bytes, tmp_path: Path) -> None:
    """ONNX Runtime has fused all convolutions and sums; only padding, which adds zeros, is left as it was."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    onnxruntime.InferenceSession(
        build_graph(read_weights(weights_bytes), RANGES), options, providers=["CPUExecutionProvider"]
    )
    kinds = Counter(node.op_type for node in onnx.load(str(tmp_path / "fused.onnx")).graph.node)
    # Four of the convolutions are means of 2 x 2.
    assert (kinds["QLinearConv"], kinds["QLinearAdd"], kinds["QLinearAveragePool"]) == (29 + 4, 14, 0)
    assert not {"Conv", "Add", "AveragePool", "Sub", "Mul"} & kinds.keys()


@pytest.mark.parametrize("threads", [1, 3])
def test_batch_size_and_threads_change_no_bit(chips: NDArray[np.uint8], cache: Path, threads: int) -> None:
    recogniser = DlibRecogniser(cache)
    alone = recogniser.embed(chips)
    for batch in (1, 3, 32):
        with ThreadPoolExecutor(threads) as pool:
            starts = range(0, N_FACES, batch)
            parts = list(pool.map(lambda start, n=batch: recogniser.embed(chips[start : start + n]), starts))  # type: ignore[misc]
        assert np.array_equal(np.concatenate(parts), alone)


def test_crop_and_mirror_are_averaged(chips: NDArray[np.uint8], recogniser: DlibRecogniser) -> None:
    embeddings = recogniser.embed(chips)
    mean = (recogniser.embed_once(chips) + recogniser.embed_once(chips[:, :, ::-1])) / 2
    assert embeddings.shape == (N_FACES, 128)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(embeddings, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-6)


def test_a_face_and_its_mirror_image_have_the_same_embedding(
    chips: NDArray[np.uint8], recogniser: DlibRecogniser
) -> None:
    assert np.array_equal(recogniser.embed(chips[:4]), recogniser.embed(chips[:4, :, ::-1]))


# --- dlib's file ----------------------------------------------------------------------------------------------------


def test_weights_have_the_known_shapes(weights_bytes: bytes) -> None:
    weights = read_weights(weights_bytes)
    assert [k.shape[0] for k in weights.kernels] == [32] * 7 + [64] * 8 + [128] * 6 + [256] * 8
    assert weights.kernels[0].shape == (32, 3, 7, 7)
    assert all(k.shape[2:] == (3, 3) for k in weights.kernels[1:])
    assert weights.matrix.shape == (256, 128)


def test_truncated_weights_are_refused(weights_bytes: bytes) -> None:
    draw = random.Random(0)
    cuts = [0, 1, 100, len(weights_bytes) // 2, *(draw.randrange(len(weights_bytes)) for _ in range(12))]
    last_layer = weights_bytes.rindex(b"\x04fc_2")
    cuts += range(last_layer, last_layer + 40, 3)  # in the midst of a header
    for cut in cuts:
        with pytest.raises(InputError):
            read_weights(weights_bytes[:cut])


def test_damaged_headers_give_one_clear_error_or_weights(weights_bytes: bytes) -> None:
    """No other exception. What is right in form but wrong in value is caught by the file's hash."""
    names = [m.start() for m in re.finditer(rb"\x01(?:\x05con_4|\x07affine_|\x04fc_2)", weights_bytes)]
    draw = random.Random(1)
    refused = 0
    for _ in range(30):
        damaged = bytearray(weights_bytes)
        damaged[draw.choice(names) + draw.randrange(24)] ^= 1 << draw.randrange(8)
        refused += not _reads_or_refuses(bytes(damaged))
    assert refused >= 20


@given(
    st.lists(
        st.sampled_from([b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2", b"\x01\x02", b"\x81\x01", b"\x0f"])
        | st.binary(max_size=12),
        max_size=80,
    )
)
def test_any_bytes_give_one_clear_error(pieces: list[bytes]) -> None:
    assert not _reads_or_refuses(b"".join(pieces))


def test_a_file_with_all_layers_but_other_sizes_is_refused() -> None:
    """29 convolutions and affines of one number each: right names, wrong network."""
    one = b"\x01\x02" + b"\x01\x01" * 4 + np.float32(1).tobytes()
    other = (b"\x01\x05con_4" + one + b"\x01\x07affine_" + one) * 29 + b"\x01\x04fc_2" + b"\x01\x01" * 2 + one
    with pytest.raises(InputError, match=r"a convolution of 1 numbers where 4,736 are expected"):
        read_weights(other)


def _reads_or_refuses(data: bytes) -> bool:
    try:
        return isinstance(read_weights(data), DlibWeights)
    except InputError:
        return False


def cached_graph(cache: Path) -> Path:
    (path,) = (cache / "models").glob("*int8*.onnx")
    return path


def test_graph_is_written_whole_and_used_again(tmp_path: Path) -> None:
    content = graph_of(tmp_path, "int8")
    path = cached_graph(tmp_path)
    written = path.stat()
    assert graph_of(tmp_path, "int8") == path.read_bytes() == content
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".onnx", ".sha256"]
    assert RECOGNISER_SHA256[:16] in path.name
    path.unlink()
    assert graph_of(tmp_path, "int8") == path.read_bytes() == content


def test_a_graph_that_cannot_be_built_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stop(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1000])
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", stop)
        with pytest.raises(Stopped):
            graph_of(tmp_path, "int8")
    assert list((tmp_path / "models").iterdir()) == []
    assert DlibRecogniser(tmp_path).dim == 128


@pytest.mark.parametrize("damage", ["zeroed", "truncated", "another network"])
def test_a_damaged_recogniser_in_the_cache_is_built_again_and_said(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """200 kB of zeros among the weights leave a network that runs, and would fill the store with other embeddings."""
    content = graph_of(cache, "int8")
    shutil.copytree(cache / "models", tmp_path / "models")
    path = cached_graph(tmp_path)
    middle = len(content) // 2
    path.write_bytes(
        {
            "zeroed": content[:middle] + bytes(200_000) + content[middle + 200_000 :],
            "truncated": content[:100_000],
            "another network": network(tmp_path / "other.onnx", ["n", 3, 8, 8]).read_bytes(),
        }[damage]
    )
    assert graph_of(tmp_path, "int8") == content
    assert path.read_bytes() == content
    assert [record.getMessage() for record in caplog.records] == [f"{path}: was damaged; it is built again"]


def test_a_pipe_in_the_place_of_the_cached_recogniser_is_not_read(tmp_path: Path, cache: Path) -> None:
    content = graph_of(cache, "int8")
    shutil.copytree(cache / "models", tmp_path / "models")
    path = cached_graph(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert graph_of(tmp_path, "int8") == content


def test_a_cache_for_reading_only_serves_the_recogniser_all_the_same(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one without a recogniser: it is built each time."""
    expected = graph_of(cache, "int8")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert graph_of(tmp_path, "int8") == expected
    assert not cached_graph_exists(tmp_path)


def cached_graph_exists(cache: Path) -> bool:
    return any((cache / "models").glob("*.onnx"))


# --- any ONNX file --------------------------------------------------------------------------------------------------


def network(
    path: Path, shape: list[Any], kind: int = TensorProto.FLOAT, half: bool = False, dims: list[Any] | None = None
) -> Path:
    """A network whose embedding is the mean of each channel; `half`: of the picture's left half only."""
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=axes, keepdims=0)]
    constants = []
    if half:
        nodes = [
            helper.make_node("Slice", ["x", "start", "end", "axis"], ["left"]),
            helper.make_node("ReduceMean", ["left"], ["y"], axes=axes, keepdims=0),
        ]
        for name, value in (("start", 0), ("end", int(shape[2]) // 2), ("axis", axes[1])):
            constants.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, dims or [shape[0], 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def colours(*values: tuple[int, int, int], side: int = 8) -> NDArray[np.uint8]:
    """Chips of one colour each."""
    return np.array(values, np.uint8)[:, None, None, :].repeat(side, 1).repeat(side, 2)


@pytest.mark.parametrize("shape", [["n", 3, 8, 8], ["n", 8, 8, 3]], ids=["NCHW", "NHWC"])
def test_preprocessing_by_hand(tmp_path: Path, shape: list[Any]) -> None:
    """(255, 0, 51) becomes (1, -1, -0.6), in this order: RGB."""
    recogniser = OnnxRecogniser(network(tmp_path / "net.onnx", shape))
    assert (recogniser.side, recogniser.dim, recogniser.template) == (8, 3, "arcface")
    length = (1 + 1 + 0.36) ** 0.5
    expected = [[1 / length, -1 / length, -0.6 / length], [0, 1, 0]]
    found = recogniser.embed(colours((255, 0, 51), (128, 255, 128)))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], atol=5e-3)  # 128 is not quite the middle


@pytest.mark.parametrize("shape", [["n", 3, 8, 8], ["n", 8, 8, 3]], ids=["NCHW", "NHWC"])
def test_mirror_is_averaged_for_any_network(tmp_path: Path, shape: list[Any]) -> None:
    """The network sees the left half only: red there, blue on the right; the mirror image shows it the blue."""
    recogniser = OnnxRecogniser(network(tmp_path / "net.onnx", shape, half=True))
    chip = colours((255, 0, 0))
    chip[:, :, 4:] = (0, 0, 255)
    # (1, -1, -1) and (-1, -1, 1) add up to (0, -2, 0)
    np.testing.assert_allclose(recogniser.embed(chip), [[0, -1, 0]], atol=1e-6)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_network_for_a_fixed_number_of_faces(tmp_path: Path, batch: int) -> None:
    values = [(255, 0, 51), (0, 255, 0), (9, 200, 77), (3, 3, 250), (80, 90, 10)]
    free = OnnxRecogniser(network(tmp_path / "free.onnx", ["n", 3, 8, 8]))
    fixed = OnnxRecogniser(network(tmp_path / "fixed.onnx", [batch, 3, 8, 8]))
    assert np.array_equal(fixed.embed(colours(*values)), free.embed(colours(*values)))
    assert fixed.id != free.id


def test_insightface_weights_are_taken_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"non-commercial.*pip install insightface"):
        open_recogniser("insightface", tmp_path)
    path = network(tmp_path / ".insightface/models/buffalo_l/w600k_r50.onnx", ["n", 3, 112, 112], dims=[1, 3])
    with pytest.raises(InputError, match=r"w600k_r50.onnx.*is damaged, or another file than expected \(sha256"):
        open_recogniser("insightface", tmp_path)
    buffalo = replace(BUFFALO_L, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(recognisers, "BUFFALO_L", buffalo)
    monkeypatch.setattr(known_networks, "KNOWN", (buffalo,))
    recogniser = open_recogniser("insightface", tmp_path)
    assert (recogniser.side, recogniser.dim, recogniser.template) == (112, 3, "arcface")
    assert (recogniser.known, recogniser.certain) == (buffalo, True)
    found = recogniser.embed(colours((255, 0, 0), (0, 255, 0), side=112))
    np.testing.assert_allclose(found, np.array([[1, -1, -1], [-1, 1, -1]]) / 3**0.5, atol=1e-6)


def test_open_recogniser_by_name(tmp_path: Path, cache: Path) -> None:
    path = network(tmp_path / "mine.onnx", ["n", 3, 8, 8])
    assert isinstance(open_recogniser("dlib", cache), DlibRecogniser)
    assert isinstance(open_recogniser(str(path), cache), OnnxRecogniser)
    with pytest.raises(InputError, match="recogniser='facenet': unknown; give dlib"):
        open_recogniser("facenet", cache)


def broken(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p, "no such file"),
        (lambda p: broken(p, b""), "not a usable ONNX model"),
        (lambda p: broken(p, b"\x89PNG\r\n\x1a\n" * 100), "not a usable ONNX model"),
        (lambda p: network(p, ["n", 3, 8, 9]), "needs one float input"),
        (lambda p: network(p, ["n", 4, 8, 8], dims=["n", 8]), "needs one float input"),
        (lambda p: network(p, ["n", 3, "side", "side"]), "needs one float input"),
        (lambda p: network(p, ["n", 3, 8, 8], kind=TensorProto.DOUBLE), r"tensor\(double\)"),
        (lambda p: network(p, ["n", 3, 100_000, 100_000]), "side up to 1,024"),
        (lambda p: network(p, ["n", 3, 8, 8], dims=["n", 2**40]), "dim up to 65,536|not a usable ONNX model"),
    ],
)
def test_what_is_no_recogniser_gets_one_line(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    path = make(tmp_path / "net.onnx")
    with pytest.raises(InputError, match=says) as caught:
        OnnxRecogniser(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_zero_embeddings_are_an_error_with_a_count(tmp_path: Path) -> None:
    """Red left, cyan right: crop and mirror image cancel out in every channel."""
    recogniser = OnnxRecogniser(network(tmp_path / "net.onnx", ["n", 3, 8, 8], half=True))
    chips = colours((255, 0, 0), (9, 9, 9))
    chips[0, :, 4:] = (0, 255, 255)
    with pytest.raises(InputError, match="1 of 2 embeddings"):
        recogniser.embed(chips)


def weighted(folder: Path, weights: list[float], place: str = "weights.bin") -> Path:
    """A network that multiplies the mean of each channel by a weight, which lies in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "weights"], ["y"]),
    ]
    tensor = onnx.TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    graph = helper.make_graph(
        nodes,
        "weighted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    (folder / place).write_bytes(np.array(weights, "<f4").tobytes())
    return folder / "net.onnx"


def test_weights_beside_the_model_are_part_of_its_id(tmp_path: Path) -> None:
    """The .onnx file is the same in both folders; only the file of weights differs."""
    one = OnnxRecogniser(weighted(tmp_path / "one", [1, 1, 1]))
    other = OnnxRecogniser(weighted(tmp_path / "other", [1, -1, 1]))
    assert (tmp_path / "one/net.onnx").read_bytes() == (tmp_path / "other/net.onnx").read_bytes()
    assert one.id != other.id
    assert OnnxRecogniser(weighted(tmp_path / "copy", [1, 1, 1])).id == one.id
    chips = colours((255, 0, 0))
    np.testing.assert_allclose(one.embed(chips) * [1, -1, 1], other.embed(chips), atol=1e-6)


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/hostname", "sub/weights.bin", ""])
def test_weights_elsewhere_are_not_read(tmp_path: Path, place: str) -> None:
    (tmp_path / "here" / "sub").mkdir(parents=True)
    path = weighted(tmp_path / "here", [1, 1, 1])
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = place
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"outside the model's folder, which is not read for safety"):
        OnnxRecogniser(path)


def test_weights_that_are_missing_or_cut_get_one_line(tmp_path: Path) -> None:
    path = weighted(tmp_path, [1, 1, 1])
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"its weights in weights.bin cannot be read"):
        OnnxRecogniser(path)
    (tmp_path / "weights.bin").write_bytes(b"abc")
    with pytest.raises(InputError, match=r"not a usable ONNX model|cannot be read"):
        OnnxRecogniser(path)


def test_another_machine_must_have_the_same_recogniser(tmp_path: Path) -> None:
    """A recogniser is opened by its path there; other weights at this path would give other embeddings."""
    sent = pickle.dumps(OnnxRecogniser(weighted(tmp_path, [1, 1, 1])))
    assert isinstance(pickle.loads(sent), OnnxRecogniser)
    weighted(tmp_path, [1, 2, 1])
    with pytest.raises(InputError, match="is damaged, or another file than expected"):
        pickle.loads(sent)


# --- ArcFace's frame ------------------------------------------------------------------------------------------------


def test_arcface_chip_has_the_landmarks_at_the_template(photos: list[Image.Image]) -> None:
    """Found again in the chip, the eyes lie at ArcFace's points (112 pixels) within a few pixels."""
    eyes = []
    for photo in photos:
        chip = cut_chip(np.asarray(photo), on_frame(photo), 112, "arcface")
        assert chip.shape == (112, 112, 3)
        points = landmarks([chip], [Box(12, 12, 100, 100)])[0]
        eyes.append([points[[2, 3]].mean(axis=0), points[[0, 1]].mean(axis=0)])
    middle = np.median(np.array(eyes), axis=0)
    np.testing.assert_allclose(middle, [[38.29, 51.70], [73.53, 51.50]], atol=2.5)


def test_arcface_warp_puts_dots_where_the_template_wants_them() -> None:
    """A picture with a bright dot at each landmark: in the chip the dots lie at the template's points."""
    from probablyexists.faces import alignment

    points = np.array([[150.0, 80], [130, 84], [60, 80], [80, 84], [105, 140]])  # eyes at (70, 82), (140, 82)
    for (x, y), (u, v) in zip(
        [(70, 82), (140, 82), (105, 140)], [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 80.5)], strict=True
    ):
        image = np.zeros((200, 200, 3), np.uint8)
        rows, columns = np.mgrid[:200, :200]
        image[:] = (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 50))[..., None].astype(np.uint8)
        chip = alignment._warp(image, points, 112)[..., 0].astype(float)
        rows, columns = np.mgrid[:112, :112]
        centre = (chip * columns).sum() / chip.sum(), (chip * rows).sum() / chip.sum()
        np.testing.assert_allclose(centre, (u, v), atol=0.6)  # three points, four freedoms: not exact


def test_arcface_warp_of_an_aligned_picture_changes_nothing() -> None:
    """Landmarks at the template's points already: the chip is the picture."""
    from probablyexists.faces import alignment

    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    right, left, nose = alignment._ARCFACE_POINTS * 112
    points = np.array([left, left, right, right, nose])
    difference = alignment._warp(image, points, 112).astype(int) - image
    assert np.abs(difference[1:-1, 1:-1]).max() <= 1


def test_chips_of_both_templates_are_upright() -> None:
    """A rolled photo gives nearly the chip of the upright one: the eyes stand level."""
    photo = Image.fromarray(draw_photo(draw_person(5, 3), 1, 192))
    for template, side in itertools.product(("dlib", "arcface"), (112, 150)):
        chip = cut_chip(np.asarray(photo), on_frame(photo), side, template)  # type: ignore[arg-type]
        points = on_frame(Image.fromarray(chip))
        left, right = points[[2, 3]].mean(axis=0), points[[0, 1]].mean(axis=0)
        assert abs(left[1] - right[1]) < 0.08 * (right[0] - left[0])
