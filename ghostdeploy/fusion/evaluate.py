"""Runs a graph in another precision than its own, and lets its intermediate values be looked at."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.node import map_aggregate
from torch.nn import functional

from ghostdeploy.graph import pair

aten = torch.ops.aten


class Evaluation(Interpreter):
    """Interprets `module` with every floating-point tensor as `dtype`.

    `watch(node, value)` sees every node's value as it is computed.
    """

    def __init__(self, module: GraphModule, dtype: torch.dtype,
                 watch: Callable[[Node, Any], None] | None = None) -> None:
        super().__init__(module)
        self._dtype, self._watch = dtype, watch

    def of(self, x: torch.Tensor) -> Any:
        """The graph's output for `x`."""
        with torch.no_grad():
            return self.run(x.to(self._dtype))

    def run_node(self, n: Node) -> Any:
        """One node; called by torch."""
        value = super().run_node(n)
        if self._watch is not None:
            self._watch(n, value)
        return value

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An operator; one that names a floating-point type gets ours.

        Parameters are cast here, one operator's at a time: a graph reads all of them first, and together they are twice
        as large as the model.
        """
        args, kwargs = map_aggregate((args, kwargs), self._cast)
        dtype = kwargs.get("dtype")
        if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
            kwargs = {**kwargs, "dtype": self._dtype}
        if target == aten.conv2d.default and self._dtype == torch.float64:
            return _convolution(*args, **kwargs)
        return super().call_function(target, args, kwargs)

    def output(self, target: Any, args: Any, kwargs: Any) -> Any:
        """The outputs; one may be a parameter."""
        return super().output(target, *map_aggregate((args, kwargs), self._cast))

    def _cast(self, value: Any) -> Any:
        return value.to(self._dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, stride: Any = 1,
                 padding: Any = 0, dilation: Any = 1, groups: int = 1) -> torch.Tensor:
    """conv2d in float64. torch has no fast depthwise kernel there (it loops over groups), so taps are added up."""
    if x.dim() != 4 or groups == 1 or weight.shape[1] != 1 or weight.shape[0] != groups or isinstance(padding, str):
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    padded = functional.pad(x, (pw, pw, ph, ph))
    kh, kw = weight.shape[2:]
    height, width = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1, (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    total = x.new_zeros(x.shape[0], groups, height, width)
    for i, j in itertools.product(range(kh), range(kw)):
        rows = slice(i * dh, i * dh + (height - 1) * sh + 1, sh)
        columns = slice(j * dw, j * dw + (width - 1) * sw + 1, sw)
        total.addcmul_(padded[:, :, rows, columns], weight[:, 0, i, j].view(1, -1, 1, 1))
    return total if bias is None else total.add_(bias.view(1, -1, 1, 1))
