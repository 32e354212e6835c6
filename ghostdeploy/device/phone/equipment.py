"""What one artifact needs on a phone, checked before anything of the phone is touched: program, runtime, page size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import elf, needs
from ghostdeploy.device.android.given import given_library, runtime_of
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.device.android.programs import phone_program
from ghostdeploy.device.android.store import RuntimeLibrary, runtime_library
from ghostdeploy.device.base import ArtifactKind, DeviceInfo
from ghostdeploy.device.half_arithmetic import arithmetic, can_compute_half
from ghostdeploy.device.phone.deploy import Cargo
from ghostdeploy.digest import sha256
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.phone_errors import DeviceUnsuitable

RUNTIMES: Final[dict[Format, RuntimeName]] = {"pte": "executorch", "tflite": "tflite"}
MINIMUM_API = 26            # the ident note of both pinned libraries, and what the programs are built for


@dataclass(frozen=True)
class Equipment:
    """Files for the phone: `tools` stand in one directory, the first of them is the program."""

    library: RuntimeLibrary
    tools: tuple[Cargo, ...]
    model: Cargo


def equipment(artifact: Path, format: Format, info: DeviceInfo, runtime: Path | None, scratch: Path) -> Equipment:
    """What `artifact` needs on the phone `info`; fetched and built if this machine does not have it yet.

    Args:
        runtime: a library (.so, .aar) to take instead of the pinned one, for the formats that it runs.
        scratch: a directory for what comes out of archives.

    Raises:
        DeviceUnsuitable: too old, another ABI, pages that the runtime cannot be loaded on.
        ArtifactRejected: the format is not one for phones, or needs more than the runtime has.
        RuntimeRejected, FetchFailed, RunnerMissing, WriteFailed: of the runtime or the program.
    """
    refused = refusal(ArtifactKind(artifact.name, format, None), info)
    if refused is not None:
        raise refused
    name, abi = RUNTIMES[format], _abi(info)
    program = phone_program(name, abi)
    if runtime is not None and runtime_of(runtime, abi) == name:
        parsed = [elf.parse(file.path.read_bytes()) for file in (program.program, *program.beside)]
        library = given_library(runtime, name, abi, parsed[0], parsed[1] if program.beside else None, info.page_size,
                                info.api_level or MINIMUM_API, scratch)
    else:
        library = runtime_library(name, abi)
        _fits_pages(library, info)
    needs.check(artifact, library)
    tools = (Cargo(program.program.path, program.program.path.name, program.program.sha256, executable=True),
             Cargo(library.path, library.soname, library.sha256),
             *(Cargo(file.path, file.path.name, file.sha256) for file in program.beside))
    return Equipment(library, tools, Cargo(artifact, f"model.{format}", sha256(artifact)))


def refusal(kind: ArtifactKind, info: DeviceInfo) -> ArtifactRejected | DeviceUnsuitable | None:
    """Why artifacts of a kind do not run on the phone `info`, if they do not."""
    if kind.format not in RUNTIMES:
        return ArtifactRejected(f"{kind.file} cannot run on a phone", f"phones take {', '.join(RUNTIMES)} here",
                                "measure it on this machine with --device local")
    computed = None if kind.precision is None else arithmetic(kind.format, kind.precision)
    if computed is not None and computed.by == "file" and not can_compute_half(info.features):
        return DeviceUnsuitable(
            f"{kind.file} cannot run on {info.serial}",
            f"it computes in half precision, and not every core has {', '.join(computed.cpu_features)} (ARMv8.2)",
            "measure the fp32 artifact, or the fp16 .tflite, which falls back to float32")
    return None


def _abi(info: DeviceInfo) -> Abi:
    if info.api_level is not None and info.api_level < MINIMUM_API:
        raise DeviceUnsuitable(f"{info.serial} runs Android {info.android_release} (API {info.api_level})",
                               f"the runtimes need API {MINIMUM_API} (Android 8) or later", "use a newer phone")
    for abi in ABIS:
        if info.abi == abi:
            return abi
    raise DeviceUnsuitable(f"{info.serial} is a {info.abi} device",
                           f"the benchmark programs are built for {' and '.join(ABIS)}", "use another phone")


def _fits_pages(library: RuntimeLibrary, info: DeviceInfo) -> None:
    alignment = elf.parse(library.path.read_bytes()).page_alignment
    if alignment < info.page_size:
        raise DeviceUnsuitable(
            f"{library.name} {library.version} cannot be loaded on {info.serial}",
            f"it is aligned to pages of {alignment} bytes, and the phone has pages of {info.page_size}",
            "give a newer library with --runtime FILE.aar; or measure the .pte alone")
