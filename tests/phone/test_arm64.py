"""The files that are pushed to phones run on the test phone, started by adb, with the real Android runtimes."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghostdeploy.device.android import command, elf, report, store
from ghostdeploy.device.android.document import parse
from ghostdeploy.device.android.pinned import RuntimeName
from ghostdeploy.device.android.programs import phone_program
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import AffinityRefused
from ghostdeploy.lowering.artifact import Format
from tests.phone.adbd import RealPhone
from tests.phone.client import AdbClient
from tests.runner.android_run import RUNTIME
from tests.small_artifacts import images, small

TOLERANCE = 1e-5    # relative to the largest output, of a phone's runtime against this machine's
PLACE = "/data/local/tmp/ghostdeploy"
FORMATS: tuple[Format, ...] = ("pte", "tflite")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A phone with the programs of both runtimes on it, each in a folder named after its format."""

    adb: AdbClient
    phone: RealPhone

    def shell(self, script: str) -> subprocess.CompletedProcess[bytes]:
        return self.adb.run("shell", script, serial=self.phone.serial)

    def push(self, source: Path, path: str) -> None:
        ended = self.adb.run("push", source, path, serial=self.phone.serial)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def run(self, job: Job, samples: Sequence[Sequence[np.ndarray]], scratch: Path, before: str = "") -> Run:
        """Push, run, pull: what the phone's device will do."""
        assert job.inputs is not None
        folder = f"{PLACE}/{job.format}"
        self.push(job.artifact, f"{folder}/model")
        inputs = []
        for i, data in enumerate(command.input_files(samples, job.inputs)):
            (scratch / f"input{i}").write_bytes(data)
            inputs.append(f"{folder}/input{i}")
            self.push(scratch / f"input{i}", inputs[-1])
        words = command.words(job, len(samples), command.Files(f"{folder}/model", tuple(inputs), f"{folder}/output",
                                                               f"{folder}/result"))
        program = phone_program(RUNTIME[job.format], "arm64-v8a").program.path.name
        ended = self.shell(f"cd {folder}; rm -f result output; {before} ./{program} {shlex.join(words)}")
        assert ended.stdout == b""
        for name in ("result", "output"):
            self.adb.run("pull", f"{folder}/{name}", scratch / name, serial=self.phone.serial)
        outputs = (scratch / "output").read_bytes() if (scratch / "output").is_file() else b""
        return report.run_of(job, parse((scratch / "result").read_bytes()), outputs,
                             store.runtime_library(RUNTIME[job.format], "arm64-v8a"))


@pytest.fixture(scope="module")
def prepared() -> Iterator[Prepared]:
    with AdbClient() as adb, RealPhone() as phone:
        adb.connect(phone.serial)
        made = Prepared(adb, phone)
        for format in FORMATS:
            program, library = phone_files(RUNTIME[format])
            made.shell(f"mkdir -p {PLACE}/{format}")
            for path, name in ((*((path, path.name) for path in program), library)):
                made.push(path, f"{PLACE}/{format}/{name}")
                made.shell(f"chmod 755 {PLACE}/{format}/{name}")
        yield made


def phone_files(runtime: RuntimeName) -> tuple[list[Path], tuple[Path, str]]:
    """Files of the program, and the runtime with the name that it has on a phone."""
    program = phone_program(runtime, "arm64-v8a")
    library = store.runtime_library(runtime, "arm64-v8a")
    return [file.path for file in (program.program, *program.beside)], (library.path, library.soname)


def job_of(format: Format, **changes: Any) -> Job:
    artifact = small(format)
    return dataclasses.replace(Job(artifact.path, format, "infer", artifact.inputs, artifact.outputs), **changes)


@pytest.mark.parametrize("format", FORMATS)
def test_the_very_bytes_that_phones_get(prepared: Prepared, format: Format) -> None:
    """Nothing is adapted on the way: same hash, Android's interpreter, bionic's libraries by name."""
    program = phone_program(RUNTIME[format], "arm64-v8a").program
    said = prepared.shell(f"sha256sum {PLACE}/{format}/{program.path.name}").stdout.split()[0].decode()
    assert said == program.sha256 == hashlib.sha256(program.path.read_bytes()).hexdigest()
    parsed = elf.parse(program.path.read_bytes())
    assert (parsed.abi, parsed.interpreter) == ("arm64-v8a", "/system/bin/linker64")
    assert {"libc.so", "libdl.so"} <= set(parsed.needed)


@pytest.mark.parametrize("format", FORMATS)
def test_outputs_are_those_of_this_machine(prepared: Prepared, format: Format, tmp_path: Path) -> None:
    samples = [[image[None]] for image in images()]
    run = prepared.run(job_of(format), samples, tmp_path)
    wanted = LocalDevice().run(job_of(format), samples).outputs
    assert len(run.outputs) == len(wanted) == len(samples)
    for got, expected in zip(run.outputs, wanted, strict=True):
        assert np.abs(expected[0]).max() > 0
        assert np.abs(got[0] - expected[0]).max() <= TOLERANCE * np.abs(expected[0]).max()


@pytest.mark.parametrize("format", FORMATS)
def test_timed_and_pinned(prepared: Prepared, format: Format, tmp_path: Path) -> None:
    """The phone has four small and four big cores, whatever this machine has."""
    job = job_of(format, task="time", runs=3, cpus=(4, 5, 6, 7), threads=2)
    run = prepared.run(dataclasses.replace(job, warm_up=dataclasses.replace(job.warm_up, max_ns=0)), [[images(1)]],
                       tmp_path)
    assert run.report.cpus == (4, 5, 6, 7)
    assert run.report.threads.wanted == run.report.threads.in_effect == 2
    assert run.report.timing is not None and run.report.timing.stable
    assert len(run.report.timing.samples_ns) == 3 and min(run.report.timing.samples_ns) > 0


def test_cores_are_inherited_and_refused(prepared: Prepared, tmp_path: Path) -> None:
    run = prepared.run(job_of("tflite"), [[images(1)]], tmp_path, before="taskset 30")
    assert run.report.cpus == (4, 5)
    with pytest.raises(AffinityRefused):
        prepared.run(job_of("tflite", cpus=(8,)), [[images(1)]], tmp_path)


@pytest.mark.parametrize("before", ["setsid -w", "nohup", "timeout 60", "nice -n 1", "env -i", "xargs", "busybox env",
                                    "sh -c './\"$0\" \"$@\"'"])
def test_whoever_starts_it(prepared: Prepared, before: str) -> None:
    """An arm64 program is started as any other, from every program that starts programs, by path or from PATH."""
    name = phone_program("tflite", "arm64-v8a").program.path.name
    path = name if before.startswith("sh") else f"./{name}"
    ended = prepared.shell(f"cd {PLACE}/tflite && rm -f r && {before} {path} --model none --result r </dev/null; cat r")
    assert b'"code":"model-unreadable"' in ended.stdout, ended


def test_a_detached_job(prepared: Prepared, tmp_path: Path) -> None:
    """As a benchmark will run: apart from adb, with its status in a file."""
    name = phone_program("tflite", "arm64-v8a").program.path.name
    script = (f"cd {PLACE}/tflite; rm -f r rc; (setsid sh -c './{name} --model none --result r; echo $? >rc.tmp;"
              " mv rc.tmp rc' </dev/null >out 2>err &); until [ -e rc ]; do sleep 0.02; done; cat rc; tail -n 1 err")
    assert prepared.shell(script).stdout == b"10\nstage: writing the result\n"


def test_a_file_that_is_no_program(prepared: Prepared) -> None:
    """The kernel's own answers stay what they are."""
    folder = f"{PLACE}/tflite"
    assert prepared.shell(f"{folder}/nothing").returncode == 127
    name = phone_program("tflite", "arm64-v8a").program.path.name
    ended = prepared.shell(f"cd {folder}; cp {name} plain; chmod 644 plain; ./plain")
    assert ended.returncode == 126 and b"Permission denied" in ended.stderr
