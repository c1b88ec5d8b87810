"""Recognisers that people have as files: what they are, how they are fed, what they were trained on, their licence.

A file is known by its SHA-256, never by its name: two different networks are called `glintr100.onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from probablyexists.embeddings.feed import Feed

Sure = Literal["checked", "listed", "told"]
"""`checked`: the feed was read in the network's own repository, and the hash in several lists of files. `listed`: both
are from lists of other projects, so the feed is tried on photos. `told`: no hash is known, so no file is recognised."""


_ARCFACE = Feed()
_CELEBRITIES = ("webface", "glint", "ms1m", "celeb", "vgg", "lfw")


@dataclass(frozen=True)
class Known:
    """A network of which something is known."""

    name: str
    sha256: str | None
    """Of the file, in hexadecimal; None if not known."""
    file: str | None
    """What the file is called where people get it; None if its users export it themselves."""
    trained_on: str | None
    """In words; None if it is not known."""
    licence: str
    """Of the weights, in words."""
    page: str
    """Where it comes from."""
    feed: Feed = _ARCFACE
    dim: int = 512
    """Length of an embedding."""
    knows: tuple[str, ...] = _CELEBRITIES
    """Sets that share people with its training data, as parts of their names in lower case."""
    sure: Sure = "listed"
    accuracy: str | None = None
    """As published."""
    repo: str | None = None
    """The network's own page at Hugging Face, `owner/name`; None if it has none."""
    inside: str | None = None
    """The file's path in `repo`."""


_WEB600, _GLINT, _MS1M = "WebFace600K, celebrities", "Glint360K, celebrities", "MS1MV2, celebrities"
_RESEARCH = "for non-commercial research only"
_BY_UNIFACE = "labelled MIT; the licence of its training data may limit its use"
_BY_ADAFACE = "MIT; the licence of its training data may limit its use"
_INSIGHTFACE, _UNIFACE = "https://github.com/deepinsight/insightface", "https://github.com/yakhyo/uniface"
_ADAFACE = "https://github.com/yakhyo/adaface-onnx"
_WEIGHTS = "yakhyo/uniface-weights"
"""Of the project that exported AdaFace to ONNX."""


def _lvface(size: str, sha256: str) -> Known:
    file = f"LVFace-{size}_Glint360K.onnx"
    return Known(
        name=f"LVFace-{size}",
        sha256=sha256,
        file=file,
        trained_on=_GLINT,
        licence="non-commercial; some lists say MIT",
        page="https://github.com/bytedance/LVFace",
        repo="bytedance-research/LVFace",
        inside=f"LVFace-{size}_Glint360K/{file}",
    )


BUFFALO_L = Known(
    name="buffalo_l",
    sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
    file="w600k_r50.onnx",
    trained_on=_WEB600,
    licence=_RESEARCH,
    page=_INSIGHTFACE,
    sure="checked",
    accuracy="LFW 99.83 %, IJB-C 97.25 %",
)

KNOWN: tuple[Known, ...] = (
    BUFFALO_L,
    Known(
        name="buffalo_s",
        sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        file="w600k_mbf.onnx",
        trained_on=_WEB600,
        licence=_RESEARCH,
        page=_INSIGHTFACE,
        sure="checked",
        accuracy="IJB-C 95.02 %",
    ),
    Known(
        name="antelopev2",
        sha256="4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        file="glintr100.onnx",
        trained_on=_GLINT,
        licence=_RESEARCH,
        page=_INSIGHTFACE,
        sure="checked",
    ),
    Known(
        name="AuraFace-v1",
        sha256="a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60",
        file="glintr100.onnx",
        trained_on=None,
        licence="Apache-2.0",
        page="https://huggingface.co/fal/AuraFace-v1",
        knows=(),
        accuracy="LFW 99.65 %",
        repo="fal/AuraFace-v1",
        inside="glintr100.onnx",
    ),
    Known(
        name="SFace",
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        file="face_recognition_sface_2021dec.onnx",
        trained_on=None,
        licence="labelled Apache-2.0; questioned in issue 313 of opencv_zoo",
        page="https://github.com/opencv/opencv_zoo",
        feed=Feed(scaling="0..255"),
        dim=128,
        knows=(),
        sure="checked",
        accuracy="LFW 99.40 %",
        repo="opencv/face_recognition_sface",
        inside="face_recognition_sface_2021dec.onnx",
    ),
    Known(
        name="AdaFace-IR-18",
        sha256="6b6a35772fb636cdd4fa86520c1a259d0c41472a76f70f802b351837a00d9870",
        file="adaface_ir_18.onnx",
        trained_on="WebFace4M, celebrities",
        licence=_BY_ADAFACE,
        page=_ADAFACE,
        feed=Feed(colours="BGR"),
        sure="checked",
        accuracy="IJB-C 94.99 %",
        repo=_WEIGHTS,
        inside="adaface_ir_18.onnx",
    ),
    Known(
        name="AdaFace-IR-101",
        sha256="f2eb07d03de0af560a82e1214df799fec5e09375d43521e2868f9dc387e5a43e",
        file="adaface_ir_101.onnx",
        trained_on="WebFace12M, celebrities",
        licence=_BY_ADAFACE,
        page=_ADAFACE,
        feed=Feed(colours="BGR"),
        sure="checked",
        accuracy="IJB-C 97.66 %",
        repo=_WEIGHTS,
        inside="adaface_ir_101.onnx",
    ),
    Known(
        name="EdgeFace-base",
        sha256="b56942f072c67385f44734b9458b0ccc4a2226888a113f77e0c802ad0c77b4c3",
        file="edgeface_base.onnx",
        trained_on="WebFace, celebrities",
        licence="CC BY-NC-SA",
        page="https://github.com/yakhyo/edgeface-onnx",
        accuracy="LFW 99.83 %",
    ),
    Known(
        name="uniface-MobileNetV2",
        sha256="38b148284dd48cc898d5d4453104252fbdcbacc105fe3f0b80e78954d9d20d89",
        file="mobilenetv2.onnx",
        trained_on=_MS1M,
        licence=_BY_UNIFACE,
        page=_UNIFACE,
        accuracy="LFW 99.55 %",
    ),
    Known(
        name="uniface-Sphere20",
        sha256="c02878cf658eb1861f580b7e7144b0d27cc29c440bcaa6a99d466d2854f14c9d",
        file="sphere20.onnx",
        trained_on=_MS1M,
        licence=_BY_UNIFACE,
        page=_UNIFACE,
        accuracy="LFW 99.67 %",
    ),
    Known(
        name="uniface-Sphere36",
        sha256="13b3890cd5d7dec2b63f7c36fd7ce07403e5a0bbb701d9647c0289e6cbe7bb20",
        file="sphere36.onnx",
        trained_on=_MS1M,
        licence=_BY_UNIFACE,
        page=_UNIFACE,
        accuracy="LFW 99.72 %",
    ),
    _lvface("T", "bf8da0e1e93c432d9a1d874a9ba0990f5859f970e8864b3990f2f33d11f9cdb3"),
    _lvface("S", "cd09f27c82ce0a3633fb8b1966d779a7171b23aa4f14ca0de6edf9677573d119"),
    _lvface("B", "9d834ed8e927fd35b9123b2bf97c40aad05785b1f9ecfb1c4c1f6242d38d1382"),
    _lvface("L", "49389036a4a5b69e0efcddfe34839ac72c7a71ce6b4dc1b6821e2ac368c87063"),
    Known(
        name="MagFace-iResNet100",
        sha256=None,
        file=None,
        trained_on=_MS1M,
        licence="MIT; the licence of its training data may limit its use",
        page="https://github.com/IrvingMeng/MagFace",
        feed=Feed("BGR", "0..1"),
        sure="told",
        accuracy="IJB-C 95.97 %",
    ),
    Known(
        name="FaceNet-VGGFace2",
        sha256=None,
        file=None,
        trained_on="VGGFace2, celebrities",
        licence="MIT; questioned in issue 239 of facenet-pytorch",
        page="https://github.com/timesler/facenet-pytorch",
        feed=Feed(template="facenet", side=160),
        sure="told",
        accuracy="LFW 99.65 %",
    ),
)
"""How each is fed: InsightFace's in its `arcface_onnx.py`, SFace's in OpenCV's `face_recognize.cpp`, AdaFace's in its
README, MagFace's in its `gen_feat.py`, FaceNet's in facenet-pytorch's `mtcnn.py`; the others' in lists."""


def known_as(sha256: str) -> Known | None:
    """The network with this hash; None if it is not in the table."""
    return next((one for one in KNOWN if one.sha256 == sha256), None)
