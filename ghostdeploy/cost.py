"""Parameters and multiply-adds of a module, counted without computing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.fx import GraphModule, Interpreter
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """`params` counts trainable values; `macs` the multiply-adds of convolutions and matrix products in one forward."""

    params: int
    macs: int


def cost(module: nn.Module, example: torch.Tensor) -> Cost:
    """What `module` costs for an input like `example`; see `params` and `macs`."""
    return Cost(params(module), macs(module, example))


def params(module: nn.Module) -> int:
    """How many values `module` was trained to; in a graph module, whose constants are buffers, floating buffers too."""
    tensors: list[torch.Tensor] = list(module.parameters())
    if isinstance(module, GraphModule):
        tensors += [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    return sum(tensor.numel() for tensor in tensors)


def macs(module: nn.Module, example: torch.Tensor) -> int:
    """The multiply-adds of one forward for an input like `example`, of whose content and device nothing is read.

    Runs on the meta device, where every operator only works out shapes. There a module must hold its tensors as
    parameters and buffers; the graph that `trace` made of one always does.
    """
    values = {name: value.detach().to("meta") for name, value in [*module.named_parameters(), *module.named_buffers()]}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), torch.device("meta"), counter:
        if isinstance(module, GraphModule):
            _Shapes(module, values).run(example.to("meta"))
        else:
            functional_call(module, values, (example.to("meta"),))
    return int(counter.get_total_flops()) // 2


class _Shapes(Interpreter):
    """Interprets a graph on the meta device.

    Attention leaves other strides there than on the CPU where the graph was traced, so a recorded view may not be one.
    """

    def __init__(self, module: GraphModule, values: dict[str, torch.Tensor]) -> None:
        super().__init__(module)
        self._values = values

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A constant's shape; called by torch."""
        return self._values[str(target)]

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An operator; called by torch. One that makes a tensor (`arange`) has the traced module's device recorded."""
        if "device" in kwargs:
            kwargs = {**kwargs, "device": torch.device("meta")}
        return super().call_function(torch.reshape if target is torch.ops.aten.view.default else target, args, kwargs)
