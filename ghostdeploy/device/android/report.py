"""From a benchmark program's document to the same records that this machine's own worker reports."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from ghostdeploy.device.android.document import Document, Failed, Kept, Measured, MemoryUse, Tensor, Timed
from ghostdeploy.device.android.pinned import RuntimeName
from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.device.job import Job, Memory, RoundReport, Run, Threads, Timing
from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, image_layout
from ghostdeploy.device.warmup import WarmUp
from ghostdeploy.device.worker import agreed
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, GhostdeployError, RunnerFailed
from ghostdeploy.lowering.artifact import Layout, TensorSpec
from ghostdeploy.phone_errors import RuntimeRejected
from ghostdeploy.tensors import from_layout

CHANNELS_LAST = (0, 2, 3, 1)
FOREIGN_OUTPUT = "the benchmark's output file is not the one that its document describes"
ERRORS: Final[dict[str, type[GhostdeployError]]] = {
    "cpus-refused": AffinityRefused, "model-unreadable": ArtifactRejected, "model-rejected": ArtifactRejected,
    "method-missing": ArtifactRejected, "tensor-unsupported": ArtifactRejected, "library-missing": RuntimeRejected,
    "library-refused": RuntimeRejected, "library-symbol": RuntimeRejected}


def run_of(job: Job, document: Document, outputs: bytes, library: RuntimeLibrary) -> Run:
    """What a document and its output file say of `job`, as `Device.run` returns it.

    Raises:
        ArtifactRejected, AffinityRefused, RuntimeRejected, RunnerFailed: the document reports a failure, or the output
            file is not the one that it describes.
    """
    if document.measured is None:
        raise error_of(document)
    measured = document.measured
    inputs, outs = (agreed(told, tuple(_spec(tensor, document.runtime, f"{side}_{i}")
                                       for i, tensor in enumerate(tensors)), job.artifact)
                    for side, told, tensors in (("input", job.inputs, measured.inputs),
                                                ("output", job.outputs, measured.outputs)))
    info = RuntimeInfo(document.runtime, document.runtime_version or library.version, library.sha256)
    threads = Threads(measured.threads.wanted, measured.threads.in_effect)
    report = RoundReport(info, inputs, outs, threads, measured.cpus, measured.load_ns, measured.first_ns,
                         _timing(measured.timing),
                         _memory(measured.memory, measured.runs) if document.task == "memory" else None,
                         measured.half_arithmetic)
    return Run(report, tuple(_arrays(kept, measured, outs, outputs) for kept in measured.kept))


def error_of(document: Document) -> GhostdeployError:
    """The failure of a document as a public error."""
    failure = document.failure or Failed("start", "unknown", 0, "the document reports no failure")
    what = f"{document.program} failed while at: {failure.stage}"
    why = "; ".join(filter(None, (failure.message, document.log.strip())))
    return ERRORS.get(failure.code, RunnerFailed)(what, why, f"its code for this is {failure.code}")


def _spec(tensor: Tensor, runtime: RuntimeName, name: str) -> TensorSpec:
    return TensorSpec(tensor.name or name, tensor.shape, tensor.dtype, _layout(tensor, runtime), tensor.scale,
                      tensor.zero_point)


def _layout(tensor: Tensor, runtime: RuntimeName) -> Layout:
    """A .pte names its memory order; a .tflite does not, and is judged by its shape as on this machine."""
    if runtime == "tflite":
        return image_layout(tensor.shape)
    if len(tensor.shape) != 4:
        return "plain"
    return "channels_last" if tensor.order == CHANNELS_LAST else "nchw"


def _timing(timed: Timed | None) -> Timing | None:
    if timed is None:
        return None
    warm = WarmUp(timed.warm_up.runs, timed.warm_up.ns, timed.warm_up.converged)
    return Timing(warm, timed.samples_ns, timed.late, timed.preempted, timed.stable)


def _memory(use: MemoryUse, runs: int) -> Memory:
    sizes = (use.idle_rss_kb, use.load_rss_kb, use.first_rss_kb, use.last_rss_kb, use.peak_rss_kb)
    if None in sizes:
        raise RunnerFailed("the phone's kernel does not tell how much memory the benchmark used",
                           "/proc/self/status could not be read", "measure time only")
    idle, load, first, last, peak = (size or 0 for size in sizes)
    return Memory(idle, load, first, last, peak, use.pss_kb, runs)


def _arrays(kept: Kept, measured: Measured, specs: tuple[TensorSpec, ...], file: bytes) -> tuple[Array, ...]:
    if not len(kept.tensors) == len(measured.outputs) == len(specs):
        raise RunnerFailed(FOREIGN_OUTPUT, "the number of tensors differs", "run again")
    arrays = []
    for part, spec, tensor in zip(kept.tensors, specs, measured.outputs, strict=True):
        data = file[part.offset:part.offset + part.bytes]
        if hashlib.sha256(data).hexdigest() != part.sha256 or part.bytes != tensor.bytes:
            raise RunnerFailed(FOREIGN_OUTPUT, f"output {spec.name} has another hash",
                               "run again; the transfer may have been cut")
        stored = np.frombuffer(data, np.dtype(spec.dtype)).reshape([spec.shape[axis] for axis in tensor.order])
        logical = np.ascontiguousarray(stored.transpose(np.argsort(tensor.order)))
        arrays.append(from_layout(logical, spec.layout) if logical.ndim == 4 else logical)
    return tuple(arrays)
