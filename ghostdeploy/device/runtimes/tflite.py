"""LiteRT's interpreter (`ai-edge-litert`, the successor of tflite-runtime); XNNPACK is its default delegate."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ai_edge_litert
from ai_edge_litert.interpreter import Interpreter

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, dtype_name, file_sha256, image_layout
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.lowering.artifact import TensorSpec

LIBRARY = "libpywrap_litert_common.so"     # what every extension module of the wheel links; the kernels are in it


class TfliteSession:
    """An interpreter with its tensors allocated. See `Session`."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        details = interpreter.get_input_details(), interpreter.get_output_details()
        self._fed, self._got = ([int(d["index"]) for d in side] for side in details)
        self.inputs, self.outputs = (tuple(_spec(d) for d in side) for side in details)

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`."""
        if len(arrays) != len(self._fed):
            raise ValueError(f"the artifact takes {len(self._fed)} inputs, not {len(arrays)}")
        for index, array in zip(self._fed, arrays, strict=True):
            self._interpreter.set_tensor(index, array)

    def invoke(self) -> None:
        """See `Session.invoke`."""
        self._interpreter.invoke()

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return [self._interpreter.get_tensor(index) for index in self._got]


class Tflite:
    """The `Runtime` for .tflite files."""

    name = "litert"

    def prepare(self, threads: int) -> None:
        """Nothing: an interpreter has its own threads."""

    def load(self, path: Path, threads: int) -> TfliteSession:
        """See `Runtime.load`. The XNNPACK delegate packs its weights in here."""
        try:
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ArtifactRejected(f"LiteRT {version('ai-edge-litert')} does not load {path.name}", str(error),
                                   "export it again; an operator that this runtime lacks is named above") from error
        return TfliteSession(interpreter)

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        library = Path(ai_edge_litert.__file__).parent / LIBRARY
        return RuntimeInfo(self.name, version("ai-edge-litert"), file_sha256(library))


def _spec(detail: dict[str, Any]) -> TensorSpec:
    shape = tuple(int(s) for s in detail["shape"])
    scales, zeros = detail["quantization_parameters"]["scales"], detail["quantization_parameters"]["zero_points"]
    quantised = len(scales) == 1
    return TensorSpec(str(detail["name"]), shape, dtype_name(detail["dtype"]), image_layout(shape),
                      float(scales[0]) if quantised else None, int(zeros[0]) if quantised else None)


RUNTIME = Tflite()
