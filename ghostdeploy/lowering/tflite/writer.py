"""Writing a `.tflite` file: tensors, constants, operators, signature. Knows the schema, and nothing of any graph.

The schema is the one that ships inside `ai-edge-litert`. Three things the format demands and does not say: buffer 0
must be empty (it means "no data"), `deprecated_builtin_code` is min(code, 127), and tensor names must be unique (the
int8 quantiser finds tensors by name). Constants stand inside the flatbuffer: TFLite 2.14 does not read data behind it
(`Input tensor N lacks data` at the first inference).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from ghostdeploy.lowering.tflite import versions

Array = npt.NDArray[Any]

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
SIGNATURE = "serving_default"
SMALL = 64  # elements: up to here equal constants (shapes, permutations, scalars) are written once
OPERATORS: dict[int, str] = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}

_TYPES = {"float32": schema.TensorType.FLOAT32, "float16": schema.TensorType.FLOAT16, "int32": schema.TensorType.INT32,
          "int8": schema.TensorType.INT8}


@dataclass(frozen=True)
class Steps:
    """What integers stand for: `scale * (stored - zero_point)`; one pair for all, or one for each index of `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0


class Writer:
    """Collects one subgraph and packs it. Tensors are named by their index from here on."""

    def __init__(self, description: str) -> None:
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version, self._model.description = SCHEMA_VERSION, description
        self._model.operatorCodes, self._model.metadata = [], []
        self._model.buffers = [schema.BufferT()]
        self._model.subgraphs = [self._graph]
        self._graph.name, self._graph.tensors, self._graph.operators = "main", [], []
        self._codes: dict[tuple[str, int], int] = {}
        self._names: set[str] = set()
        self._small: dict[tuple[str, tuple[int, ...], bytes, Steps | None], int] = {}
        self._steps: list[Steps | None] = []
        self._dtypes: list[str] = []
        self.features: set[str] = set()

    @property
    def operators(self) -> frozenset[tuple[str, int]]:
        """Every (operator, version) written so far."""
        return frozenset(self._codes)

    @property
    def written(self) -> int:
        """How many operators were written so far."""
        return len(self._graph.operators)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor, in the order it is stored."""
        return tuple(int(s) for s in self._graph.tensors[tensor].shape)

    def dtype(self, tensor: int) -> str:
        """Element type of a tensor, as numpy calls it."""
        return self._dtypes[tensor]

    def steps(self, tensor: int) -> Steps | None:
        """What the integers of a quantised tensor stand for."""
        return self._steps[tensor]

    def like(self, tensor: int, name: str, shape: Sequence[int]) -> int:
        """Declare a tensor of the same type and steps in another shape."""
        return self.tensor(name, shape, self.dtype(tensor), steps=self.steps(tensor))

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "float32", data: bytes | None = None,
               steps: Steps | None = None) -> int:
        """Declare a tensor; with `data` it is a constant."""
        t = schema.TensorT()
        self._dtypes.append(dtype)
        self._steps.append(steps)
        if steps is not None:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale = np.array(steps.scales, np.float32)
            t.quantization.zeroPoint = np.array(steps.zero_points, np.int64)
            t.quantization.quantizedDimension = steps.axis
        t.name, t.type = self._unique(name), _TYPES[dtype]
        t.shape, t.hasRank = np.array(shape, np.int32), True
        t.buffer = 0 if data is None else self._buffer(data)
        self._graph.tensors.append(t)
        return len(self._graph.tensors) - 1

    def constant(self, value: Array, name: str = "const", steps: Steps | None = None) -> int:
        """A constant tensor of float32, float16, int32 or int8; small ones are shared."""
        value = np.asarray(value)
        data, dtype = np.ascontiguousarray(value).tobytes(), value.dtype.name
        if value.size > SMALL:
            return self.tensor(name, value.shape, dtype, data, steps)
        key = (dtype, value.shape, data, steps)
        if key not in self._small:
            self._small[key] = self.tensor(name, value.shape, dtype, data, steps)
        return self._small[key]

    def operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: str | None = None,
                 version: int = 1, **fields: object) -> None:
        """Append an operator, as `operator("CONV_2D", [x, w, b], [y], "Conv2DOptions", strideH=1)`. Input -1: none.

        `version` is that of float operands; of int8 ones it is raised to what they need.
        """
        if inputs and self.dtype(inputs[0]) == "int8":
            version = max(version, versions.int8(name))
        o = schema.OperatorT()
        o.opcodeIndex = self._code(name, version)
        o.inputs, o.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            o.builtinOptions = getattr(schema, options + "T")()
            o.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            for field, value in fields.items():
                if not hasattr(o.builtinOptions, field):
                    raise AttributeError(f"{options} has no field {field}")
                setattr(o.builtinOptions, field, value)
        self._graph.operators.append(o)

    def metadata(self, name: str, data: bytes) -> None:
        """Attach a named metadata buffer to the model."""
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, self._buffer(data)
        self._model.metadata.append(entry)

    def pack(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        """The file's bytes. Names given here are those of the signature that clients and the quantiser see."""
        self._graph.inputs = np.array(list(inputs.values()), np.int32)
        self._graph.outputs = np.array(list(outputs.values()), np.int32)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs = [_entry(*item) for item in inputs.items()]
        signature.outputs = [_entry(*item) for item in outputs.items()]
        self._model.signatureDefs = [signature]
        # As large as it will be: growing doubles it, and both copies are alive meanwhile.
        data = sum(buffer.data.nbytes for buffer in self._model.buffers if buffer.data is not None)
        builder = flatbuffers.Builder(data + (1 << 20))
        builder.Finish(self._model.Pack(builder), file_identifier=IDENTIFIER)
        self._model.buffers = []        # the builder has them; `Output` would be a third copy, and its bytes a fourth
        return bytes(memoryview(builder.Bytes)[builder.Head():])

    def _unique(self, name: str) -> str:
        unique, count = name, 0
        while unique in self._names:
            count += 1
            unique = f"{name}_{count}"
        self._names.add(unique)
        return unique

    def _buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def _code(self, name: str, version: int) -> int:
        if (name, version) not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
            self._codes[name, version] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        return self._codes[name, version]


def _entry(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry
