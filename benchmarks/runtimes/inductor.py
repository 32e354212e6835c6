"""A package that torch's compiler made ahead of time."""

from __future__ import annotations

from pathlib import Path

import torch
from torch._inductor import aoti_load_package

from benchmarks.runtimes.torch_eager import TorchSession
from ghostdeploy.device.runtimes.base import RuntimeInfo


class Inductor:
    """The `Runtime` for .pt2 packages."""

    name = "inductor"

    def prepare(self, threads: int) -> None:
        """torch's pools are one per process."""
        torch.set_num_threads(threads)

    def load(self, path: Path, threads: int) -> TorchSession:
        """See `Runtime.load`."""
        return TorchSession(aoti_load_package(str(path), run_single_threaded=True), channels_last=False)

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, torch.__version__, None)


RUNTIME = Inductor()
