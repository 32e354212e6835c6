"""Writing single XNNPACK nodes into a delegate that is being serialised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNConcatenate2,
    XNNGraph,
    XNNMultiply,
    XNNQuantizedTensorValue,
    XNNStaticReshape,
    XNNTensorValue,
    XNode,
    XValue,
)
from executorch.backends.xnnpack.utils.xnnpack_constants import XNN_INVALID_VALUE_ID


@dataclass(frozen=True)
class Steps:
    """Appends tensors and nodes to `graph`. Every method takes and returns value ids; `dims` are in memory order.

    A new tensor has the type of the one that it is made from, and in int8 its quantisation.
    """

    graph: XNNGraph
    debug_handle: int

    def reshape(self, source: int, dims: list[int], out: int | None = None) -> int:
        """`source` in another shape; into the value `out` if given."""
        out = self._like(source, dims) if out is None else out
        return self._node(XNNStaticReshape(num_dims=len(dims), new_shape=dims, input_id=source, output_id=out,
                                           flags=0), out)

    def beside_itself(self, source: int, axis: int, dims: list[int]) -> int:
        """`source` twice along `axis`."""
        out, none = self._like(source, dims), XNN_INVALID_VALUE_ID
        return self._node(XNNConcatenate2(axis=axis, input1_id=source, input2_id=source, input3_id=none,
                                          input4_id=none, input5_id=none, output_id=out, flags=0), out)

    def product(self, left: int, right: int, result: int, dims: list[int], limits: Any) -> int:
        """The broadcast product, of the type of `result`; clamped to `limits`, those of an activation, if there are."""
        out = self._like(result, dims)
        return self._node(XNNMultiply(input1_id=left, input2_id=right, output_id=out, flags=0), out, limits)

    def _like(self, value: int, dims: list[int]) -> int:
        new, model = len(self.graph.xvalues), self.graph.xvalues[value].xvalue_union
        quantised = isinstance(model, XNNQuantizedTensorValue)
        tensor = XNNTensorValue(datatype=(model.tensor_value if quantised else model).datatype, num_dims=len(dims),
                                dims=list(dims), external_id=XNN_INVALID_VALUE_ID, constant_buffer_idx=0, flags=0,
                                id_out=new)
        self.graph.xvalues.append(XValue(
            XNNQuantizedTensorValue(tensor, model.quant_params) if quantised else tensor))
        return new

    def _node(self, union: Any, out: int, limits: Any = None) -> int:
        self.graph.xnodes.append(XNode(xnode_union=union, debug_handle=self.debug_handle, output_min_max=limits))
        return out
