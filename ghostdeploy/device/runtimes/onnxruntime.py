"""ONNX Runtime on its CPU provider; inputs and outputs are bound, so that `invoke` copies nothing it need not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, dtype_name, file_sha256, image_layout
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.lowering.artifact import TensorSpec

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
         "tensor(bool)": np.bool_}
ERRORS_ONLY = 3

# What the loader throws has no common base of its own.
REFUSALS = (native.InvalidArgument, native.InvalidProtobuf, native.InvalidGraph, native.NotImplemented, native.NoModel,
            native.NoSuchFile, native.Fail, native.RuntimeException, native.EPFail, RuntimeError)


class OnnxSession:
    """An inference session with bound inputs and outputs. See `Session`."""

    def __init__(self, session: Any) -> None:
        self._session, self._binding = session, session.io_binding()
        self.inputs, self.outputs = (tuple(_spec(node) for node in side)
                                     for side in (session.get_inputs(), session.get_outputs()))
        for node in session.get_outputs():
            self._binding.bind_output(node.name, "cpu")

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`. Binding copies nothing: the array stays where it is."""
        if len(arrays) != len(self.inputs):
            raise ValueError(f"the artifact takes {len(self.inputs)} inputs, not {len(arrays)}")
        for spec, array in zip(self.inputs, arrays, strict=True):
            self._binding.bind_cpu_input(spec.name, array)

    def invoke(self) -> None:
        """See `Session.invoke`."""
        self._session.run_with_iobinding(self._binding)

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return [np.array(output) for output in self._binding.copy_outputs_to_cpu()]


class OnnxRuntime:
    """The `Runtime` for .onnx files."""

    name = "onnxruntime"

    def prepare(self, threads: int) -> None:
        """Nothing: a session has its own threads."""

    def load(self, path: Path, threads: int) -> OnnxSession:
        """See `Runtime.load`. Graph optimisation at its default level (all) is part of it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = ERRORS_ONLY
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except REFUSALS as error:
            raise ArtifactRejected(f"ONNX Runtime {version('onnxruntime')} does not load {path.name}", str(error),
                                   "export it again") from error
        return OnnxSession(session)

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, version("onnxruntime"), file_sha256(Path(native.__file__)))


def _spec(node: Any) -> TensorSpec:
    if any(not isinstance(size, int) for size in node.shape):
        raise ArtifactRejected(f"tensor {node.name} has no fixed shape: {node.shape}",
                               "only static shapes are measured", "export it with a fixed batch and input size")
    shape = tuple(int(s) for s in node.shape)
    return TensorSpec(node.name, shape, dtype_name(TYPES.get(node.type, np.void)), image_layout(shape))


RUNTIME = OnnxRuntime()
