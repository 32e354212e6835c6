"""torch's interpreter under `inference_mode`, in the memory format that its export found faster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo
from ghostdeploy.lowering.artifact import TensorSpec


class TorchSession:
    """A callable of one tensor. See `Session`; its file tells no shapes."""

    def __init__(self, function: Any, channels_last: bool) -> None:
        self._function, self._layout = function, torch.channels_last if channels_last else torch.contiguous_format
        self._image: Any = None
        self._result: Any = None
        self.inputs = (TensorSpec("input", (1, 3, 0, 0), "float32", "nchw"),)
        self.outputs = (TensorSpec("output", (1, 0), "float32", "plain"),)

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`."""
        self._image = torch.from_numpy(arrays[0]).contiguous(memory_format=self._layout)

    @torch.inference_mode()
    def invoke(self) -> None:
        """See `Session.invoke`."""
        self._result = self._function(self._image)

    def read(self) -> list[Array]:
        """See `Session.read`."""
        found = self._result[0] if isinstance(self._result, list | tuple) else self._result
        return [found.numpy().copy()]


class Eager:
    """The `Runtime` for what `benchmarks.exporters.torch_eager` pickled."""

    name = "eager"

    def prepare(self, threads: int) -> None:
        """torch's pools are one per process."""
        torch.set_num_threads(threads)

    def load(self, path: Path, threads: int) -> TorchSession:
        """See `Runtime.load`. Pickled code is run: the file is one that this comparison wrote itself."""
        stored = torch.load(path, weights_only=False)
        layout = torch.channels_last if stored["channels_last"] else torch.contiguous_format
        return TorchSession(stored["module"].to(memory_format=layout), stored["channels_last"])

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, torch.__version__, None)


RUNTIME = Eager()
