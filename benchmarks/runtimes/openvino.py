"""OpenVINO's CPU plug-in on an .onnx: latency hint, the wanted threads, float32 throughout."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, dtype_name, image_layout
from ghostdeploy.lowering.artifact import TensorSpec


class OpenVinoSession:
    """A compiled model with one request. See `Session`."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self.inputs, self.outputs = (tuple(_spec(port) for port in side) for side in (compiled.inputs,
                                                                                      compiled.outputs))

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`. The tensors share the arrays' memory."""
        for index, array in enumerate(arrays):
            self._request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))

    def invoke(self) -> None:
        """See `Session.invoke`. `infer()` of Python's wrapper would copy the outputs as well."""
        self._request.start_async()
        self._request.wait()

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return [np.array(self._request.get_output_tensor(i).data) for i in range(len(self.outputs))]


class OpenVino:
    """The `Runtime` for .onnx files in OpenVINO."""

    name = "openvino"

    def prepare(self, threads: int) -> None:
        """Nothing: a compiled model has its own threads."""

    def load(self, path: Path, threads: int) -> OpenVinoSession:
        """See `Runtime.load`. CPU pinning is off: the process is pinned already, and OpenVINO's own would choose anew.
        """
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
                  "ENABLE_CPU_PINNING": False}
        core = openvino.Core()
        return OpenVinoSession(core.compile_model(core.read_model(str(path)), "CPU", config))

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, version("openvino"), None)


def _spec(port: Any) -> TensorSpec:
    shape = tuple(int(s) for s in port.shape)
    return TensorSpec(port.any_name, shape, dtype_name(port.element_type.to_dtype()), image_layout(shape))


RUNTIME = OpenVino()
