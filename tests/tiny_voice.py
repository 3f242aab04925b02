"""A voice that Piper really speaks with: a tone for each letter. `PIPERS_PYTHON tests/tiny_voice.py FOLDER NAME`.

It needs `onnx`, which Piper's own environment has, and is run there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RATE, HOP = 16_000, 256


def model() -> Any:
    """Phonemes in, as many samples out as `length_scale` says: HOP for each."""
    from onnx import TensorProto, helper

    def number(name: str, kind: int, *values: float) -> Any:
        return helper.make_tensor(name, kind, [len(values)] if len(values) != 1 else [], values)

    nodes = [
        helper.make_node("Gather", ["scales", "one"], ["slow"]),
        helper.make_node("ReduceSum", ["input_lengths"], ["count"], keepdims=0),
        helper.make_node("Cast", ["count"], ["letters"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["letters", "slow"], ["long"]),
        helper.make_node("Mul", ["long", "hop"], ["samples"]),
        helper.make_node("Range", ["zero", "samples", "step"], ["time"]),
        helper.make_node("Mul", ["time", "pitch"], ["angle"]),
        helper.make_node("Sin", ["angle"], ["wave"]),
        helper.make_node("Reshape", ["wave", "shape"], ["output"]),
    ]
    constants = [
        number("one", TensorProto.INT64, 1),
        number("hop", TensorProto.FLOAT, float(HOP)),
        number("zero", TensorProto.FLOAT, 0.0),
        number("step", TensorProto.FLOAT, 1.0),
        number("pitch", TensorProto.FLOAT, 0.2),
        number("shape", TensorProto.INT64, 1, 1, -1),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "t"])]
    graph = helper.make_graph(nodes, "tone", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write(folder: Path, name: str) -> None:
    """`NAME.onnx` and its description."""
    import onnx

    letters = {letter: [at] for at, letter in enumerate("_^$ abcdefghijklmnopqrstuvwxyz", 1)}
    told = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en"},
        "phoneme_type": "text",
        "num_symbols": 40,
        "num_speakers": 1,
        "inference": {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
        "phoneme_id_map": letters,
        "speaker_id_map": {},
    }
    onnx.save(model(), str(folder / f"{name}.onnx"))
    (folder / f"{name}.onnx.json").write_text(json.dumps(told))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
