"""ncnn through pnnx, its authors' recommended converter: TorchScript -> .param and .bin."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pnnx
import torch
from torch import nn

from ghostdeploy.fusion import fuse


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The .param at `path` and the .bin beside it, weights in float32 (pnnx stores float16 by default).

    Of our fused graph: pnnx folds BatchNorm and does not merge parallel branches.

    Raises:
        RuntimeError: pnnx failed; with the end of what it printed.
    """
    graph = fuse(module, example).module
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory, torch.no_grad():
        script = Path(directory) / "model.pt"
        torch.jit.trace(graph, example, check_trace=False).save(str(script))     # type: ignore[no-untyped-call]
        shape = "[" + ",".join(map(str, example.shape)) + "]f32"
        done = subprocess.run([pnnx.EXEC_PATH, script.name, f"inputshape={shape}", "fp16=0", "ncnnparam=m.param",
                               "ncnnbin=m.bin"], cwd=directory, capture_output=True, text=True, check=False)
        param, weights = (Path(directory) / f"m.{kind}" for kind in ("param", "bin"))
        if done.returncode or not param.is_file():
            raise RuntimeError(f"pnnx ended with status {done.returncode}: {done.stderr[-500:]}")
        path.write_bytes(param.read_bytes())
        path.with_suffix(".bin").write_bytes(weights.read_bytes())
