"""Depthwise convolutions of many taps as sums of small ones, against eager."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.passes import WideDepthwiseAsSum
from ghostdeploy.lowering.tflite import lower_tflite
from tests.rewriting import operators, rewritten

EXAMPLE = torch.randn(1, 6, 19, 16)


def depthwise(kernel: int | tuple[int, int], stride: int = 1, padding: int | tuple[int, int] | None = None,
              dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    torch.manual_seed(0)
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    usual = (height // 2 * dilation, width // 2 * dilation)
    return nn.Conv2d(6, 6, (height, width), stride, usual if padding is None else padding, dilation, 6, bias)


@pytest.mark.parametrize(("convolution", "parts"), [
    (depthwise(7), 3), (depthwise(7, stride=2), 3), (depthwise(9), 5), (depthwise(9, stride=2, bias=False), 5),
    (depthwise(11), 6), (depthwise((7, 5)), 3), (depthwise((9, 3)), 4), (depthwise((3, 12)), 2),
    (depthwise(7, dilation=2), 3), (depthwise(7, padding=4), 3),
    (nn.Conv2d(6, 12, 7, 2, 3, groups=6), 3)], ids=str)
def test_the_sum_is_the_convolution_in_kernels_of_25_taps(convolution: nn.Conv2d, parts: int) -> None:
    graph, (outcome,) = rewritten(convolution, EXAMPLE, WideDepthwiseAsSum())
    assert outcome.changed == 1
    assert operators(graph) == {"conv2d.default": parts, **({"add.Tensor": parts - 1} if parts > 1 else {})}
    taps = [int(np.prod(value.shape[2:])) for value in graph.state_dict().values() if value.dim() == 4]
    assert all(count <= 25 for count in taps if count != np.prod(convolution.weight.shape[2:]))


@pytest.mark.parametrize(("convolution", "why"), [
    (depthwise((6, 7), padding=3), "no middle"), (depthwise(13), "more than 25"),
    (depthwise(7, padding=2), "narrower")])
def test_what_it_refuses(convolution: nn.Conv2d, why: str) -> None:
    _, (outcome,) = rewritten(convolution, EXAMPLE, WideDepthwiseAsSum())
    assert outcome.changed == 0 and why in outcome.refused[0].why


@pytest.mark.parametrize("convolution", [depthwise(5), nn.Conv2d(6, 6, 7, padding=3), nn.Conv2d(6, 12, 7, groups=2)])
def test_others_are_left_alone(convolution: nn.Conv2d) -> None:
    _, (outcome,) = rewritten(convolution, EXAMPLE, WideDepthwiseAsSum())
    assert (outcome.changed, outcome.refused) == (0, ())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lower", [lower_pte, lower_tflite])
def test_both_runtimes_agree(lower, stride: int, tmp_path) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 6, 1), depthwise(9, stride), nn.ReLU(), depthwise(7, stride)).eval()
    x = torch.randn(1, 3, 20, 20)
    made = lower(fuse(module, x).module, x)
    assert made.delegation.nodes_outside == 0
    path = tmp_path / "model"
    path.write_bytes(made.data)
    found = LocalDevice().run(Job(path, made.format, "infer", made.inputs, made.outputs), [[x.numpy()]]).outputs[0][0]
    with torch.no_grad():
        exact = module(x).numpy()
    assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()
