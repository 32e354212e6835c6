"""What a runtime is to the harness: it opens an artifact; the session is fed, run and read, each step apart.

The three steps are separate because only `invoke` is timed. Feeding is part of every run all the same: ExecuTorch plans
inputs into the arena of the intermediates, so a second run without feeding computes something else (observed: 9e-4 to
5e-2 off on a two-convolution network).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ghostdeploy.digest import sha256
from ghostdeploy.lowering.artifact import Layout, TensorSpec

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class RuntimeInfo:
    """The library that ran an artifact. `sha256` is that of the native library, None where it was not found."""

    name: str
    version: str
    sha256: str | None


class Session(Protocol):
    """A loaded artifact. Arrays are in the artifact's own layout and dtype (see `ghostdeploy.tensors`).

    `inputs` and `outputs` are what the artifact itself declares, in its order.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def feed(self, arrays: Sequence[Array]) -> None:
        """Set every input. Not timed.

        Raises:
            ValueError, RuntimeError: what the runtime says to a shape or dtype it does not take.
        """

    def invoke(self) -> None:
        """One inference on what was fed. The only step that is timed."""

    def read(self) -> list[Array]:
        """Copies of the outputs of the last `invoke`. Not timed."""


class Runtime(Protocol):
    """A runtime, imported. Import time belongs to the start of the process, never to the load time of an artifact."""

    name: str

    def prepare(self, threads: int) -> None:
        """What the runtime keeps per process, not per artifact (ExecuTorch's thread pool). Not in the load time."""

    def load(self, path: Path, threads: int) -> Session:
        """Open an artifact with `threads` compute threads, ready to be fed.

        Timed as `load_ns`: reading or mapping the file, verifying it, building the graph, initialising delegates and
        their packed weights as far as the runtime does it here, allocating tensors; for TFLite and ONNX Runtime also
        their per-session thread pool. Not in it: Python imports, and what `prepare` does.

        Raises:
            ArtifactRejected: the runtime refuses the file; with its own words.
        """

    def info(self) -> RuntimeInfo:
        """Name, version and hash. Reads the library file, so it is called after measuring."""


def file_sha256(path: Path) -> str | None:
    """Hash of a native library, None where there is no such file."""
    return sha256(path) if path.is_file() else None


def image_layout(shape: Sequence[int]) -> Layout:
    """The layout of a 4-D tensor whose file does not name it: channels are the axis of at most 4."""
    if len(shape) != 4:
        return "plain"
    return "nhwc" if shape[3] <= 4 < shape[1] else "nchw"


def dtype_name(dtype: Any) -> str:
    """NumPy's name of a dtype: float32, int8, ..."""
    return str(np.dtype(dtype).name)
