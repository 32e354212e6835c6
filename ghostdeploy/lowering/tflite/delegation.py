"""What XNNPACK took of a `.tflite`, as the interpreter that runs it says.

`Interpreter._get_ops_details()` keeps listing operators that a delegate replaced, so the list alone proves nothing:
only a walk back from each DELEGATE's outputs to its inputs tells what that delegate computes.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.lowering.artifact import Delegation
from ghostdeploy.lowering.tflite.quiet import muted


def delegation(model: Path | bytes) -> Delegation:
    """Load `model` (a file or its bytes) in LiteRT with its default XNNPACK delegate and count what was taken.

    Raises:
        ArtifactRejected: the runtime does not load the file or cannot prepare it.
    """
    return read_operators(load(model)._get_ops_details())


def load(model: Path | bytes, threads: int = 1) -> Any:
    """A LiteRT interpreter with its tensors allocated.

    Raises:
        ArtifactRejected: the runtime does not load the file or cannot prepare it.
    """
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    try:
        with muted():
            interpreter = Interpreter(**source, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        name = "the model" if isinstance(model, bytes) else str(model)
        raise ArtifactRejected(f"LiteRT does not load {name}: {str(error).strip()}",
                               "the file is damaged, or holds an operator that this runtime does not have",
                               "export the model again") from error
    return interpreter


def read_operators(details: list[dict[str, Any]]) -> Delegation:
    """Delegation from the interpreter's list of operators, the delegates among them."""
    delegates = [o for o in details if o["op_name"] == "DELEGATE"]
    plain = [o for o in details if o["op_name"] != "DELEGATE"]
    producer = {int(t): o for o in plain for t in o["outputs"]}
    covered: set[int] = set()
    for delegate in delegates:
        covered |= _replaced(delegate, producer)
    outside = Counter(str(o["op_name"]) for o in plain if o["index"] not in covered)
    return Delegation(len(delegates), len(covered), sum(outside.values()), dict(sorted(outside.items())))


def _replaced(delegate: dict[str, Any], producer: dict[int, dict[str, Any]]) -> set[int]:
    edge = {int(t) for t in delegate["inputs"]}
    found: set[int] = set()
    todo, seen = [int(t) for t in delegate["outputs"]], set(edge)
    while todo:
        tensor = todo.pop()
        if tensor in seen or tensor not in producer:
            continue
        seen.add(tensor)
        found.add(int(producer[tensor]["index"]))
        todo += [int(i) for i in producer[tensor]["inputs"] if i >= 0]
    return found
