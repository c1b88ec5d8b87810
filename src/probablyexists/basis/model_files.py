"""Model files in installed packages: found without importing the package, checked by hash."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import sha256_file

RECOGNISER_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
LANDMARKS_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"


@cache
def model_file(name: str, sha256: str) -> Path:
    """The path of a checked file of `face_recognition_models`, which is not imported, as it needs `pkg_resources`."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise InputError("the package face_recognition_models is missing; run: pip install face_recognition_models")
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise InputError(f"{path} is missing; run: pip install --force-reinstall face_recognition_models")
    found = sha256_file(path)
    if found != sha256:
        raise InputError(f"{path} is not the expected file (sha256 {found[:12]}..., expected {sha256[:12]}...)")
    return path
