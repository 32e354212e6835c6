"""What each operator of a `.tflite` took, by LiteRT's own profiler, inside XNNPACK too.

The Python interpreter does not hand its profiler out; LiteRT's C API does (`libLiteRt.so` of the same wheel). Its
structs are those of ai-edge-litert 2.3. Used in a process of its own, which a mistake about them would kill.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path

import ai_edge_litert
import numpy as np

from ghostdeploy.device import processinfo
from ghostdeploy.device.job import PartTime, Profiled
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.errors import ArtifactRejected, RunnerFailed

LIBRARY = Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
CPU = 1
WRITE = 1
NS = 1000.0       # of a microsecond
TENSOR_TYPE_BYTES = 512         # of a LiteRtRankedTensorType, with room to spare
# Kinds of events (litert/c/litert_profiler_event.h): a node of the graph, an operator inside of a delegate, the same
# where the delegate has the profile; and the whole of it.
OPERATOR, INSIDE, PROFILED = 1 << 1, 1 << 2, 1 << 3
WHOLE = b"Invoke"
DELEGATE = b"TfLiteXNNPackDelegate"


class _Event(ctypes.Structure):
    _fields_ = (("tag", c_char_p), ("kind", c_int), ("start_us", c_uint64), ("elapsed_us", c_uint64),
                ("memory", c_int64 * 6), ("metadata", c_uint64 * 2), ("source", c_int))


class LitertProfiler:
    """One `.tflite`, opened for profiling in XNNPACK on `threads` threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._library = ctypes.CDLL(str(LIBRARY))
        self._environment, self._model = self._made("LiteRtCreateEnvironment", 0, None), c_void_p()
        if self._library.LiteRtCreateModelFromFile(self._environment, str(path).encode(), byref(self._model)):
            raise ArtifactRejected(f"LiteRT does not load {path.name}", "", "export it again")
        before = len(processinfo.threads())
        self._compiled = self._made("LiteRtCreateCompiledModel", self._environment, self._model, self._options(threads))
        started = len(processinfo.threads()) - before
        if started != threads - 1:
            raise RunnerFailed(f"LiteRT's profiler started {started} threads instead of {threads - 1}",
                               "the option that says how many may have another name in this version",
                               "install ai-edge-litert 2.3")
        self._profiler = self._made("LiteRtCompiledModelGetProfiler", self._compiled)
        self._signature = self._made("LiteRtGetModelSignature", self._model, c_size_t(0))
        self._inputs, self._outputs = self._buffers("Input"), self._buffers("Output")

    def measure(self, sample: Sequence[Array], warm_up: int, runs: int) -> Profiled:
        """Times of `runs` runs on `sample` (arrays in the artifact's own layout), after `warm_up` others.

        The mean of the middle half of the runs, so that the parts add up and a disturbed run has no say. XNNPACK counts
        whole microseconds and drops the rest, of each operator half of one on average.
        """
        for buffer, array in zip(self._inputs, sample, strict=True):
            self._fill(buffer, np.ascontiguousarray(array))
        for _ in range(warm_up):
            self._run()
        measured = [self._profiled() for _ in range(runs)]
        names = measured[0][1]
        if any(found != names for _, found, _ in measured):
            raise RunnerFailed("LiteRT's profiler named other operators in another run", "", "please report it")
        measured.sort(key=lambda run: run[0])
        middle = measured[runs // 4:runs - runs // 4]
        times = np.mean([elapsed for _, _, elapsed in middle], axis=0)
        return Profiled(NS * float(np.mean([whole for whole, _, _ in middle])),
                        tuple(PartTime(name, NS * float(us)) for name, us in zip(names, times, strict=True)), runs)

    def _profiled(self) -> tuple[int, list[str], list[int]]:
        """Of one run: microseconds of the whole, names of its operators and microseconds of each."""
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)
        self._run()
        self._call("LiteRtStopProfiler", self._profiler)
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        events = (_Event * count.value)()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        whole = [event.elapsed_us for event in events if event.tag == WHOLE and event.kind < OPERATOR]
        operators = [event for event in events if event.kind in (OPERATOR, INSIDE, PROFILED)
                     and event.tag != DELEGATE]
        if len(whole) != 1 or not operators:
            raise RunnerFailed("LiteRT's profiler saw no operators", "", "install ai-edge-litert 2.3")
        return whole[0], [event.tag.decode() for event in operators], [event.elapsed_us for event in operators]

    def _options(self, threads: int) -> c_void_p:
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, CPU)
        self._kept: list[object] = [_DESTRUCTOR(lambda payload: None)]      # LiteRT has the addresses of these
        for name, text in ((b"runtime_options_string", "enable_profiling = true\n"),
                           (b"xnnpack", f"num_threads = {threads}\n")):
            self._kept.append(ctypes.create_string_buffer(text.encode()))
            self._call("LiteRtAddOpaqueOptions", options,
                       self._made("LiteRtCreateOpaqueOptions", name, self._kept[-1], self._kept[0]))
        return options

    def _buffers(self, side: str) -> list[c_void_p]:
        count = c_size_t()
        self._call(f"LiteRtGetNumSignature{side}s", self._signature, byref(count))
        return [self._buffer(side, index) for index in range(count.value)]

    def _buffer(self, side: str, index: int) -> c_void_p:
        tensor = self._made(f"LiteRtGetSignature{side}TensorByIndex", self._signature, c_size_t(index))
        kind = (ctypes.c_uint8 * TENSOR_TYPE_BYTES)()
        self._call("LiteRtGetRankedTensorType", tensor, kind)
        needs = self._made(f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, c_size_t(0),
                           c_size_t(index))
        return self._made("LiteRtCreateManagedTensorBufferFromRequirements", self._environment, kind, needs)

    def _fill(self, buffer: c_void_p, array: Array) -> None:
        room = c_size_t()
        self._call("LiteRtGetTensorBufferSize", buffer, byref(room))
        if room.value < array.nbytes:
            raise RunnerFailed(f"the artifact takes {room.value} bytes, and was given {array.nbytes}",
                               "LiteRT and its manifest differ about an input", "export it again")
        address = c_void_p()
        self._call("LiteRtLockTensorBuffer", buffer, byref(address), WRITE)
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        self._call("LiteRtUnlockTensorBuffer", buffer)

    def _run(self) -> None:
        arrays = [(c_void_p * len(buffers))(*buffers) for buffers in (self._inputs, self._outputs)]
        self._call("LiteRtRunCompiledModel", self._compiled, c_size_t(0), c_size_t(len(self._inputs)), arrays[0],
                   c_size_t(len(self._outputs)), arrays[1])

    def _made(self, function: str, *arguments: object) -> c_void_p:
        """The handle that a function writes through its last argument."""
        handle = c_void_p()
        self._call(function, *arguments, byref(handle))
        return handle

    def _call(self, function: str, *arguments: object) -> None:
        status = self._function(function)(*arguments)
        if status:
            raise RunnerFailed(f"{function} failed with status {status}", "", "install ai-edge-litert 2.3")

    def _function(self, name: str) -> Callable[..., int]:
        try:
            found: Callable[..., int] = getattr(self._library, name)
        except AttributeError as error:
            raise RunnerFailed(f"this LiteRT has no {name}", "its C API is another one", "install ai-edge-litert 2.3"
                               ) from error
        return found


_DESTRUCTOR = ctypes.CFUNCTYPE(None, c_void_p)
