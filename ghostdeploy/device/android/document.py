"""The document that a benchmark program leaves: its records, and reading it strictly.

The file is one line, `ghostdeploy-runner 1 LENGTH SHA256`, and then LENGTH bytes of JSON with that hash, so that a
document that was cut, mixed up or written by something else is seen for what it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from ghostdeploy.device import records
from ghostdeploy.device.android.pinned import Abi, RuntimeName

MAGIC = "ghostdeploy-runner"
SCHEMA_VERSION = 1


class DocumentError(ValueError):
    """Raised when a file is no whole document of a benchmark program; the message says what is wrong with it."""


@dataclass(frozen=True)
class Tensor:
    """An input or output. `shape` is logical; `order` lists its dimensions from outermost in memory."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    bytes: int
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class ThreadCount:
    """`in_effect`: the calling thread and those started since the runtime was opened, alive after the first run."""

    wanted: int
    in_effect: int
    alive: int


@dataclass(frozen=True)
class WarmedUp:
    """How the warm-up went; `converged` is False for a fixed number of runs, which tests nothing."""

    rule: Literal["auto", "fixed"]
    runs: int
    ns: int
    converged: bool


@dataclass(frozen=True)
class Timed:
    """The timed runs, in order and complete. See `ghostdeploy.device.job.Timing`."""

    warm_up: WarmedUp
    samples_ns: tuple[int, ...]
    every_ns: int
    late: int
    preempted: int
    stable: bool


@dataclass(frozen=True)
class MemoryUse:
    """Resident memory in kB; None for what the kernel does not tell, and in other tasks than `memory`.

    `peak_since_idle` says whether the kernel let the high-water mark start again before the model was opened.
    """

    idle_rss_kb: int | None
    load_rss_kb: int | None
    first_rss_kb: int | None
    last_rss_kb: int | None
    peak_rss_kb: int | None
    pss_kb: int | None
    peak_since_idle: bool


@dataclass(frozen=True)
class OutsideNode:
    """An operator that XNNPACK left to TFLite's own kernels: its number in the schema, and its version."""

    builtin_code: int
    version: int
    custom_name: str | None


@dataclass(frozen=True)
class TfliteDelegation:
    """Nodes of the model's graph, as counted while the delegate was applied."""

    nodes: int
    nodes_delegated: int
    nodes_outside: int
    delegates: int
    fully_delegated: bool
    outside: tuple[OutsideNode, ...]


@dataclass(frozen=True)
class ExecutorchDelegation:
    """Instructions of the method, and the backend of each of its delegates."""

    instructions: int
    delegates: int
    fully_delegated: bool
    backends: tuple[str, ...]


@dataclass(frozen=True)
class KeptTensor:
    """Bytes of the output file that are one output."""

    offset: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Kept:
    """The outputs of one run that were kept."""

    sample: int
    run: Literal["first", "last", "only"]
    tensors: tuple[KeptTensor, ...]


@dataclass(frozen=True)
class Measured:
    """What a program measured. `delegation` is None where this runtime's version cannot be counted."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    threads: ThreadCount
    cpus: tuple[int, ...]
    half_arithmetic: bool
    last_cpu: int
    load_ns: int
    first_ns: int
    timing: Timed | None
    memory: MemoryUse
    runs: int
    delegation: TfliteDelegation | ExecutorchDelegation | None
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class Failed:
    """Why a program measured nothing. `number` is the runtime's or the kernel's own, 0 for none."""

    stage: str
    code: str
    number: int
    message: str


@dataclass(frozen=True)
class Document:
    """One of `measured` and `failure` is there. `log` is what the runtime said through its own channel."""

    program: str
    abi: Abi
    runtime: RuntimeName
    runtime_version: str | None
    task: Literal["time", "infer", "memory"]
    measured: Measured | None
    failure: Failed | None
    log: str


def parse(file: bytes) -> Document:
    """Read the document in `file`.

    Raises:
        DocumentError: see there.
    """
    head, _, body = file.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if len(words) != 4 or words[0] != MAGIC or not words[2].isdigit():
        raise DocumentError("it does not begin as a benchmark program's document does")
    if words[1] != str(SCHEMA_VERSION):
        raise DocumentError(f"it has version {words[1]}, and {SCHEMA_VERSION} is read here")
    if len(body) != int(words[2]):
        raise DocumentError(f"it was to be {words[2]} bytes long, and has {len(body)}")
    if hashlib.sha256(body).hexdigest() != words[3]:
        raise DocumentError("its hash is another than it says")
    try:
        return records.from_json(Document, _either(json.loads(body)))
    except (ValueError, RecursionError) as error:
        raise DocumentError(str(error)) from error


def _either(document: Any) -> Any:
    """The program leaves out whichever of `measured` and `failure` there is none of; the record has both."""
    if not isinstance(document, dict) or document.pop("schema_version", None) != SCHEMA_VERSION:
        raise DocumentError("its body is not what its first line says")
    expected = "measured" if document.pop("ok", None) is True else "failure"
    if document.keys() & {"measured", "failure"} != {expected}:
        raise DocumentError("it says neither what was measured nor what failed")
    return {"measured": None, "failure": None, **document}
