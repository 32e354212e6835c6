"""What runs each peer's file: ghostdeploy's own runtimes, and one small class each for the rest.

All follow `ghostdeploy.device.runtimes.base.Runtime`, so that one worker times them all by the same loop.
"""

from __future__ import annotations

from importlib import import_module

from ghostdeploy.device.runtimes.base import Runtime

_HOMES = {
    "executorch": "ghostdeploy.device.runtimes.executorch", "tflite": "ghostdeploy.device.runtimes.tflite",
    "onnxruntime": "ghostdeploy.device.runtimes.onnxruntime", "openvino": f"{__name__}.openvino",
    "ncnn": f"{__name__}.ncnn", "eager": f"{__name__}.torch_eager", "inductor": f"{__name__}.inductor",
}


def runtime(name: str) -> Runtime:
    """The runtime called `name`, imported.

    Raises:
        KeyError: no runtime has this name.
        ImportError: its package is not in this interpreter.
    """
    found: Runtime = import_module(_HOMES[name]).RUNTIME
    return found
