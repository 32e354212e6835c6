"""torch's compiler: ahead of time, with freezing (weights become constants, packed for oneDNN); max-autotune is off."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch._inductor import aoti_compile_and_package

from ghostdeploy.fusion import fuse


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """A .pt2 package of the fused graph; needs a C++ compiler."""
    with torch.no_grad():
        program = torch.export.export(fuse(module, example).module, (example,))
        aoti_compile_and_package(program, package_path=str(path), inductor_configs={"freezing": True})
