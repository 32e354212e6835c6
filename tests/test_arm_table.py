"""The table of arm64 instructions: a proxy by name, with floors, and every gap explained."""

from __future__ import annotations

import json

from benchmarks.arm.contestants import CONTESTANTS
from benchmarks.arm.counting import ArmResult, ModelRows, Row
from benchmarks.arm.table import markdown
from ghostdeploy.device import records
from ghostdeploy.device.arm_instructions import Instructions
from ghostdeploy.device.runtimes.base import RuntimeInfo


def made_up() -> ArmResult:
    """Every contestant has a figure, but litert-torch."""
    runtime = RuntimeInfo("tflite", "2.14.0", "ab" * 32)
    rows = tuple(
        Row(of.name, of.format, of.precision, None, None, "no environment") if of.name == "litert-torch" else
        Row(of.name, of.format, of.precision, 2_500_000, Instructions(
            (number + 1) * 10_000_000, "cortex-a76", 1, of.half_arithmetic, runtime, "qemu 7.2"), None,
            {"depthwise": 20_000_000, "matrix product": 60_000_000, "copy": number * 1_000_000})
        for number, of in enumerate(CONTESTANTS))
    return ArmResult(1, "2026-01-02T03:04:05+00:00", "0.1.0", "2.13.0", "arm64 instructions per inference, not time",
                     "random", "cortex-a76", (ModelRows("some_net", 224, 160_000_000, rows),))


def test_it_is_called_a_proxy_and_never_a_time() -> None:
    text = markdown(made_up())
    assert "A proxy" in text and "not time" in text and "Weights are random" in text
    assert " ms" not in text and "latency" not in text
    assert "qemu 7.2" in text and "tflite 2.14.0 (sha256 abababababab)" in text and "cortex-a76" in text


def test_figures_floors_and_gaps() -> None:
    text = markdown(made_up())
    assert "| some_net | 40.0 | 10.0 (2.5) | 20.0 (2.5) | 30.0 (2.5) | 40.0 (2.5) | - | 60.0 (2.5) |" in text
    assert "| some_net | 20.0 | 70.0 (2.5) | 80.0 (2.5) |" in text
    assert "- some_net, litert-torch fp32: `no environment`" in text


def test_what_stands_before_the_floor_is_told_for_ours() -> None:
    text = markdown(made_up())
    assert "| model | artifact | floor | over | matrix product | depthwise | copy |" in text
    assert "| some_net | .pte fp32 | 40.0 | 2.0 | 60.0 | 20.0 | 0.0 |" in text
    assert "| some_net | .tflite int8 | 10.0 | 8.0 | 60.0 | 20.0 | 9.0 |" in text
    assert "stock" not in text.split("What stands between")[1].split("##")[0]


def test_the_document_is_read_back() -> None:
    result = made_up()
    assert records.from_json(ArmResult, json.loads(json.dumps(records.to_json(result)))) == result
