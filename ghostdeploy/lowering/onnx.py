"""Fused ATen graph -> .onnx, through torch's exporter and onnxsim."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import onnx
import onnxsim
import torch
from torch.fx import GraphModule
from torch.onnx._internal.exporter._errors import DispatchError

from ghostdeploy.errors import GhostdeployError, LoweringFailed, UnsupportedOperator, UsageError
from ghostdeploy.graph import copy_of
from ghostdeploy.lowering.artifact import Lowered, Precision, RuntimeNeed
from ghostdeploy.lowering.exactness import require_no_chance
from ghostdeploy.lowering.half import halve
from ghostdeploy.lowering.operators import require_aten
from ghostdeploy.lowering.passes import DropNoops, NearestAsGather, run
from ghostdeploy.lowering.specs import input_specs, output_specs
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.wording import first_sentence

# The oldest operator set that torch's exporter writes without converting, and the format version that came with it;
# ONNX Runtime reads both from 1.14 on (its compatibility table: ONNX 1.13).
OPSET, IR_VERSION, FIRST_RUNTIME = 18, 8, "1.14"
REPORT = "please report it with the model's name"


def lower_onnx(graph: GraphModule, example: torch.Tensor, precision: Precision = "fp32",
               progress: Progress = SILENT) -> Lowered:
    """Lower a functional ATen graph to an ONNX model.

    Args:
        graph: what `trace` or `fuse` returns; not modified.
        example: an input of the graph, NCHW float32; the model takes this shape alone.
        precision: fp32, or fp16: weights and arithmetic in half precision between float32 inputs and outputs (ONNX
            Runtime's CPU provider computes most operators in float32 between conversions of its own).

    Returns:
        The model, checked by `onnx.checker` with shape inference, and no delegation: that is for the runtime to say.

    Raises:
        UsageError: another precision.
        UnsupportedOperator: torch's exporter has no translation of an operator, or it draws random numbers; named.
        LoweringFailed: the exporter, onnxsim or the checker failed; its first sentence is the reason.
    """
    if precision not in ("fp32", "fp16"):
        raise UsageError(f"no {precision} lowering to .onnx", "", "choose fp32 or fp16")
    require_aten(graph, "torch's ONNX exporter")
    require_no_chance(graph)
    try:
        return _lowered(graph, example, precision, progress)
    except (GhostdeployError, KeyboardInterrupt, MemoryError):
        raise
    except torch.onnx.errors.OnnxExporterError as error:
        raise _explained(error) from error
    except Exception as error:
        raise LoweringFailed("the graph could not be written as ONNX", first_sentence(error),
                             REPORT) from error


def _lowered(graph: GraphModule, example: torch.Tensor, precision: Precision, progress: Progress) -> Lowered:
    progress.stage("rewrite the graph for ONNX")
    module = copy_of(graph)
    with torch.no_grad():
        outcomes = run((DropNoops(), NearestAsGather()), module, example)
        if precision == "fp16":
            halve(module, example)
        inputs, outputs = input_specs(module), output_specs(module)
        progress.stage("export to ONNX")
        model = _exported(module, example, [s.name for s in inputs], [s.name for s in outputs])
    progress.stage("simplify and check the ONNX model")
    model = _simplified(model)
    need = RuntimeNeed("onnxruntime", FIRST_RUNTIME)
    return Lowered("onnx", precision, model.SerializeToString(), inputs, outputs, None, need,
                   tuple((o.name, o.changed) for o in outcomes))


def _exported(module: GraphModule, example: torch.Tensor, inputs: list[str], outputs: list[str]) -> Any:
    """torch's exporter reports its progress on stdout, which belongs to `--json`."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (example,), strict=False)
        exported = torch.onnx.export(program, (), dynamo=True, opset_version=OPSET, input_names=inputs,
                                     output_names=outputs, verbose=False)
    assert exported is not None
    return exported.model_proto


def _simplified(model: Any) -> Any:
    simple, agrees = onnxsim.simplify(model)
    if not agrees:
        raise LoweringFailed("onnxsim changed what the ONNX model computes", "", REPORT)
    simple.ir_version = IR_VERSION
    versions = {entry.domain: entry.version for entry in simple.opset_import}
    if versions.get("", OPSET) != OPSET or set(versions) - {""}:
        raise LoweringFailed("the ONNX model needs other operator sets than asked for", str(versions), "")
    onnx.checker.check_model(simple, full_check=True)
    return simple


def _explained(error: Exception) -> GhostdeployError:
    """The exporter's own words. It raises three errors, each caused by the next: the advice that it prints, the node
    (with its operator), and what was wrong there."""
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    if isinstance(chain[-1], DispatchError):
        return UnsupportedOperator(f"ONNX has nothing for an operator of the graph: {first_sentence(chain[-2])}",
                                   first_sentence(chain[-1]), "replace the operator in the model")
    return LoweringFailed("torch's ONNX exporter failed", first_sentence(chain[-1]), REPORT)
