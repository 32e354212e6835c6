"""The runtimes that this machine has, one per artifact format; each is imported only when its format is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from ghostdeploy.device.runtimes.base import Runtime
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.lowering.artifact import Format

_MODULES: Final[dict[Format, str]] = {"pte": "executorch", "tflite": "tflite", "onnx": "onnxruntime"}


def runtime(format: Format) -> Runtime:
    """The runtime that runs `format`, imported.

    Raises:
        RunnerFailed: its package is not installed or does not import.
    """
    try:
        module = import_module(f"{__name__}.{_MODULES[format]}")
    except ImportError as error:
        raise RunnerFailed(f"the runtime for .{format} files does not import", str(error),
                           "install ghostdeploy's dependencies again (make setup)") from error
    found: Runtime = module.RUNTIME
    return found
