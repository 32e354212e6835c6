"""`lower_tflite` as its callers see it: specs, precisions, runtimes, refusals; and the writer and versions below it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn
from torch.nn import functional as F

from ghostdeploy.errors import ArtifactRejected, UnsupportedOperator, UsageError
from ghostdeploy.lowering.tflite import delegation, lower_tflite, versions
from ghostdeploy.lowering.tflite.delegation import read_operators
from ghostdeploy.lowering.tflite.writer import OPERATORS
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms
from tests.tiny import Tiny
from tests.tools.tflite_cases import CASES, Do
from tests.tools.tflite_check import noise, run_module


def model_of(data: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def operators(data: bytes) -> list[str]:
    model = model_of(data)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    return [OPERATORS[codes[o.opcodeIndex]] for o in model.subgraphs[0].operators]


def test_a_network_becomes_one_delegate_with_specs_in_memory_order() -> None:
    outcome = run_module(randomise_norms(Tiny()), noise(1, 3, 33, 32))
    lowered = outcome.lowered
    assert outcome.error <= 1e-5
    assert (lowered.format, lowered.precision) == ("tflite", "fp32")
    assert [(s.shape, s.dtype, s.layout) for s in lowered.inputs] == [((1, 33, 32, 3), "float32", "nhwc")]
    assert [(s.shape, s.dtype, s.layout) for s in lowered.outputs] == [((1, 7), "float32", "plain")]
    assert lowered.delegation == delegation(lowered.data)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    assert {name: changed for name, changed in lowered.passes if changed} == {"hard-sigmoid-as-clamp": 1}


def test_maps_leave_as_nhwc_and_several_outputs_keep_their_order() -> None:
    x = noise(1, 3, 4, 5)
    lowered = lower_tflite(trace(Do(lambda x: (x * 2, x.mean((2, 3)))), x), x)
    assert [(s.name, s.shape, s.layout) for s in lowered.outputs] == [
        ("output_0", (1, 4, 5, 3), "nhwc"), ("output_1", (1, 3), "plain")]


def test_the_graph_is_not_modified() -> None:
    x = noise(1, 2, 4, 4)
    graph = trace(nn.Sequential(nn.Conv2d(2, 3, 1), nn.Hardsigmoid()).eval(), x)
    before, weights = graph.code, copy.deepcopy(graph.state_dict())
    lower_tflite(graph, x)
    assert graph.code == before
    assert graph.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in graph.state_dict().items())


def test_an_activation_rides_on_its_operator_only_if_nothing_else_reads_it() -> None:
    conv = nn.Conv2d(2, 3, 1).eval()
    fused = run_module(Do(lambda x: F.relu(conv(x))), noise(1, 2, 4, 4))
    shared = run_module(Do(lambda x: (lambda y: F.relu(y) + y)(conv(x))), noise(1, 2, 4, 4))
    assert operators(fused.lowered.data) == ["CONV_2D"]
    assert operators(shared.lowered.data) == ["CONV_2D", "RELU", "ADD"]
    assert max(fused.error, shared.error) <= 1e-6


def test_operators_are_those_that_the_phones_runtime_delegates() -> None:
    written = {name: operators(run_module(*_case(name)).lowered.data) for name in
               ("gate, integer factor", "nearest 3->7", "max pool, negative, stride 2", "concatenation of nine")}
    assert "RESIZE_NEAREST_NEIGHBOR" not in written["nearest 3->7"] + written["gate, integer factor"]
    assert "FULLY_CONNECTED" in written["nearest 3->7"]
    assert "PADV2" not in written["max pool, negative, stride 2"]
    assert written["concatenation of nine"].count("CONCATENATION") == 5
    tree = run_module(*_case("concatenation of nine")).lowered.data
    graph = model_of(tree).subgraphs[0]
    assert all(len(o.inputs) <= 4 for o in graph.operators)


# ---- precision ----------------------------------------------------------------------------------------------------


def test_half_precision_weights_halve_the_file_and_stay_delegated() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.ReLU6(), nn.Conv2d(64, 64, 3, 1, 1, groups=64), nn.Hardswish(),
                           nn.Conv2d(64, 128, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 256))
    full, half = (run_module(module, noise(1, 3, 32, 32), precision) for precision in ("fp32", "fp16"))
    assert half.lowered.delegation.outside == {}
    assert half.lowered.delegation.delegates == 1
    assert len(half.lowered.data) < 0.6 * len(full.lowered.data)
    assert full.error < 1e-6 < half.error < 2e-3


def test_other_precisions_are_refused() -> None:
    x = noise(1, 3, 4, 4)
    with pytest.raises(UsageError, match="int8 needs real inputs"):
        lower_tflite(trace(nn.ReLU(), x), x, "int8")


# ---- refusals -----------------------------------------------------------------------------------------------------

REFUSED = {
    "aten.conv_transpose2d": (nn.ConvTranspose2d(3, 3, 2, 2), (1, 3, 4, 4), "no exact TFLite form"),
    "aten.max_pool2d": (nn.MaxPool2d(3, dilation=2), (1, 3, 9, 9), "no dilation"),
    "aten.adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d(3), (1, 3, 7, 7), "not divided into 3x3"),
    "aten.pad": (nn.ReflectionPad2d(1), (1, 3, 5, 5), "reflect"),
    "aten.elu": (nn.ELU(0.5), (1, 3, 5, 5), "alpha"),
    "aten.group_norm": (nn.GroupNorm(2, 4), (1, 4, 5, 5), "2 groups"),
    "aten.conv2d": (Do(lambda x: F.conv2d(x, x)), (1, 3, 4, 4), "computed from the input"),
    "aten.pow": (Do(lambda x: x ** 3), (1, 3, 4, 4), "power 3.0"),
    "aten.cumsum": (Do(lambda x: x.cumsum(1)), (1, 3, 4, 4), "no exact TFLite form"),
    "aten.topk": (Do(lambda x: x.topk(2)[0]), (1, 4), "no exact TFLite form"),
}


@pytest.mark.parametrize("operator", REFUSED)
def test_what_cannot_be_written_is_refused_by_name(operator: str) -> None:
    module, shape, why = REFUSED[operator]
    with pytest.raises(UnsupportedOperator) as caught:
        run_module(module, noise(*shape))
    assert operator in caught.value.what
    assert why in caught.value.why
    assert caught.value.next


def test_a_refusal_names_the_module() -> None:
    module = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(3, 3, 1), nn.ConvTranspose2d(3, 3, 2, 2)))
    with pytest.raises(UnsupportedOperator, match=r"of module 1\.1"):
        run_module(module, noise(1, 3, 4, 4))


# ---- runtimes -----------------------------------------------------------------------------------------------------


def test_every_operator_written_has_a_known_first_runtime() -> None:
    assert versions.minimum_runtime([("CONV_2D", 1), ("CONV_2D", 6), ("RELU", 1)]) == "2.9.0"
    assert versions.minimum_runtime([("MUL", 1)], {versions.WIDE_BROADCAST}) == "2.14.0"
    assert versions.minimum_runtime([("RESIZE_BILINEAR", 3), ("DEPTHWISE_CONV_2D", 2)]) == "2.2.0"
    with pytest.raises(KeyError):
        versions.minimum_runtime([("CONV_2D", 99)])


@pytest.mark.parametrize(("name", "minimum"), [
    ("conv, grouped", "2.9.0"), ("hardswish", "1.15.0"), ("gate, integer factor", "2.14.0"), ("bilinear", "2.2.0"),
    ("conv and relu6", "1.5.0"), ("channel shuffle", "2.3.0")])
def test_the_lowest_runtime_follows_from_what_was_written(name: str, minimum: str) -> None:
    lowered = run_module(*_case(name)).lowered
    assert (lowered.runtime.name, lowered.runtime.minimum) == ("tflite", minimum)
    entry = next(m for m in model_of(lowered.data).metadata if m.name == b"min_runtime_version")
    assert bytes(model_of(lowered.data).buffers[entry.buffer].data).rstrip(b"\0").decode() == minimum


def test_a_delegate_is_followed_from_its_outputs_to_its_inputs() -> None:
    names = ["A", "B", "C", "D"]
    details = [{"index": i, "op_name": n, "inputs": [i], "outputs": [i + 1]} for i, n in enumerate(names)]
    delegate = {"index": 9, "op_name": "DELEGATE", "inputs": np.array([1]), "outputs": np.array([3])}
    found = read_operators([*details, delegate])
    assert (found.delegates, found.nodes_delegated, found.nodes_outside) == (1, 2, 2)
    assert found.outside == {"A": 1, "D": 1}


@pytest.mark.parametrize("data", [b"", b"not a model", b"\0" * 64])
def test_bytes_that_are_no_model_are_rejected(data: bytes) -> None:
    with pytest.raises(ArtifactRejected):
        delegation(data)


# ---- file ---------------------------------------------------------------------------------------------------------


def test_the_file_keeps_the_rules_of_the_format() -> None:
    data = run_module(randomise_norms(Tiny()), noise(1, 3, 32, 32)).lowered.data
    model = model_of(data)
    names = [t.name for t in model.subgraphs[0].tensors]
    assert data[4:8] == b"TFL3"
    assert model.buffers[0].data is None
    assert len(names) == len(set(names))
    assert all(c.deprecatedBuiltinCode == min(c.builtinCode, 127) for c in model.operatorCodes)
    assert all(not b.offset and not b.size for b in model.buffers)
    assert [e.name for e in model.signatureDefs[0].inputs] == [b"input"]


def _case(name: str) -> tuple[nn.Module, torch.Tensor]:
    module, shape = CASES[name]
    return module, noise(*shape)
