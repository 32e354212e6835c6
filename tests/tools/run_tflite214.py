"""Run .tflite files on the real TFLite 2.14, in that runtime's own environment; prints one JSON list.

    .venv-tflite214/bin/python tests/tools/run_tflite214.py MODEL.tflite IO.npz [MODEL.tflite IO.npz ...]

IO.npz holds `x`, the input as the model wants it, and `y`, what another runtime answered. Stands alone on purpose: the
environment has TFLite 2.14 and numpy 1 and nothing of ours, so the walk that tells what was delegated is here again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import numpy as np
from tflite_runtime.interpreter import Interpreter


def outside_delegates(details: list[dict]) -> tuple[int, dict[str, int]]:
    """How many delegates there are, and the operators that none of them replaced."""
    delegates = [o for o in details if o["op_name"] == "DELEGATE"]
    producer = {int(t): o for o in details if o["op_name"] != "DELEGATE" for t in o["outputs"]}
    covered = set()
    for delegate in delegates:
        seen, todo = {int(t) for t in delegate["inputs"]}, [int(t) for t in delegate["outputs"]]
        while todo:
            tensor = todo.pop()
            if tensor in seen or tensor not in producer:
                continue
            seen.add(tensor)
            covered.add(producer[tensor]["index"])
            todo += [int(i) for i in producer[tensor]["inputs"] if i >= 0]
    return len(delegates), dict(Counter(o["op_name"] for o in details
                                        if o["op_name"] != "DELEGATE" and o["index"] not in covered))


def run(model: str, io: str) -> dict:
    """Load, run once, compare: the largest difference over the largest value."""
    data = np.load(io)
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    delegates, outside = outside_delegates(interpreter._get_ops_details())
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], data["x"])
    interpreter.invoke()
    y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    if y.shape != data["y"].shape or not np.isfinite(y).all():
        return {"delegates": delegates, "outside": outside, "difference": None}
    difference = float(np.abs(y - data["y"]).max() / max(float(np.abs(data["y"]).max()), 1e-30))
    return {"delegates": delegates, "outside": outside, "difference": difference}


if __name__ == "__main__":
    print(json.dumps([run(*pair) for pair in zip(sys.argv[1::2], sys.argv[2::2], strict=True)]))
