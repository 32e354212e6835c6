"""The small network of `tests.tiny` in every format, lowered once per session, and what it answers in eager mode."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ghostdeploy import photos
from ghostdeploy.lowering.artifact import Format, TensorSpec
from ghostdeploy.preprocessing import Preprocessing

SIZE = 64
FORMATS: tuple[Format, ...] = ("pte", "tflite", "onnx")


@dataclass(frozen=True)
class Small:
    """One artifact file and its tensors."""

    path: Path
    format: Format
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@cache
def directory() -> Path:
    """Where the files lie until the session ends."""
    found = Path(tempfile.mkdtemp(prefix="ghostdeploy-test-"))
    atexit.register(shutil.rmtree, found, ignore_errors=True)
    return found


@cache
def network() -> torch.nn.Module:
    from tests.tiny import factory

    return factory()


@cache
def small(format: Format) -> Small:
    """The network as `format`."""
    example = torch.zeros(1, 3, SIZE, SIZE)
    path = directory() / f"small.{format}"
    if format == "onnx":
        torch.onnx.export(network(), (example,), path, dynamo=False, input_names=["image"], output_names=["scores"])
        return Small(path, format, (TensorSpec("image", (1, 3, SIZE, SIZE), "float32", "nchw"),),
                     (TensorSpec("scores", (1, 7), "float32", "plain"),))
    from ghostdeploy.fusion import fuse
    from ghostdeploy.lowering.executorch import lower_pte
    from ghostdeploy.lowering.tflite import lower_tflite

    graph = fuse(network(), example).module
    lowered = lower_pte(graph, example) if format == "pte" else lower_tflite(graph, example)
    path.write_bytes(lowered.data)
    return Small(path, format, lowered.inputs, lowered.outputs)


@cache
def channels_last_pte() -> Path:
    """A .pte that takes its input in NHWC order behind an NCHW shape, by ExecuTorch's own lowering."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    example = torch.zeros(1, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    program = torch.export.export(network(), (example,))
    path = directory() / "channels_last.pte"
    path.write_bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)
    return path


@cache
def images(count: int = 3) -> Any:
    """Real photos as the network's inputs, [count, 3, SIZE, SIZE]."""
    preprocessing = Preprocessing(input_size=SIZE)
    return np.concatenate([preprocessing.tensor(photo.image) for photo in photos.real_photos()[:count]])


def answers(inputs: Any) -> Any:
    """What the network itself says, [N, 7]."""
    with torch.inference_mode():
        return network()(torch.from_numpy(inputs)).numpy()
