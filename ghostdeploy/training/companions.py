"""More processes of this machine that train with this one, as torchrun would start them on each of many machines."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ghostdeploy.errors import GhostdeployError
from ghostdeploy.training_errors import CompanionLost
from ghostdeploy.writing import temporary_directory

RANK = "RANK"                               # set by torchrun, and by us
COMPANION = "GHOSTDEPLOY_COMPANION"         # set in those that `companions` started, which end with it
SAYS_WHY_S = 10.0
LOG_LINES = 20


def is_first() -> bool:
    """Is this the process that speaks for all, or the only one?"""
    return os.environ.get(RANK, "0") == "0"


@contextmanager
def companions(command: Sequence[str], count: int) -> Iterator[None]:
    """Run `command` in `count - 1` further processes, and let this one be the first of all; before torch is imported.

    Where no GPU computes, the cores are shared out. Where torchrun or this function started this process, it is one of
    several already, and no more are started. However the block ends, the processes are gone after it.

    Raises:
        CompanionLost: one of them ended, which ended the block.
    """
    if count == 1 or RANK in os.environ:
        yield
        return
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(count),
              "LOCAL_WORLD_SIZE": str(count),
              "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))}
    started: list[subprocess.Popen[bytes]] = []
    with temporary_directory() as directory:
        logs = [Path(directory) / str(rank) for rank in range(1, count)]
        try:
            for rank, log in enumerate(logs, 1):
                started.append(_start(command, {**shared, RANK: str(rank), "LOCAL_RANK": str(rank)}, log))
            os.environ.update({**shared, RANK: "0", "LOCAL_RANK": "0"})
            yield
        except GhostdeployError:
            raise
        except Exception as error:
            lost = _first_lost(started)
            if lost is None:
                raise
            raise CompanionLost(
                f"process {lost + 2} of {count} ended with status {started[lost].returncode}",
                _last_lines(logs[lost]), "mend that and go on with --resume, or train in one process") from error
        finally:
            for process in started:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches only us, and killing the group takes whatever the process started."""
    with log.open("wb") as file:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                                env={**os.environ, **environment, COMPANION: "1"})


def command_of_this_process() -> list[str]:
    """What a user typed, as a command that any process can start."""
    return [sys.executable, "-m", "ghostdeploy", *sys.argv[1:]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_lost(started: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """The index of one that failed; the one whose end broke a collective may need a moment to be seen."""
    deadline = time.monotonic() + SAYS_WHY_S
    while time.monotonic() < deadline:
        for index, process in enumerate(started):
            if process.poll():
                return index
        time.sleep(0.05)
    return None


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
