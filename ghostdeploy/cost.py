"""Parameters and multiply-adds of a module, counted without computing anything."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """`params` counts trainable values; `macs` the multiply-adds of convolutions and matrix products in one forward."""

    params: int
    macs: int


def cost(module: nn.Module, example: torch.Tensor) -> Cost:
    """What `module` costs for an input like `example`, of whose content and device nothing is read.

    Runs on the meta device, where every operator only works out shapes. In a graph module, whose constants are buffers,
    floating buffers count as parameters.
    """
    values = {name: value.detach().to("meta") for name, value in [*module.named_parameters(), *module.named_buffers()]}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), torch.device("meta"), counter:
        functional_call(module, values, (example.to("meta"),))
    return Cost(_params(module), counter.get_total_flops() // 2)


def _params(module: nn.Module) -> int:
    tensors: list[torch.Tensor] = list(module.parameters())
    if isinstance(module, torch.fx.GraphModule):
        tensors += [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    return sum(tensor.numel() for tensor in tensors)
