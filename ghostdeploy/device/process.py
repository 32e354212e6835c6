"""Running one job in a fresh process of this machine, and making sure that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import ghostdeploy
from ghostdeploy.device import records
from ghostdeploy.device.exchange import Exchange, Failure
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, GhostdeployError, RunnerFailed, WriteFailed
from ghostdeploy.writing import temporary_directory

LOG_LINES, LOG_WIDTH = 20, 200      # of the process's log in an error: a runtime's own words, and the stack of a crash
KNOWN: dict[str, type[GhostdeployError]] = {
    error.code: error for error in (ArtifactRejected, AffinityRefused, RunnerFailed, WriteFailed)}

# BLAS pools of NumPy and torch would start a thread per core at import, before the affinity is set.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(job: Job, samples: Sequence[Sequence[Array]]) -> Run:
    """Run `job` in a fresh Python process. However this call ends, the process and all it started are gone.

    Raises:
        ArtifactRejected, AffinityRefused, RunnerFailed: see `Device.run`.
        WriteFailed: there is no room for temporary files.
    """
    with temporary_directory() as directory:
        exchange = Exchange(Path(directory))
        exchange.put_samples(samples)
        status = _execute(job, exchange)
        return _answer(job, exchange, status)


def _execute(job: Job, exchange: Exchange) -> int | None:
    """Start, wait, and clean up; the exit status, None for a process that ran past its deadline."""
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "ghostdeploy.device.worker", str(exchange.directory)]
    with exchange.writable():
        opened = exchange.log.open("wb")
    with opened as log:
        # A session of its own: Ctrl-C reaches only us, and killing the group takes whatever the process started.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=_environment(),
                                   start_new_session=True)
        try:
            process.communicate(_document(job), timeout=job.deadline_s)
            return process.returncode
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _document(job: Job) -> bytes:
    return json.dumps(records.to_json(job)).encode()


def _environment() -> dict[str, str]:
    """Ours, with this very package in front: a source tree that is not installed works too."""
    home = str(Path(ghostdeploy.__file__).parent.parent)
    paths = [home, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}


def _answer(job: Job, exchange: Exchange, status: int | None) -> Run:
    where = f"while at: {exchange.stage()}"
    if status is None:
        raise RunnerFailed(f"{_names(job)} was still running after {job.deadline_s:.0f} s, {where}",
                           _log(exchange), "run again; if it stays so, the artifact hangs in its runtime")
    try:
        reply = exchange.reply()
        if reply is not None and reply.failure is not None:
            raise _error(reply.failure, exchange)
        if reply is not None and reply.report is not None and status == 0:
            return Run(reply.report, exchange.outputs())
    except (OSError, ValueError) as error:
        raise RunnerFailed(f"the process that ran {_names(job)} answered nonsense", str(error),
                           "run again; please report it if it stays so") from error
    ended = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    raise RunnerFailed(f"the process that ran {_names(job)} {ended}, {where}", _log(exchange),
                       "run again; if it stays so, the artifact crashes its runtime")


def _names(job: Job) -> str:
    return " and ".join(each.artifact.name for each in (job, *job.beside))


def _error(failure: Failure, exchange: Exchange) -> GhostdeployError:
    """The worker's error as ours; where the runtime only gave a number, its log has the words."""
    cls = KNOWN.get(failure.code, RunnerFailed)
    if cls in (AffinityRefused, WriteFailed):
        return cls(failure.what, failure.why, failure.next)
    return cls(failure.what, "; ".join(filter(None, (failure.why, _log(exchange)))), failure.next)


def _log(exchange: Exchange) -> str:
    """The end of what the process printed."""
    lines = exchange.log.read_text(errors="replace").splitlines()
    return "\n".join(line[:LOG_WIDTH] for line in lines[-LOG_LINES:] if line.strip())
