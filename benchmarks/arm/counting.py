"""Every contestant for every model: exported, counted, and kept, so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

import ghostdeploy
from benchmarks.arm import onnxruntime
from benchmarks.arm.contestants import CONTESTANTS, OURS, Contestant
from benchmarks.arm.earlier import with_others
from benchmarks.arm.result import ArmResult, ModelRows, Row
from ghostdeploy.cost import macs
from ghostdeploy.device import records
from ghostdeploy.device.arm_instructions import Instructions, attribute
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.version import VERSION

DEADLINE_S = 900.0
ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("ghostdeploy", "benchmarks/arm", "android_bench")


def compare(models: Sequence[str], cpu: str, store: Path, say: Callable[[str], None],
            earlier: ArmResult | None = None, recounted: Sequence[Precision] = ()) -> ArmResult:
    """Count what is not in the directory `store` yet; say what goes on.

    Args:
        earlier: where the rows of others come from, so that ours alone are counted.
        recounted: the precisions in which they are; ours in others come from there too. None: all.

    Raises:
        UsageError: those rows do not belong beside what is counted now.
    """
    contestants = CONTESTANTS if earlier is None else [
        each for each in OURS if not recounted or each.precision in recounted]
    found = (_model(model, contestants, cpu, store, say) for model in models)
    if earlier is not None:
        found = (with_others(rows, earlier, cpu) for rows in found)
    return ArmResult(1, datetime.now(UTC).isoformat(timespec="seconds"), VERSION, torch.__version__,
                     "arm64 instructions per inference, not time", "random", cpu, tuple(found),
                     None if earlier is None else earlier.others_counted or earlier.created, tuple(recounted))


def _model(model: str, contestants: Sequence[Contestant], cpu: str, store: Path,
           say: Callable[[str], None]) -> ModelRows:
    who = [(contestant.name, contestant.precision) for contestant in contestants]
    key = hashlib.sha256(f"{source_key()} {model} {cpu} {who}".encode()).hexdigest()[:16]
    kept = store / f"{model}-{key}.json"
    if kept.is_file():
        return records.from_json(ModelRows, json.loads(kept.read_text()))
    loaded = ghostdeploy.load(model=model, random_weights=True)
    size = loaded.preprocessing.input_size
    example = torch.zeros(1, 3, size, size)
    rows = ModelRows(model, size, macs(fuse(loaded.module.eval(), example).module, example),
                     tuple(_rows(model, contestants, size, cpu, say)))
    store.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(records.to_json(rows), indent=1))
    return rows


def _rows(model: str, contestants: Sequence[Contestant], side: int, cpu: str,
          say: Callable[[str], None]) -> Iterator[Row]:
    for contestant in contestants:
        row = _row(contestant, model, side, cpu)
        figure = row.failure if row.instructions is None else f"{row.instructions.per_inference / 1e6:.2f} M"
        say(f"{model}, {contestant.name} {contestant.precision}: {figure}")
        yield row


def _row(contestant: Contestant, model: str, side: int, cpu: str) -> Row:
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-arm-") as name:
        path = Path(name) / f"model.{contestant.format}"
        failure = _export(contestant, model, path)
        size = None if failure else path.stat().st_size
        instructions, kinds = None, dict[str, int]()
        if failure is None:
            try:
                instructions, kinds = _counted(path, contestant, side, cpu)
            except GhostdeployError as error:
                failure = f"{error.what}: {error.why}".splitlines()[0][:200]
        return Row(contestant.name, contestant.format, contestant.precision, size, instructions, failure, kinds)


def _counted(path: Path, contestant: Contestant, side: int, cpu: str) -> tuple[Instructions, dict[str, int]]:
    if contestant.format == "onnx":
        return onnxruntime.count(path, side, cpu), {}
    found = attribute(path, contestant.format, cpu=cpu, half_arithmetic=contestant.half_arithmetic)
    return found.instructions, {str(kind): spent for kind, spent in found.by_kind.items()}


def _export(contestant: Contestant, model: str, path: Path) -> str | None:
    """Why there is no file, or None."""
    environment = contestant.environment
    python = Path(sys.executable) if environment is None else ROOT / environment / "bin" / "python"
    if not python.is_file():
        return f"no environment {environment}"
    try:
        ended = subprocess.run([python, "-m", "benchmarks.arm.export", str(CONTESTANTS.index(contestant)), model, path],
                               cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
                               timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"the export took more than {DEADLINE_S:.0f} s"
    if ended.returncode or not path.is_file():
        lines = ended.stderr.strip().splitlines()
        return lines[-1][:200] if lines else f"the export ended with status {ended.returncode}"
    return None


def source_key() -> str:
    """What is kept counts for these very sources only."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".c", ".cpp", ".h", ".toml", ".txt") and "built" not in path.parts:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
