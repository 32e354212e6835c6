"""Every kind of operator that the TFLite writer writes, in LiteRT: right, and delegated."""

from __future__ import annotations

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from ghostdeploy.lowering.tflite.gelu import FAR, LOG_ODDS
from tests.tools.tflite_cases import CASES, OUTSIDE_LITERT, UNDELEGATED
from tests.tools.tflite_check import noise, run_module

ALL = {**CASES, **UNDELEGATED}
TOLERANCE = 2e-6  # relative: a few float32 roundings of one small operator


@pytest.mark.parametrize("name", ALL)
def test_computes_what_torch_computes(name: str) -> None:
    module, shape = ALL[name]
    outcome = run_module(module, noise(*shape))
    assert outcome.error <= TOLERANCE
    delegation = outcome.lowered.delegation
    assert delegation is not None
    assert set(delegation.outside) == OUTSIDE_LITERT.get(name, set())


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("nearest")])
def test_nearest_upsampling_is_exact_to_the_bit(name: str) -> None:
    module, shape = CASES[name]
    assert run_module(module, noise(*shape)).error == 0.0


@pytest.mark.parametrize(("name", "itself"), [("gelu", True), ("gelu, tanh form", False)])
def test_gelu_is_itself_where_no_phone_reads_the_file(name: str, itself: bool) -> None:
    """LiteRT delegates it, TFLite 2.14 does not. Its tanh form is another operator in XNNPACK, and untried."""
    module, shape = CASES[name]
    for phones in (True, False):
        outcome = run_module(module, noise(*shape), phones=phones)
        assert outcome.error <= TOLERANCE
        assert outcome.lowered.delegation is not None and outcome.lowered.delegation.nodes_outside == 0
        codes = {code.builtinCode for code in schema.ModelT.InitFromPackedBuf(outcome.lowered.data).operatorCodes}
        assert (schema.BuiltinOperator.GELU in codes) is (itself and not phones)


def test_gelu_polynomial_is_within_its_stated_error() -> None:
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    square = (x * x).clamp(max=FAR)
    odds = sum(c * square ** i for i, c in enumerate(LOG_ODDS))
    error = (x * torch.sigmoid(x * odds) - torch.nn.functional.gelu(x)).abs()
    assert error[x.abs() <= 5.5].max() < 7e-8
    assert error.max() < 1.1e-7
