"""The comparison as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.arm.contestants import CONTESTANTS, OURS
from benchmarks.arm.result import ArmResult, ModelRows, Row
from ghostdeploy.lowering.artifact import Precision

# Multiply-adds of one FMLA, or SDOT; of mixed the larger number, which its int8 part has.
LANES: Final[dict[Precision, int]] = {"fp32": 4, "fp16": 8, "int8": 16, "mixed": 16}

WHEREABOUTS = (
    "Million instructions by kind of function. The libraries have no symbols: a function's kind is read off the mix of "
    "its instructions (ghostdeploy/device/arm_instructions/attribute.py): a guess. A floor counts multiply-adds "
    "only, at the lanes of the precision's own instruction; *over* is how many times that the matrix products and "
    "depthwise convolutions alone take.")


def markdown(result: ArmResult) -> str:
    """The whole document."""
    head = (
        "# Arm instructions\n\nMade by `make bench-arm`; do not edit by hand. **A proxy: million arm64 instructions "
        "that one inference retires, not time.** It knows no cache, no issue width and no clock. Weights are random "
        "(a rewrite of five taps depends on their values), batch 1, one thread, the emulated CPU is "
        f"{result.cpu}. {_days(result)}, with ghostdeploy {result.ghostdeploy}, torch {result.torch}, "
        f"{_versions(result)}. Outputs are not compared here; `make bench-peers` compares them.\n\n"
        "The floor is what the multiply-adds alone need: MACs / 4 in fp32, MACs / 8 in fp16, MACs / 16 in int8 and "
        "in mixed, which is int8 on maps of a sixteenth of the input's side and smaller, and half precision on larger "
        "ones. In brackets: size of the file in MB. ONNX Runtime is its arm64 wheel for Linux.")
    parts = [head, *(_table(result.models, precision) for precision in LANES), _whereabouts(result.models),
             _settings(), _failures(result.models)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _days(result: ArmResult) -> str:
    ours = {contestant.name for contestant in OURS}
    rows = [row for model in result.models for row in model.rows]
    return (f"Ours were counted {_span({row.counted for row in rows if row.contestant in ours})}, the others "
            f"{_span({row.counted for row in rows if row.contestant not in ours})} (each row's day is in the JSON)")


def _span(days: set[str]) -> str:
    first, last = min(days, default="never"), max(days, default="never")
    return f"on {first}" if first == last else f"from {first} to {last}"


def _settings() -> str:
    told = [f"- {contestant.name}, {contestant.precision}: {contestant.peer.settings}" for contestant in CONTESTANTS
            if not contestant.peer.ours]
    return "\n".join(["## How others make their files", "", *told, "", "litert-torch's file in fp16 is its float32 "
                      "one, run with XNNPACK's half arithmetic, as ours is. Nobody but us writes mixed."])


def _versions(result: ArmResult) -> str:
    counted = [row.instructions for model in result.models for row in model.rows if row.instructions is not None]
    runtimes = sorted({f"{found.runtime.name} {found.runtime.version} (sha256 {(found.runtime.sha256 or '')[:12]})"
                       for found in counted})
    return ", ".join([*sorted({found.emulator for found in counted}), *runtimes])


def _table(models: Sequence[ModelRows], precision: Precision) -> str:
    names = [contestant.name for contestant in CONTESTANTS if contestant.precision == precision]
    lines = [f"## {precision}", "", "| model | floor | " + " | ".join(names) + " |",
             "|---|---:|" + "---:|" * len(names)]
    for model in models:
        rows = {row.contestant: row for row in model.rows if row.precision == precision}
        cells = [_cell(rows.get(name)) for name in names]
        lines.append(f"| {model.model} | {model.macs / LANES[precision] / 1e6:.1f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row | None) -> str:
    if row is None or row.instructions is None or row.size is None:
        return "-"
    return f"{row.instructions.per_inference / 1e6:.1f} ({row.size / 1e6:.1f})"


def _whereabouts(models: Sequence[ModelRows]) -> str:
    """What stands between each of ours and the floor."""
    ours = {contestant.name for contestant in OURS}
    found = [(model, row) for model in models for row in model.rows if row.kinds and row.contestant in ours]
    kinds = sorted({kind for _, row in found for kind in row.kinds},
                   key=lambda kind: -sum(row.kinds.get(kind, 0) for _, row in found))
    lines = ["## What stands between ours and the floor", "", WHEREABOUTS, "",
             f"| model | artifact | floor | over | {' | '.join(kinds)} |", "|---|---|---:|---:|" + "---:|" * len(kinds)]
    for model, row in found:
        floor = model.macs / LANES[row.precision]
        products = sum(row.kinds.get(kind, 0) for kind in ("matrix product", "depthwise"))
        cells = " | ".join(f"{row.kinds.get(kind, 0) / 1e6:.1f}" for kind in kinds)
        lines.append(f"| {model.model} | .{row.format} {row.precision} | {floor / 1e6:.1f} | {products / floor:.1f} | "
                     f"{cells} |")
    return "\n".join(lines) if found else ""


def _failures(models: Sequence[ModelRows]) -> str:
    failed = [(model.model, row) for model in models for row in model.rows if row.failure is not None]
    return "\n".join(["## What is missing, and why", "", *(
        f"- {model}, {row.contestant} {row.precision}: `{row.failure}`" for model, row in failed)]) if failed else ""
