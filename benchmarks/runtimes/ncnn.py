"""ncnn: half precision in storage, packing and arithmetic off, for equal precision; packed layouts and Winograd on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ncnn
import numpy as np

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo
from ghostdeploy.lowering.artifact import TensorSpec

INPUT, OUTPUT = "in0", "out0"       # as pnnx names them


class NcnnSession:
    """A network; ncnn makes an extractor for each inference. See `Session`."""

    def __init__(self, net: Any, threads: int) -> None:
        self._net, self._threads = net, threads
        self._image: Any = None
        self._result: Any = None
        # A .param tells no shapes, and ncnn's images have no batch: NCHW of one image is what pnnx was given.
        self.inputs = (TensorSpec(INPUT, (1, 3, 0, 0), "float32", "nchw"),)
        self.outputs = (TensorSpec(OUTPUT, (1, 0), "float32", "plain"),)

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`."""
        self._image = ncnn.Mat(np.ascontiguousarray(arrays[0][0])).clone()

    def invoke(self) -> None:
        """See `Session.invoke`."""
        extractor = self._net.create_extractor()
        extractor.input(INPUT, self._image)
        status, self._result = extractor.extract(OUTPUT)
        if status:
            raise RuntimeError(f"ncnn's extract answered {status}")

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return [np.array(self._result)[None]]


class Ncnn:
    """The `Runtime` for .param files, whose .bin lies beside them."""

    name = "ncnn"

    def prepare(self, threads: int) -> None:
        """Nothing: a network has its own number of threads."""

    def load(self, path: Path, threads: int) -> NcnnSession:
        """See `Runtime.load`."""
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        net.opt.use_packing_layout = net.opt.use_winograd_convolution = net.opt.use_sgemm_convolution = True
        net.opt.use_fp16_storage = net.opt.use_fp16_packed = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
            raise RuntimeError(f"ncnn does not load {path.name}")
        return NcnnSession(net, threads)

    def info(self) -> RuntimeInfo:
        """See `Runtime.info`."""
        return RuntimeInfo(self.name, version("ncnn"), None)


RUNTIME = Ncnn()
