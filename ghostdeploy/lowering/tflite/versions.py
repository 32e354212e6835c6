"""Which version of an operator a use of it needs, and which TFLite runtime is the first to have that version.

Source of both: TensorFlow's `lite/tools/versioning/op_version.cc` (use -> version) and `runtime_version.cc` (version
-> runtime), read in November 2026; Android's `org.tensorflow:tensorflow-lite` counts like TensorFlow.
`ai-edge-litert` started a count of its own: its every release is later than any number below. Where the table says
nothing, the entry is the lowest runtime that was tried, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable

WIDE_BROADCAST = "broadcast of more than 4 axes"
DEQUANTIZE_HALF = 3
CONV_GROUPED = 6
DEPTHWISE_DILATED = 2
FULLY_CONNECTED_KEEPS_AXES = 5
BILINEAR_HALF_PIXEL = 3

LOWEST_TRIED = "2.14.0"  # tflite-runtime 2.14.0, in whose environment the tests run every kind of file written here

_SINCE: dict[tuple[str, int], str] = {
    ("ABS", 1): "1.13.0", ("ADD", 1): "1.5.0", ("AVERAGE_POOL_2D", 1): "1.5.0", ("BATCH_MATMUL", 1): "2.3.0",
    ("ADD", 2): "1.14.0", ("CEIL", 1): "1.14.0", ("CONCATENATION", 1): "1.5.0", ("CONCATENATION", 2): "1.14.0",
    ("CONV_2D", 1): "1.5.0", ("CONV_2D", 3): "1.14.0", ("CONV_2D", 6): "2.9.0", ("DEPTHWISE_CONV_2D", 1): "1.5.0",
    ("DEPTHWISE_CONV_2D", 2): "1.12.0", ("DEPTHWISE_CONV_2D", 3): "1.14.0", ("DEQUANTIZE", 2): "1.14.0",
    ("DEQUANTIZE", 3): "1.15.0", ("DIV", 1): "1.6.0", ("DIV", 2): "2.3.0", ("ELU", 1): "1.14.0", ("EXP", 1): "1.7.0",
    ("FLOOR", 1): "1.9.0", ("FULLY_CONNECTED", 1): "1.5.0", ("FULLY_CONNECTED", 5): "2.0.0", ("GELU", 1): "2.9.0",
    ("HARD_SWISH", 1): "1.15.0", ("LEAKY_RELU", 1): "1.13.1", ("LOG", 1): "1.14.0", ("LOGISTIC", 1): "1.14.0",
    ("LOGISTIC", 2): "1.14.0",
    ("MAXIMUM", 1): "1.14.0", ("MAXIMUM", 3): "2.3.0", ("MAX_POOL_2D", 1): "1.5.0", ("MAX_POOL_2D", 2): "1.14.0",
    ("MEAN", 1): "1.6.0", ("MEAN", 2): "1.14.0", ("MINIMUM", 1): "1.14.0", ("MINIMUM", 3): "2.3.0",
    ("MUL", 1): "1.5.0", ("MUL", 2): "1.14.0", ("NEG", 1): "1.9.0", ("PAD", 1): "1.5.0", ("PAD", 2): "1.14.0",
    ("PAD", 4): "2.6.0", ("PRELU", 1): "1.8.0", ("QUANTIZE", 1): "1.14.0", ("RELU", 1): "1.5.0",
    ("RELU6", 1): "1.5.0", ("RELU_N1_TO_1", 1): "1.5.0", ("RESHAPE", 1): "1.5.0", ("RESIZE_BILINEAR", 1): "1.7.0",
    ("RESIZE_BILINEAR", 3): "2.2.0", ("ROUND", 1): "1.14.0", ("SLICE", 1): "1.14.0", ("SLICE", 5): "2.5.0",
    ("SOFTMAX", 1): "1.5.0", ("SQRT", 1): "1.10.0",
    ("STRIDED_SLICE", 1): "1.6.0", ("STRIDED_SLICE", 4): "2.2.0", ("SUB", 1): "1.6.0", ("SUB", 3): "2.3.0",
    ("SUM", 1): "1.10.0", ("TANH", 1): "1.14.0", ("TRANSPOSE", 1): "1.6.0", ("TRANSPOSE", 2): "1.14.0",
    ("TRANSPOSE", 4): "2.3.0", ("TRANSPOSE", 6): LOWEST_TRIED,
}
# ADD and MUL keep version 1 when they broadcast more than 4 axes, so the version cannot tell a runtime that computes it
# from one that does not.
_FEATURE_SINCE: dict[str, str] = {WIDE_BROADCAST: LOWEST_TRIED}

# With int8 operands; operators that are not here have the same version for all types.
_INT8 = {"ADD": 2, "CONCATENATION": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "DEQUANTIZE": 2, "LOGISTIC": 2,
         "MAX_POOL_2D": 2, "MEAN": 2, "MUL": 2, "PAD": 2, "TRANSPOSE": 2}

_WIDE_BINARY = {"SUB": 3, "DIV": 2, "MAXIMUM": 3, "MINIMUM": 3}


def int8(name: str) -> int:
    """The least version of an operator whose first operand is int8."""
    return _INT8.get(name, 1)


def transpose(rank: int) -> int:
    """Version of TRANSPOSE for tensors of this rank."""
    return 6 if rank > 5 else 4 if rank > 4 else 1


def slicing(rank: int) -> int:
    """Version of SLICE for tensors of this rank."""
    return 5 if rank > 4 else 1


def strided_slicing(rank: int) -> int:
    """Version of STRIDED_SLICE for tensors of this rank."""
    return 4 if rank > 4 else 1


def padding(rank: int) -> int:
    """Version of PAD for tensors of this rank."""
    return 4 if rank > 4 else 1


def binary(name: str, rank: int, broadcasts: bool) -> int:
    """Version of an elementwise operator of two inputs."""
    return _WIDE_BINARY.get(name, 1) if rank > 4 and broadcasts else 1


def minimum_runtime(operators: Iterable[tuple[str, int]], features: Iterable[str] = ()) -> str:
    """The first TFLite release that has every (operator, version) and every feature given.

    Raises:
        KeyError: an operator was written that the table does not know; a bug of ours.
    """
    needed = [_SINCE[operator] for operator in operators] + [_FEATURE_SINCE[feature] for feature in features]
    return max(needed, key=_numeric, default="1.5.0")


def _numeric(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
