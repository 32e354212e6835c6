"""A fresh process in a peer's interpreter: a record goes in, a record comes back, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from benchmarks.environments import ROOT
from ghostdeploy.device import records
from ghostdeploy.device.process import ONE_THREAD

Q = TypeVar("Q")
A = TypeVar("A")
REPLY, FAILURE = "reply.json", "failure"


class ChildFailed(Exception):
    """Raised when the process crashed, hung or raised; its text is one line for the table."""


def ask(python: Path, module: str, request: object, answer: type[A], directory: Path, deadline_s: float) -> A:
    """Run `python -m module DIRECTORY` with `request` as JSON on stdin; what it answers.

    The process gets no more threads than it asks for (OpenMP pools start at import), and sleeping, not spinning, ones
    where it waits for others. Its stdout and stderr are in `directory`/log.

    Raises:
        ChildFailed: see there.
    """
    environment = {**os.environ, **ONE_THREAD, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT),
                   "PYTHONWARNINGS": "ignore"}
    del environment["OMP_NUM_THREADS"]      # runtimes set their own; ncnn and torch take it for the most they may use
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([python, "-P", "-X", "faulthandler", "-m", module, str(directory)],
                                   stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment,
                                   start_new_session=True)
        try:
            process.communicate(json.dumps(records.to_json(request)).encode(), timeout=deadline_s)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"still running after {deadline_s:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if (failure := directory / FAILURE).exists():
        raise ChildFailed(failure.read_text())
    if process.returncode or not (directory / REPLY).exists():
        raise ChildFailed(f"its process ended with status {process.returncode}: {_last_line(directory / 'log')}")
    return records.from_json(answer, json.loads((directory / REPLY).read_text()))


def serve(request: type[Q], work: Callable[[Q, Path], object]) -> None:
    """The other end: do `work` on what stdin says, and leave its answer, or what it raised, in the directory."""
    directory = Path(sys.argv[1])
    try:
        answer = work(records.from_json(request, json.load(sys.stdin)), directory)
        (directory / REPLY).write_text(json.dumps(records.to_json(answer)))
    except Exception as error:      # whatever a peer throws is an answer: it goes into the table
        traceback.print_exc()
        words = (str(error).strip() or "no message").splitlines()[0]
        (directory / FAILURE).write_text(f"{type(error).__name__}: {words[:200]}")


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A directory for one child."""
    return tempfile.TemporaryDirectory(prefix="bench-peers-")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"
