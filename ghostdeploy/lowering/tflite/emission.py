"""The state of one lowering: which TFLite tensor holds which node, and in what order of axes.

Emitters ask for an operand in the order that their operator wants (`read`); a RESHAPE or TRANSPOSE is written only if
the operand is not kept that way yet, and only once. They say in what order their result lies (`write`, `keep`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.fx import GraphModule, Node

from ghostdeploy import graph
from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.half import as_half
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.layout import Order, Shape, identity, permuted, plan_view, significant, stored
from ghostdeploy.lowering.tflite.writer import Array, Steps, Writer
from ghostdeploy.quantisation import FLOAT_ONLY, Quantisation, QuantParams

ACTIVATION = schema.ActivationFunctionType
_BINARY_OPTIONS = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions",
                   "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions"}
_FUSES_ACTIVATION = {"ADD", "SUB", "MUL", "DIV"}


@dataclass(frozen=True)
class Stored:
    """A TFLite tensor whose axis i is the node's axis `order[i]`; in float32, or in int8 steps."""

    tensor: int
    order: Order
    int8: bool = False


class Emission:
    """Writes one graph. Values of nodes are found by node, constants are folded on the way.

    Where there is a plan for int8, an emitter reads and writes in the type in which its node is computed: `read` and
    `write` see to the conversions.
    """

    def __init__(self, module: GraphModule, writer: Writer, precision: Precision,
                 plan: Quantisation = FLOAT_ONLY, *, phones: bool = True) -> None:
        self.module, self.writer, self.precision, self.plan, self.phones = module, writer, precision, plan, phones
        self.absorbed: set[Node] = set()
        self.int8 = False
        self._stored: dict[Node, list[Stored]] = {}
        self._constants: dict[Node, torch.Tensor] = {}

    # ---- constants ----------------------------------------------------------------------------------------------

    def constant(self, value: object) -> torch.Tensor | None:
        """The value behind a number, a parameter, or a node computed from such; None for what depends on the input."""
        if isinstance(value, bool | int | float):
            return torch.tensor(float(value))
        if not isinstance(value, Node):
            return None
        if value not in self._constants:
            found = graph.constant(self.module, value)
            if found is None:
                return None
            self._constants[value] = found
        return self._constants[value]

    def fold(self, node: Node) -> bool:
        """Compute a node of constants now; True if it was one."""
        operands = node.all_input_nodes
        values = {operand: self.constant(operand) for operand in operands}
        if any(v is None for v in values.values()) or not isinstance(node.meta.get("val"), torch.Tensor):
            return False
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda operand: values[operand])
        assert callable(node.target)
        self._constants[node] = node.target(*args, **kwargs)
        return True

    def weight(self, value: torch.Tensor, name: str) -> int:
        """A float constant: in fp16 artifacts half as large, with a DEQUANTIZE that XNNPACK folds away on loading."""
        single = value.to(torch.float32).contiguous()
        if self.precision != "fp16":
            return self.writer.constant(single.numpy(), name)
        half = self.writer.constant(as_half(name, single).numpy(), f"{name}_half")
        out = self.writer.tensor(name, tuple(single.shape))
        self.writer.operator("DEQUANTIZE", [half], [out], "DequantizeOptions", version=versions.DEQUANTIZE_HALF)
        return out

    # ---- values of nodes ----------------------------------------------------------------------------------------

    def order(self, node: Node) -> Order:
        """How a node's value lies in memory, as its own operator left it."""
        return self._stored[node][0].order if node in self._stored else identity(len(graph.shape(node)))

    def read(self, node: object, order: Order) -> int:
        """The tensor that holds `node`'s value in `order`, converting it if need be."""
        value = self.constant(node)
        if value is not None:
            array = value.to(torch.float32).numpy()
            return self.writer.constant(np.ascontiguousarray(array.transpose(order)))
        assert isinstance(node, Node)
        kept = [found for found in self._stored[node] if found.int8 == self.int8] or [self._retyped(node)]
        for found in kept:
            if found.order == order:
                return found.tensor
        converted = self._convert(kept[0], graph.shape(node), order)
        self._stored[node].append(Stored(converted, order, self.int8))
        return converted

    def write(self, node: Node, order: Order) -> int:
        """Declare the tensor that will hold `node`'s value in `order`."""
        return self.keep(node, self.declare(node, node.name, stored(graph.shape(node), order)), order)

    def declare(self, node: Node, name: str, shape: Shape) -> int:
        """Declare a tensor that will hold the elements of `node`'s value in some shape."""
        if not self.int8:
            return self.writer.tensor(name, shape)
        return self.writer.tensor(name, shape, "int8", steps=steps(self.plan.params[node]))

    def keep(self, node: Node, tensor: int, order: Order) -> int:
        """Record that an existing tensor holds `node`'s value in `order`."""
        self._stored[node] = [Stored(tensor, order, self.writer.dtype(tensor) == "int8")]
        return tensor

    def _retyped(self, node: Node) -> Stored:
        """`node`'s value in the other type, which its own operator did not leave."""
        kept = self._stored[node][0]
        shape = self.writer.shape(kept.tensor)
        if self.int8:
            out = self.writer.tensor(f"{node.name}_int8", shape, "int8", steps=steps(self.plan.params[node]))
            self.writer.operator("QUANTIZE", [kept.tensor], [out], "QuantizeOptions")
        else:
            out = self.writer.tensor(f"{node.name}_float", shape)
            self.writer.operator("DEQUANTIZE", [kept.tensor], [out], "DequantizeOptions")
        self._stored[node].append(Stored(out, kept.order, self.int8))
        return self._stored[node][-1]

    def same(self, node: Node, source: Node) -> None:
        """Record that `node` has the value of `source` (and the very same shape)."""
        self._stored[node] = self._stored[source]

    def permute(self, node: Node, source: Node, dims: Sequence[int]) -> None:
        """Record that `node` is `source` with its axes renamed: no operator."""
        self._stored[node] = [replace(kept, order=permuted(kept.order, dims)) for kept in self._stored[source]]

    def view(self, node: Node, source: Node) -> None:
        """Record that `node` holds the elements of `source` in another shape."""
        tensor, order = self.viewed(source, graph.shape(node))
        self.keep(node, tensor, order)

    def viewed(self, source: Node, target: Shape) -> tuple[int, Order]:
        """The value of `source` in the shape `target`: a tensor and its order."""
        shape = graph.shape(source)
        plan = plan_view(shape, target, self.order(source))
        return self.reshape(self.read(source, plan.before), stored(target, plan.after)), plan.after

    def _convert(self, kept: Stored, shape: Shape, order: Order) -> int:
        if significant(shape, kept.order) == significant(shape, order):
            return self.reshape(kept.tensor, stored(shape, order))
        return self.transpose(kept.tensor, tuple(kept.order.index(axis) for axis in order))

    # ---- operators that several families need -------------------------------------------------------------------

    def integers(self, values: Sequence[object]) -> int:
        """An int32 constant: a shape, a permutation, axes."""
        return self.writer.constant(np.array(values, np.int32))

    def scalar(self, value: float) -> int:
        """A float constant of one element."""
        return self.writer.constant(np.array(value, np.float32))

    def array(self, value: Array, name: str = "const") -> int:
        """A float32 constant."""
        return self.writer.constant(np.ascontiguousarray(value, np.float32), name)

    def reshape(self, tensor: int, shape: Shape, out: int | None = None) -> int:
        """RESHAPE, or nothing where the shape is that already and no particular output is wanted."""
        if out is None and self.writer.shape(tensor) == shape:
            return tensor
        result = self.writer.like(tensor, "reshape", shape) if out is None else out
        self.writer.operator("RESHAPE", [tensor, self.integers(shape)], [result], "ReshapeOptions",
                             newShape=np.array(shape, np.int32))
        return result

    def transpose(self, tensor: int, permutation: Order) -> int:
        """TRANSPOSE: axis i of the result is axis `permutation[i]`."""
        result = self.writer.like(tensor, "transpose", stored(self.writer.shape(tensor), permutation))
        self.writer.operator("TRANSPOSE", [tensor, self.integers(permutation)], [result], "TransposeOptions",
                             version=versions.transpose(len(permutation)))
        return result

    def unary(self, name: str, tensor: int, out: int | None = None, options: str | None = None,
              **fields: float) -> int:
        """An operator of one input that keeps the shape."""
        result = self.writer.tensor(name.lower(), self.writer.shape(tensor)) if out is None else out
        self.writer.operator(name, [tensor], [result], options, 1, **fields)
        return result

    def binary(self, name: str, left: int, right: int, out: int | None = None,
               activation: int = ACTIVATION.NONE) -> int:
        """An elementwise operator of two inputs, broadcast as TFLite does (aligned at the last axis)."""
        shapes = self.writer.shape(left), self.writer.shape(right)
        shape = tuple(np.broadcast_shapes(*shapes))
        result = self.writer.tensor(name.lower(), shape) if out is None else out
        broadcasts = shapes[0] != shapes[1]
        if broadcasts and len(shape) > 4:
            self.writer.features.add(versions.WIDE_BROADCAST)
        fields = {"fusedActivationFunction": activation} if name in _FUSES_ACTIVATION else {}
        self.writer.operator(name, [left, right], [result], _BINARY_OPTIONS[name],
                             version=versions.binary(name, len(shape), broadcasts), **fields)
        return result

    def activation(self, node: Node) -> tuple[int, Node]:
        """The activation that can ride on `node`'s operator, and the node that then carries the result."""
        user = next(iter(node.users)) if len(node.users) == 1 else None
        kind = None if user is None else fusable(user)
        if self.int8:   # int8 ends where its steps do, which is where a clamp without a kind of its own ends (int8.py)
            rides = user is not None and user in self.plan.int8 and user.target in ACTIVATIONS
            kind = (kind or int(ACTIVATION.NONE)) if rides else None
        if user is None or kind is None:
            return ACTIVATION.NONE, node
        self.absorbed.add(user)
        return kind, user

    # ---- refusals -----------------------------------------------------------------------------------------------

    def refusal(self, node: Node, why: str, next: str) -> UnsupportedOperator:
        """The error for a node that cannot be written, naming operator, node and the module it came from."""
        what = f"{operator_name(node)} cannot be written to .tflite (node {node.name}{_origin(node)})"
        return UnsupportedOperator(what, why, next)


def steps(params: QuantParams) -> Steps:
    """As the schema has them."""
    return Steps((params.scale,), (params.zero_point,))


def operator_name(node: Node) -> str:
    """ATen's name of a node's operator, as `aten.conv2d.default`."""
    return str(node.target)


def _origin(node: Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(entry[0]) for entry in stack.values() if entry[0]]
    paths += [str(o.meta["origin"]).rpartition(".")[0] for o in node.all_input_nodes if "origin" in o.meta]
    return f" of module {paths[-1]}" if paths and paths[-1] else ""


def fusable(node: Node) -> int | None:
    """The kind of activation that `node` is, as an operator before it can carry it; None if it is no such."""
    if node.target in (aten.relu.default, aten.relu6.default):
        return int(ACTIVATION.RELU if node.target is aten.relu.default else ACTIVATION.RELU6)
    if node.target in (aten.hardtanh.default, aten.clamp.default):
        return {(0.0, 6.0): int(ACTIVATION.RELU6), (-1.0, 1.0): int(ACTIVATION.RELU_N1_TO_1)}.get(clamp_range(node))
    return None


def clamp_range(node: Node) -> tuple[float, float]:
    """Bounds of a hardtanh or clamp; infinite where there is none."""
    unbounded = (-1.0, 1.0) if node.target is aten.hardtanh.default else (-np.inf, np.inf)
    low, high = (graph.argument(node, i + 1, unbounded[i]) for i in range(2))
    return float(low), float(high)
