"""How each path makes a file of a module. All have one signature, `Exporter`, and are found by name.

A module is what the checkpoint gives: in evaluation mode, float32, not yet fused. An exporter runs in its peer's own
interpreter, so each file imports nothing that only another peer has.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

# Each exporter's file beside this one, and the function in it.
_HOMES = {
    "ours-pte": ("ours", "pte"), "ours-tflite": ("ours", "tflite"), "ours-both": ("ours", "both"),
    "executorch": ("executorch", "unfused"), "executorch-fused": ("executorch", "fused"),
    "executorch-fp16": ("executorch", "fused_fp16"), "executorch-int8": ("executorch", "fused_int8"),
    "litert-torch": ("litert", "export"), "litert-torch-int8": ("litert_int8", "export"),
    "onnx": ("onnx", "fused"), "onnx-int8": ("onnx", "fused_int8"), "ncnn": ("ncnn", "export"),
    "eager": ("torch_eager", "export"), "inductor": ("inductor", "export"),
    **{f"android-{form}": ("android", form.replace("-", "_")) for form in (
        "pte-fp32", "pte-fp16", "pte-int8", "pte-mixed", "tflite-fp32", "tflite-fp16", "tflite-int8")},
}
EXPORTERS = tuple(_HOMES)


def file_of(name: str) -> str:
    """The exporter's file, from the root of the repository: with another content it may make another artifact."""
    return f"benchmarks/exporters/{_HOMES[name][0]}.py"


class Exporter(Protocol):
    """Writes `module` to `path`.

    Raises:
        Exception: whatever the peer's converter raises; its first sentence goes into the table.
    """

    def __call__(self, module: nn.Module, example: torch.Tensor, path: Path) -> None: ...


def exporter(name: str) -> Exporter:
    """The exporter called `name`, imported: the time of an export does not hold the import of its libraries.

    Raises:
        KeyError: no exporter has this name.
        ImportError: its packages are not in this interpreter.
    """
    module, function = _HOMES[name]
    found: Exporter = getattr(import_module(f"{__name__}.{module}"), function)
    return found
