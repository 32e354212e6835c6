"""Layouts at the border of an artifact: the library thinks in NCHW, an artifact takes its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ghostdeploy.lowering.artifact import Layout, TensorSpec

FloatArray = npt.NDArray[np.float32]


def to_layout(nchw: FloatArray, layout: Layout) -> FloatArray:
    """An NCHW array [N, C, H, W] in the memory order that an artifact's input spec names, contiguous."""
    if layout == "nhwc":
        return np.ascontiguousarray(nchw.transpose(0, 2, 3, 1))
    if layout == "channels_last":
        # Same shape, other strides: ExecuTorch reads the bytes, so they must lie in NHWC order behind an NCHW shape.
        return np.ascontiguousarray(nchw.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(nchw)


def arranged(arrays: Sequence[FloatArray], specs: Sequence[TensorSpec]) -> list[FloatArray]:
    """Each input in the memory order of its spec; what is no map stays as it is."""
    return [to_layout(array, spec.layout) if array.ndim == 4 else array
            for array, spec in zip(arrays, specs, strict=True)]


def from_layout(array: FloatArray, layout: Layout) -> FloatArray:
    """The inverse of `to_layout` for outputs: a 4-D `nhwc` result becomes NCHW, everything else stays."""
    if layout == "nhwc" and array.ndim == 4:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return np.ascontiguousarray(array)
