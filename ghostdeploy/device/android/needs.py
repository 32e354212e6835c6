"""What an artifact asks of a runtime, found by reading the file: before anything is pushed to a phone.

TFLite numbers the versions of its operators, and a runtime refuses what is newer than itself; which versions the
pinned one takes was measured (`android_bench/tflite-*.toml`). An ExecuTorch library holds the names of its kernels.
"""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.device.runtimes import pte_program
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.resources import folder

XNNPACK = "XnnpackBackend"
SHOWN = 4               # so many of what is missing are named; one is enough to know that another runtime is needed
BUILTIN_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
CUSTOM = "CUSTOM"       # has no version; the runner's own message names what it lacks


def check(artifact: Path, library: RuntimeLibrary) -> None:
    """Refuse an artifact that `library` cannot run.

    Raises:
        ArtifactRejected: with what is missing, and which runtime would do; or the file cannot be read as its format.
    """
    try:
        missing = list(dict.fromkeys(_of_tflite(artifact, library) if library.name == "tflite"
                                     else _of_pte(artifact, library)))
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ArtifactRejected(f"{artifact.name} cannot be read as a model of {library.name}", str(error),
                               "export it again") from error
    if missing:
        more = f", and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ArtifactRejected(f"{artifact.name} needs more than {library.name} {library.version} has",
                               "it lacks " + ", ".join(missing[:SHOWN]) + more, _way_out(library))


def _way_out(library: RuntimeLibrary) -> str:
    if library.name == "tflite":
        return (f"measure with a library later than {library.version}: --runtime FILE.aar of LiteRT or TensorFlow "
                "Lite; or export with this ghostdeploy, whose files need no more than 2.14.0")
    return ("measure with the library that your app ships: --runtime FILE.aar, built with these kernels; "
            "or export so that XNNPACK takes everything (see the delegation in the manifest)")


def _of_tflite(artifact: Path, library: RuntimeLibrary) -> Iterator[str]:
    """What a file needs beyond the runtime's table; nothing is known of a version that has no table."""
    model = schema.Model.GetRootAs(artifact.read_bytes())
    known = _operators(library.version)
    if known is None:
        return
    for i in range(model.OperatorCodesLength()):
        operator = model.OperatorCodes(i)
        name = BUILTIN_NAMES[max(operator.BuiltinCode(), operator.DeprecatedBuiltinCode())]
        if name != CUSTOM and operator.Version() > known.get(name, 0):
            had = f"up to {known[name]}" if name in known else "none"
            yield f"{name} version {operator.Version()} (it has {had})"
    if any(model.Buffers(i).Offset() > 1 for i in range(model.BuffersLength())):
        yield "constants that lie behind the model (Buffer.offset), as ai-edge-quantizer writes them"


def _of_pte(artifact: Path, library: RuntimeLibrary) -> Iterator[str]:
    """Kernels and backends that a program calls and the library does not name."""
    data = library.path.read_bytes()
    for name in pte_program.kernels(artifact):
        if name.encode() + b"\0" not in data:
            yield f"the kernel {name}"
    for name in pte_program.backends(artifact):
        if name != XNNPACK:
            yield f"the backend {name}"


@cache
def _operators(version: str) -> dict[str, int] | None:
    path = folder("android_bench") / f"tflite-{version}.toml"
    return dict(tomllib.loads(path.read_text())["operators"]) if path.is_file() else None
