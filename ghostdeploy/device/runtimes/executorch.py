"""ExecuTorch's own Python binding, without `executorch.exir` (whose import takes 8 s and brings torchao)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from executorch.extension.pybindings import _portable_lib as portable

from ghostdeploy.device.runtimes import pte_program
from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, dtype_name, file_sha256
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.lowering.artifact import TensorSpec

METHOD = "forward"

# ExecuTorch's scalar types (runtime/core/portable_type/scalar_type.h) that an input or output can have.
SCALAR_TYPES = {0: np.uint8, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.int64, 5: np.float16, 6: np.float32,
                7: np.float64, 11: np.bool_}


class ExecuTorchSession:
    """One method of a .pte. See `Session`."""

    def __init__(self, program: Any, method: Any, inputs: tuple[TensorSpec, ...],
                 outputs: tuple[TensorSpec, ...]) -> None:
        self._program, self._method = program, method    # the program owns the memory that the method runs in
        self.inputs, self.outputs = inputs, outputs

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`. Strides go through as they are: a channels_last artifact needs a channels_last array."""
        self._method.set_inputs([torch.from_numpy(array) for array in arrays])

    def invoke(self) -> None:
        """See `Session.invoke`."""
        self._method.execute()

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return [tensor.numpy() for tensor in self._method.get_outputs(clone_outputs=True)]


class ExecuTorch:
    """The `Runtime` for .pte files."""

    name = "executorch"

    def prepare(self, threads: int) -> None:
        """The pool is one per process and defaults to every core; this makes it `threads`, the caller included."""
        portable._unsafe_reset_threadpool(threads)

    def load(self, path: Path, threads: int) -> ExecuTorchSession:
        """See `Runtime.load`. `_load_program` alone would only verify minimally; a broken file can then crash."""
        try:
            program = portable._load_program(str(path), program_verification=portable.Verification.InternalConsistency)
            method = program.load_method(METHOD)
            inputs, outputs = _specs(path, method.method_meta())
        except RuntimeError as error:
            raise ArtifactRejected(f"ExecuTorch {version('executorch')} does not load {path.name}", str(error),
                                   "export it again with the ExecuTorch version that is installed here") from error
        return ExecuTorchSession(program, method, inputs, outputs)

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, version("executorch"), file_sha256(Path(portable.__file__)))


def _specs(path: Path, meta: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Shapes and dtypes from the runtime; the layout, which its Python binding hides, from the file."""
    layouts = pte_program.layouts(path, METHOD)
    tensors = ([meta.input_tensor_meta(i) for i in range(meta.num_inputs())],
               [meta.output_tensor_meta(i) for i in range(meta.num_outputs())])
    inputs, outputs = (
        tuple(TensorSpec(f"{kind}_{i}", tuple(int(s) for s in info.sizes()),
                         dtype_name(SCALAR_TYPES.get(info.dtype(), np.void)), layout)
              for i, (info, layout) in enumerate(zip(infos, found, strict=True)))
        for kind, infos, found in zip(("input", "output"), tensors, layouts, strict=True))
    return inputs, outputs


RUNTIME = ExecuTorch()
