"""The ranges in `embeddings/dlib_ranges.py`: the extremes of activations on drawn people.

    python scripts/calibrate.py > ranges.txt

Crops and mirror images of 400 photos, 4 of each of 100 drawn people, at 192 pixels. Rounded up to three digits, so that
the last digits of floating-point arithmetic do not show.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from probablyexists.basis.model_files import RECOGNISER_SHA256, model_file
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.dlib_onnx import N_BLOCKS, build_graph
from probablyexists.embeddings.dlib_weights import read_weights
from probablyexists.faces.acquire import Face, acquire
from probablyexists.sources.open_source import open_source

PEOPLE, PHOTOS, BATCH = 100, 4, 20


def outward(x: float) -> float:
    """Away from zero, to three digits."""
    if x == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(x))) - 2)
    return float(f"{math.copysign(math.ceil(abs(x) / step - 1e-6) * step, x):.3g}")


def main() -> None:
    import onnxruntime

    weights = read_weights(model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256).read_bytes())
    session = onnxruntime.InferenceSession(build_graph(weights, watched=True), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()[1:]]
    low, high = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        write_population(Path(folder), range(PEOPLE), range(PHOTOS), size=192)
        source = open_source(folder)
        faces = acquire([data for _, data in source.stream(source.photos) if isinstance(data, bytes)], "aligned")
    chips = np.stack([face.chip for face in faces if isinstance(face, Face)])
    for start in range(0, len(chips), BATCH):
        for batch in (chips[start : start + BATCH], chips[start : start + BATCH, :, ::-1]):
            for name, values in zip(names, session.run(names, {"faces": np.ascontiguousarray(batch)}), strict=True):
                low[name], high[name] = min(low[name], values.min()), max(high[name], values.max())
    relu = tuple(outward(high[f"relu{i + 1}"]) for i in range(N_BLOCKS))
    branch_low, branch_high = (tuple(outward(side[f"branch{i}"]) for i in range(N_BLOCKS)) for side in (low, high))
    block = tuple(outward(high[f"block{i}"]) for i in range(N_BLOCKS))
    print(f"# {len(chips)} chips and their mirror images")
    print(f"first={outward(high['relu0'])},\nrelu={relu},\n{branch_low=},\n{branch_high=},\nblock={block},")


if __name__ == "__main__":
    main()
