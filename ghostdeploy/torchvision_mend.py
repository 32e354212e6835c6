"""Makes torchvision importable where its wheel was built for CUDA and torch was not.

The registry's torchvision 0.28.0 is a CUDA build. On a CPU-only torch its compiled operators cannot be loaded, and
`import torchvision` (so `import timm`, too) dies with `RuntimeError: operator torchvision::nms does not exist`, because
torchvision registers fake kernels for operators that nobody declared. Declaring their two schemas is enough: no model
of the zoo calls either operator.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch forgets a library's declarations when the object dies, so it lives as long as the process.
_declared: list[torch.library.Library] = []


def mend() -> bool:
    """Declare torchvision's operators if its own library cannot. Call before importing timm or torchvision.

    Returns:
        True if this process now runs on our declarations, False if torchvision needs no help (its library loads, it is
        not installed, or it is imported already). Calling again changes nothing.
    """
    if _declared:
        return True
    if "torchvision" in sys.modules or hasattr(torch.ops.torchvision, "nms") or not _extension_fails():
        return False
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
    return True


def _extension_fails() -> bool:
    """Does torchvision ship compiled operators that this torch cannot load? Costs a millisecond where they fail."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    libraries = [p for p in Path(spec.origin).parent.glob("_C.*") if p.suffix in {".so", ".pyd", ".dylib"}]
    try:
        for library in libraries:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return True
    return False
