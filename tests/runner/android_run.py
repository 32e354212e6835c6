"""One job in a hosted benchmark program: files in, document and outputs out, as the phone's device will do it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ghostdeploy.device.android import command, qemu, report, store
from ghostdeploy.device.android.document import Document, parse
from ghostdeploy.device.android.hosted import hosted
from ghostdeploy.device.android.pinned import Abi, RuntimeName
from ghostdeploy.device.job import Job, Run

RUNTIME: dict[str, RuntimeName] = {"pte": "executorch", "tflite": "tflite"}


@dataclass(frozen=True)
class Ended:
    """What a program left behind."""

    status: int
    stdout: str
    stderr: str
    document: Document
    outputs: bytes


def run_words(runtime: RuntimeName, abi: Abi, words: Sequence[str | Path], timeout: float = 120,
              directory: Path | None = None, cpu: str = qemu.CPU_MODEL) -> Ended:
    """Run a program with these options, `--result` and `--output` excepted."""
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-test-") as name:
        folder = Path(name)
        ended = hosted(runtime, abi).run(*words, "--result", folder / "result", "--output", folder / "output",
                                         timeout=timeout, directory=directory, cpu=cpu)
        assert (folder / "result").is_file(), ended.stderr[-2000:]
        assert not list(folder.glob("*.part"))
        outputs = (folder / "output").read_bytes() if (folder / "output").is_file() else b""
        return Ended(ended.returncode, ended.stdout, ended.stderr, parse((folder / "result").read_bytes()), outputs)


def run_job(job: Job, abi: Abi, samples: Sequence[Sequence[Any]], cpu: str = qemu.CPU_MODEL) -> tuple[Run, Ended]:
    """Run `job`, whose `inputs` must be told, as the phone will."""
    assert job.inputs is not None
    runtime = RUNTIME[job.format]
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-test-") as name:
        paths = []
        for i, data in enumerate(command.input_files(samples, job.inputs)):
            paths.append(Path(name) / f"input{i}")
            paths[-1].write_bytes(data)
        files = command.Files(str(job.artifact), tuple(map(str, paths)), "-", "-")
        words = command.words(job, len(samples), files)
        for option in ("--result", "--output"):
            at = words.index(option)
            del words[at:at + 2]
        ended = run_words(runtime, abi, words, job.deadline_s, cpu=cpu)
    assert ended.stdout == ""
    return report.run_of(job, ended.document, ended.outputs, store.runtime_library(runtime, abi)), ended
