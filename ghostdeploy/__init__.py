"""ghostdeploy: from a trained compact vision model to proven, fast `.pte` and `.tflite` artifacts for phones.

    model  = ghostdeploy.load("ghostnetv3-1.0.pth.tar")
    bundle = ghostdeploy.export(model, "dist/ghostnet")
    parity = ghostdeploy.verify("dist/ghostnet")
    result = ghostdeploy.bench("dist/ghostnet", device="local")

The verbs are imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghostdeploy.benchmark.result import Result
    from ghostdeploy.benchmark.run import bench
    from ghostdeploy.branching import reparam
    from ghostdeploy.comparison.run import compare
    from ghostdeploy.exporter import export
    from ghostdeploy.fusion import fuse
    from ghostdeploy.loading import load
    from ghostdeploy.training.run import train
    from ghostdeploy.verification import verify

__all__ = ["Result", "bench", "compare", "export", "fuse", "load", "reparam", "train", "verify"]

# No module may carry the name of a verb: importing it would put the module where the function is expected.
_HOMES = {"Result": "ghostdeploy.benchmark.result", "bench": "ghostdeploy.benchmark.run",
          "compare": "ghostdeploy.comparison.run", "export": "ghostdeploy.exporter", "fuse": "ghostdeploy.fusion",
          "load": "ghostdeploy.loading", "reparam": "ghostdeploy.branching", "train": "ghostdeploy.training.run",
          "verify": "ghostdeploy.verification"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
