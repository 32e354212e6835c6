"""What would be lowered to something else is refused, in both formats, and what is beside it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.lowering.artifact import Lowered
from ghostdeploy.lowering.exactness import require_exact_forms
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.onnx import lower_onnx
from ghostdeploy.lowering.passes.half_squares import SMALLEST_EXPONENT, before_squaring
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.trace import trace
from tests.rewriting import Function

CHANCE = {
    "active dropout": (lambda x: F.dropout(x), (1, 3, 4, 4), "random numbers"),
    "a draw": (lambda x: x + torch.rand(1, 3, 4, 4), (1, 3, 4, 4), "random numbers"),
    "active attention": (lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1), (1, 3, 4, 4),
                         "random numbers"),
}
REFUSED = {
    "bilinear by 1.5": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), (1, 3, 7, 7), "quotient"),
    "bilinear by 1.3": (lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), (1, 3, 10, 7), "quotient"),
    **CHANCE,
    "no batch": (lambda x: F.max_pool2d(x[0], 2)[None], (1, 3, 4, 4), "without a batch"),
}
ALLOWED = {
    "bilinear by 2": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 3, 7, 7)),
    "bilinear by 1.5 of 8": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), (1, 3, 8, 8)),
    "bilinear to a size": (lambda x: F.interpolate(x, size=(10, 9), mode="bilinear"), (1, 3, 7, 7)),
    "recomputed": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True),
                   (1, 3, 7, 7)),
    "aligned corners": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=True),
                        (1, 3, 7, 7)),
    "idle dropout": (lambda x: F.dropout(x, training=False), (1, 3, 4, 4)),
    "dropout of nothing": (lambda x: F.dropout(x, 0.0), (1, 3, 4, 4)),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), (1, 3, 4, 4)),
}


@pytest.mark.parametrize("lower", [lower_pte, lower_tflite])
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_form_is_refused(name: str, lower: Callable[..., object]) -> None:
    function, shape, why = REFUSED[name]
    example = torch.randn(*shape)
    with pytest.raises(UnsupportedOperator) as caught:
        lower(trace(Function(function), example), example)
    assert why in caught.value.why and caught.value.next


@pytest.mark.parametrize("name", CHANCE)
def test_onnx_refuses_what_draws_too(name: str) -> None:
    function, shape, why = CHANCE[name]
    example = torch.randn(*shape)
    with pytest.raises(UnsupportedOperator, match="cannot be lowered") as caught:
        lower_onnx(trace(Function(function), example), example)
    assert why in caught.value.why


@pytest.mark.parametrize("lower", [lower_pte, lower_tflite, lower_onnx])
def test_what_nobody_reads_is_not_lowered(lower: Callable[..., Lowered]) -> None:
    """torch keeps an unread attention, for it could be random."""
    def function(x: torch.Tensor) -> torch.Tensor:
        F.scaled_dot_product_attention(x, x, x)
        return x + 1

    example = torch.randn(1, 3, 4, 4)
    plain, beside = (len(lower(trace(Function(of), example), example).data) for of in (lambda x: x + 1, function))
    assert abs(plain - beside) < 64, "but for names"


@pytest.mark.parametrize("name", ALLOWED)
def test_what_torch_computes_from_the_sizes_is_not(name: str) -> None:
    function, shape = ALLOWED[name]
    require_exact_forms(trace(Function(function), torch.randn(*shape)))


@pytest.mark.parametrize("epsilon", [0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3, 1.0])
def test_what_is_squared_in_half_is_shrunk_no_further_than_epsilon_allows(epsilon: float) -> None:
    by = before_squaring(epsilon)
    assert 1 / 16 <= by <= 1
    if epsilon >= 2.0 ** SMALLEST_EXPONENT:
        assert float(torch.tensor(epsilon * by ** 2).half()) > 0
    if epsilon >= 1e-6:
        assert bool((torch.tensor(1000.0 * by).half() ** 2).isfinite())


@pytest.mark.parametrize("epsilon", [1e-6, 1e-5])
def test_a_pte_in_half_normalises_large_values(epsilon: float, tmp_path: Path) -> None:
    """In the arithmetic that the runtime has on x86, which converts: beyond 256 the squares were infinite."""
    torch.manual_seed(0)
    module, x = nn.LayerNorm(64, epsilon), 200 * torch.randn(1, 7, 64)
    made = lower_pte(trace(module, x), x, "fp16")
    (tmp_path / "norm.pte").write_bytes(made.data)
    ran = LocalDevice().run(Job(tmp_path / "norm.pte", "pte", "infer", made.inputs, made.outputs), [(x.numpy(),)])
    with torch.no_grad():
        assert np.abs(ran.outputs[0][0] - module(x).numpy()).max() < 0.02
