"""Every contestant for every model: exported, counted, and kept, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import torch

from benchmarks.arm import onnxruntime
from benchmarks.arm.contestants import CONTESTANTS, Contestant
from benchmarks.arm.earlier import Counted, taken
from benchmarks.arm.result import SCHEMA_VERSION, ArmResult, ModelRows, Row
from benchmarks.exporting import Export, NoExport, digest, exported, sha_of
from benchmarks.models import Source
from ghostdeploy import zoo
from ghostdeploy.cost import macs
from ghostdeploy.device import records
from ghostdeploy.device.android import hosted, qemu
from ghostdeploy.device.android.pinned import pinned
from ghostdeploy.device.arm_instructions import attribute
from ghostdeploy.device.arm_instructions.count import emulator
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.errors import ArtifactRejected, FetchFailed, GhostdeployError, RunnerFailed
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.phone_errors import EmulatorMissing, RunnerMissing
from ghostdeploy.version import VERSION
from ghostdeploy.writing import make_directory, write_json

COUNTER: Final = ("ghostdeploy/device/arm_instructions", "benchmarks/arm/onnxruntime.py",
                  "benchmarks/arm/onnxruntime.c", "benchmarks/arm/onnxruntime-arm64.txt")


def compare(models: Sequence[str], cpu: str, store: Path, say: Callable[[str], None],
            earlier: ArmResult | None = None, recounted: Sequence[Precision] = ()) -> ArmResult:
    """Count what is not in the directory `store` yet; say what goes on.

    Args:
        earlier: where the rows of others come from that it has.
        recounted: the precisions in which ours are counted; in others they come from there too. None: all.

    Raises:
        EmulatorMissing: there is no qemu-user here.
        UsageError: it knows no such CPU; or those rows do not belong beside what is counted now.
        UnknownModel: there is no such model.
    """
    qemu.require(cpu)
    for model in models:
        zoo.card(model)     # a wrong name is cheaper to say before counting the ones before it
    counted = tuple(_model(Source(model), cpu, store, say, earlier, recounted) for model in models)
    return ArmResult(SCHEMA_VERSION, datetime.now(UTC).isoformat(timespec="seconds"), VERSION, torch.__version__,
                     "arm64 instructions per inference, not time", "random", cpu, counted)


def _model(source: Source, cpu: str, store: Path, say: Callable[[str], None], earlier: ArmResult | None,
           recounted: Sequence[Precision]) -> ModelRows:
    loaded = source.load()
    size = loaded.preprocessing.input_size
    example = torch.zeros(1, 3, size, size)
    rows = ModelRows(source.model, size, macs(fuse(loaded.module, example).module, example), ())
    known = {} if earlier is None else taken(rows, earlier, cpu, recounted)
    return ModelRows(rows.model, size, rows.macs, tuple(_rows(source, size, cpu, store, say, known)))


def _rows(source: Source, side: int, cpu: str, store: Path, say: Callable[[str], None],
          known: Counted) -> Iterator[Row]:
    for contestant in CONTESTANTS:
        row = known.get((contestant.name, contestant.precision)) or _row(contestant, source, side, cpu, store)
        figure = row.failure if row.instructions is None else f"{row.instructions.per_inference / 1e6:.2f} M"
        say(f"{source.model}, {contestant.name} {contestant.precision}: {figure}")
        yield row


def _row(contestant: Contestant, source: Source, side: int, cpu: str, store: Path) -> Row:
    """As it is kept, or anew. What this machine lacks is told in the row, and tried again the next time."""
    made = exported(source, contestant.peer, store)
    if isinstance(made, NoExport):
        return _told(contestant, None, made.why)
    kept = store / "counts" / f"{_key(made, contestant, cpu)}.json"
    if kept.is_file():
        return records.from_json(Row, json.loads(kept.read_text()))
    try:
        row = _counted(made, contestant, side, cpu)
    except (EmulatorMissing, FetchFailed, RunnerMissing) as error:
        return _told(contestant, made.size, _sentence(error))
    except (ArtifactRejected, RunnerFailed) as error:
        row = _told(contestant, made.size, _sentence(error))
    make_directory(kept.parent)
    write_json(kept, records.to_json(row))
    return row


def _counted(made: Export, contestant: Contestant, side: int, cpu: str) -> Row:
    kinds: dict[str, int] = {}
    if contestant.format == "onnx":
        instructions = onnxruntime.count(made.file, side, cpu)
    else:
        found = attribute(made.file, contestant.format, cpu=cpu, half_arithmetic=contestant.half_arithmetic)
        instructions, kinds = found.instructions, {str(kind): spent for kind, spent in found.by_kind.items()}
    return Row(contestant.name, contestant.format, contestant.precision, made.size, instructions, None, _today(), kinds)


def _told(contestant: Contestant, size: int | None, failure: str) -> Row:
    return Row(contestant.name, contestant.format, contestant.precision, size, None, failure, _today())


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _sentence(error: GhostdeployError) -> str:
    return f"{error.what}: {error.why}".splitlines()[0][:200]


def _key(made: Export, contestant: Contestant, cpu: str) -> str:
    """Of everything that a row depends on: whose it is (stock ExecuTorch's file of MobileNetV2 is ours, byte by byte),
    the file, the runtime, what counts, and how."""
    runtime = onnxruntime.VERSION if contestant.format == "onnx" else pinned(
        runtime_of(contestant.format)).libraries["arm64-v8a"].sha256
    return sha_of(json.dumps([contestant.name, contestant.format, contestant.precision, contestant.half_arithmetic,
                              made.sha256, cpu, runtime, emulator(), hosted.source_key(),
                              [digest(path) for path in COUNTER]]))[:24]
