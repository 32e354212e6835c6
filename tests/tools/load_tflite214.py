"""Which .tflite files the real TFLite 2.14 has every operator for; prints one JSON list of booleans.

    .venv-tflite214/bin/python tests/tools/load_tflite214.py MODEL.tflite [MODEL.tflite ...]

Each is opened in a process of its own: a model that makes no sense beyond its operators may bring the runtime down.
"""

from __future__ import annotations

import json
import os
import sys

from tflite_runtime.interpreter import Interpreter, OpResolverType

UNKNOWN = ("Didn't find op for builtin opcode", "Op builtin_code out of range")


def known(model: str) -> bool:
    """Whether the operators are known; everything else that is wrong with a model is not asked about."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            Interpreter(model, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        except ValueError as error:
            os._exit(any(text in str(error) for text in UNKNOWN))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    print(json.dumps([known(model) for model in sys.argv[1:]]))
