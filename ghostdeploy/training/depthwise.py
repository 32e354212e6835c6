"""Depthwise convolutions whose weights learn quickly on CPUs, also where the kernel reaches beyond its map."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def quicken(module: nn.Module) -> nn.Module:
    """Put `TapwiseConv2d` in the place of every depthwise convolution of `module`; parameters and their names stay."""
    for name, child in list(module.named_modules()):
        if type(child) is nn.Conv2d and _depthwise(child):
            module.set_submodule(name, TapwiseConv2d.of(child))
    return module


def _depthwise(conv: nn.Conv2d) -> bool:
    return (1 < conv.groups == conv.in_channels == conv.out_channels and conv.dilation == (1, 1)
            and conv.padding_mode == "zeros" and not isinstance(conv.padding, str))


class TapwiseConv2d(nn.Conv2d):
    """A depthwise convolution that sums the gradient of its weights tap by tap where its kernel exceeds its output.

    oneDNN 3.12 has no depthwise kernel for those (`gemm:jit` in its log, one tiny product for each channel and image):
    43 of the 177 depthwise convolutions of GhostNetV3 0.5x at 64 pixels, and 85 % of the time of their weight
    gradients. Tap by tap, forward and backward at batch 128 took 0.75 of the time (median of 25 interleaved pairs, one
    thread, AVX2).
    """

    @classmethod
    def of(cls, conv: nn.Conv2d) -> TapwiseConv2d:
        """With the parameters of `conv`, themselves."""
        made = cls(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,  # type: ignore[arg-type]
                   conv.padding, conv.dilation, conv.groups, conv.bias is not None, device="meta")  # type: ignore[arg-type]
        made.weight, made.bias = conv.weight, conv.bias
        made.train(conv.training)
        return made

    def forward(self, input: Tensor) -> Tensor:
        """See `nn.Conv2d`."""
        # In mixed precision autocast gives the convolution and its gradient other types than the input and the weight.
        mixed = torch.is_autocast_enabled("cpu")
        if not (self.training and input.device.type == "cpu" and not mixed and self._exceeds(input)):
            return super().forward(input)
        output: Tensor = _Tapwise.apply(input, self.weight, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return output if self.bias is None else output + self.bias[:, None, None]

    def _exceeds(self, input: Tensor) -> bool:
        assert not isinstance(self.padding, str)        # `_depthwise` refuses those
        extents = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
        return any(kernel > (size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in extents)


class _Tapwise(torch.autograd.Function):
    """Depthwise convolution of x [n, c, h, w] with weight [c, 1, kh, kw]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), len(weight),
                (True, False, False))[0]
        return to_x, _weight_gradient(x, gradient, weight.shape, ctx.stride, ctx.padding), None, None


def _weight_gradient(x: Tensor, gradient: Tensor, shape: torch.Size, stride: tuple[int, int],
                     padding: tuple[int, int]) -> Tensor:
    """For each tap, the sum over images and places of the gradient times the input that the tap saw there."""
    (down, across), (above, beside) = stride, padding
    padded = functional.pad(x, (beside, beside, above, above)).permute(0, 2, 3, 1)
    outputs = gradient.permute(0, 2, 3, 1)
    height, width = outputs.shape[1:3]
    taps = [(padded[:, i:i + down * height:down, j:j + across * width:across][:, :height, :width] * outputs
             ).sum((0, 1, 2)) for i in range(shape[2]) for j in range(shape[3])]
    return torch.stack(taps, 1).reshape(shape)
