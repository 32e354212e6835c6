"""One artifact in the phone's own arm64 runtime under qemu, its instructions counted."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import report
from ghostdeploy.device.android.document import Document, DocumentError, Measured, parse
from ghostdeploy.device.android.hosted import hosted
from ghostdeploy.device.android.pinned import RuntimeName
from ghostdeploy.device.arm_instructions import blocks
from ghostdeploy.device.arm_instructions.plugin import plugin
from ghostdeploy.errors import ArtifactRejected, RunnerFailed, UsageError
from ghostdeploy.lowering.artifact import Format

RUNTIMES: Final[dict[Format, RuntimeName]] = {"pte": "executorch", "tflite": "tflite"}
DEADLINE_S: Final = 600.0       # DeiT-base, 17 GMAC, takes 90 s here


@dataclass(frozen=True)
class Setting:
    """How every process of one count is run. `inputs` are files in the artifact's own memory order."""

    artifact: Path
    format: Format
    inputs: tuple[Path, ...]
    cpu: str
    threads: int
    half_arithmetic: bool


@dataclass(frozen=True)
class Counted:
    """What one process did, and said."""

    blocks: blocks.Blocks
    document: Document
    measured: Measured


def run(setting: Setting, runs: int) -> Counted:
    """One process: the artifact loaded, run once, and then `runs` times more, without warm-up.

    Raises:
        EmulatorMissing, RunnerMissing, FetchFailed, WriteFailed: see `hosted`.
        ArtifactRejected, RunnerFailed: the artifact does not run in this runtime.
        UsageError: qemu knows no such CPU.
    """
    program = hosted(runtime_of(setting.format), "arm64-v8a")
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-count-") as name:
        folder = Path(name)
        try:
            ended = program.run(*_words(setting, runs), "--result", folder / "result", timeout=DEADLINE_S,
                                cpu=setting.cpu, plugin=f"{plugin()},into={folder / 'blocks'}")
        except subprocess.TimeoutExpired as error:
            raise RunnerFailed(f"{setting.artifact.name} was not through after {DEADLINE_S:.0f} s of emulation",
                               "", "count a smaller model") from error
        document = _document(folder / "result", ended, setting)
        if document.measured is None:
            raise report.error_of(document)
        return Counted(blocks.read(folder / "blocks"), document, document.measured)


def runtime_of(format: Format) -> RuntimeName:
    """The runtime whose instructions are counted for `format`.

    Raises:
        ArtifactRejected: phones get no runtime for it.
    """
    if format not in RUNTIMES:
        raise ArtifactRejected(f"instructions are not counted for .{format}", "phones run .pte and .tflite",
                               "export with --format pte,tflite")
    return RUNTIMES[format]


def _words(setting: Setting, runs: int) -> Sequence[str | Path]:
    half = ["--half-arithmetic", "1"] if setting.half_arithmetic else []
    return ["--model", setting.artifact, *(word for path in setting.inputs for word in ("--input", path)),
            "--threads", str(setting.threads), "--warmup", "0", "--runs", str(runs), *half]


def _document(path: Path, ended: subprocess.CompletedProcess[str], setting: Setting) -> Document:
    said = "\n".join(ended.stderr.strip().splitlines()[-4:])
    if "unable to find CPU model" in said:
        raise UsageError(f"qemu knows no CPU {setting.cpu}", said, "`qemu-aarch64 -cpu help` lists them")
    try:
        return parse(path.read_bytes())
    except (OSError, DocumentError) as error:
        raise RunnerFailed(f"the emulated benchmark of {setting.artifact.name} left no result (status "
                           f"{ended.returncode})", said or str(error),
                           "the counter is known to work with Debian's qemu-user 7.2") from error
