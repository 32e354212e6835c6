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
from ghostdeploy.device.arm_instructions.blocks import Blocks, Part, read
from ghostdeploy.device.arm_instructions.marks import BEGIN, END, of_inference
from ghostdeploy.device.arm_instructions.plugin import plugin
from ghostdeploy.errors import ArtifactRejected, RunnerFailed
from ghostdeploy.lowering.artifact import Format

RUNTIMES: Final[dict[Format, RuntimeName]] = {"pte": "executorch", "tflite": "tflite"}
DEADLINE_S: Final = 600.0
RUNS: Final = 1         # after the first, which packs weights and is not counted


@dataclass(frozen=True)
class Setting:
    """What is run, and how. `inputs` are files in the artifact's own memory order."""

    artifact: Path
    format: Format
    inputs: tuple[Path, ...]
    cpu: str
    threads: int
    half_arithmetic: bool


@dataclass(frozen=True)
class Counted:
    """The second inference of a process, and what the process said. `parts` end at each node, if those were marked."""

    blocks: Blocks
    parts: tuple[Part, ...]
    document: Document
    measured: Measured


def run(setting: Setting, node: bytes | None = None) -> Counted:
    """Load the artifact, run it once, and count the run after that. `node` marks the end of each node.

    Raises:
        EmulatorMissing, RunnerMissing, FetchFailed, WriteFailed: see `hosted`.
        ArtifactRejected, RunnerFailed: the artifact does not run in this runtime.
    """
    program = hosted(runtime_of(setting.format), "arm64-v8a")
    marks = [f",mark={code.hex()}" for code in (*of_inference(program.path), node) if code is not None]
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-count-") as name:
        folder = Path(name)
        try:
            ended = program.run(*_words(setting), "--result", folder / "result", timeout=DEADLINE_S,
                                cpu=setting.cpu, plugin=f"{plugin()},into={folder / 'blocks'}" + "".join(marks))
        except subprocess.TimeoutExpired as error:
            raise RunnerFailed(f"{setting.artifact.name} was not through after {DEADLINE_S:.0f} s of emulation",
                               "", "count a smaller model") from error
        document = _document(folder / "result", ended, setting)
        if document.measured is None:
            raise report.error_of(document)
        found = read(folder / "blocks")
        return Counted(found, second(found.parts), document, document.measured)


def runtime_of(format: Format) -> RuntimeName:
    """The runtime whose instructions are counted for `format`.

    Raises:
        ArtifactRejected: phones get no runtime for it.
    """
    if format not in RUNTIMES:
        raise ArtifactRejected(f"instructions are not counted for .{format}", "phones run .pte and .tflite",
                               "export with --format pte,tflite")
    return RUNTIMES[format]


def second(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """From the beginning of the second inference to its end.

    Raises:
        RunnerFailed: there were not two.
    """
    begins = [i for i, part in enumerate(parts) if part.mark == BEGIN]
    ends = [i for i, part in enumerate(parts) if part.mark == END and begins[1:] and i > begins[1]]
    if len(begins) != 1 + RUNS or not ends:
        raise RunnerFailed("the counter did not see the inferences", f"it saw {len(begins)} of {1 + RUNS}",
                           "the counter is known to work with Debian's qemu-user 7.2")
    return parts[begins[1] + 1:ends[0] + 1]


def _words(setting: Setting) -> Sequence[str | Path]:
    half = ["--half-arithmetic", "1"] if setting.half_arithmetic else []
    return ["--model", setting.artifact, *(word for path in setting.inputs for word in ("--input", path)),
            "--threads", str(setting.threads), "--warmup", "0", "--runs", str(RUNS), *half]


def _document(path: Path, ended: subprocess.CompletedProcess[str], setting: Setting) -> Document:
    said = "\n".join(ended.stderr.strip().splitlines()[-4:])
    try:
        return parse(path.read_bytes())
    except (OSError, DocumentError) as error:
        raise RunnerFailed(f"the emulated benchmark of {setting.artifact.name} left no result (status "
                           f"{ended.returncode})", said or str(error),
                           "the counter is known to work with Debian's qemu-user 7.2") from error
