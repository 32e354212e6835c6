"""What XNNPACK computes in int8 when it comes as a `.tflite`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from torch.fx import Node

from ghostdeploy.graph import argument, shape
from ghostdeploy.lowering.passes.base import operand
from ghostdeploy.lowering.passes.nearest_index import NEAREST
from ghostdeploy.lowering.tflite.convolution import CONVOLUTIONS, window_of
from ghostdeploy.lowering.tflite.emission import fusable
from ghostdeploy.lowering.tflite.geometry import Padding
from ghostdeploy.lowering.tflite.upsample import only_gates, upsampled_gate
from ghostdeploy.quantisation.kinds import PARTS, SAME_STEPS, VIEWS, Backend, holds_zero

IMAGE: Final = 4       # channels of an image, at most


def _takes(node: Node) -> bool:
    """Slices and pads stay in float32. Upsampling is a broadcast product in int8, so only where it is that."""
    if node.target in PARTS:
        return False
    if node.target in NEAREST:
        return only_gates(node)
    gate = upsampled_gate(node)
    return gate is None or only_gates(gate)


def _takes_on_x86(node: Node) -> bool:
    """A convolution of an image, a stem, stays in float32 too.

    Whole `.tflite`, one thread of an EPYC with AVX2, int8 over fp32 with the stem in int8 and in float32: MobileNetV2
    1.10 and 1.00, GhostNetV3 1.0x 0.97 and 0.90. ExecuTorch's programs gained nothing (1.06 and 1.09, 0.92 both times),
    and ARM has the cheaper stem in int8 (1.8 million instructions against 3.4 in GhostNetV3 1.0x).
    """
    if node.target not in CONVOLUTIONS or argument(node, 6, 1) != 1:
        return _takes(node)
    channels, *size = shape(operand(node))[1:]
    return _takes(node) and (channels > IMAGE or size == [1, 1])       # a gate of few channels is no image


def _fuses(activation: Node) -> bool:
    """Activations that TFLite has, and clamps that steps of their own can express; steps that are shared reach on."""
    if fusable(activation) is not None:
        return True
    return holds_zero(activation) and not any(user.target in SAME_STEPS + VIEWS for user in activation.users)


def _pads(value: Node) -> bool:
    """Does a convolution read it through a PAD? XNNPACK fuses the two only where zero is stored as 0.

    In TFLite 2.14 an int8 PAD by itself costs about 100 arm64 instructions a pixel: of 224x224 photographs 5.2 of the
    7.4 million of a stem alone, where the convolution takes 1.6.
    """
    return any(user.target in CONVOLUTIONS and user.args[0] is value and window_of(user).padding is Padding.EXPLICIT
               for user in value.users)


INT8: Final = Backend(fuses=_fuses, takes=_takes, pads=_pads, sigmoids=True)
INT8_ON_X86: Final = replace(INT8, takes=_takes_on_x86)
