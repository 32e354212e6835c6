"""What the project promises about its own time and memory, on this machine and with nothing else running beside it.

The least of a few tries counts: others share this machine, and what they take can only be added.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from ghostdeploy.fusion import fuse
from tests.commands import environment
from tests.test_fusion_models import build

pytestmark = pytest.mark.alone
TRIES = 3


def least_seconds(work: Callable[[], object], limit: float) -> float:
    """The shortest of up to `TRIES` runs; the first one within the limit settles it."""
    least = float("inf")
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
        if least < limit:
            break
    return least


def _additions() -> int:
    total = 0
    for number in range(10 ** 7):
        total += number
    return total


def slowness() -> float:
    """How much slower this machine is just now than it may be for the limits to hold, 1 and more.

    Ten million additions in Python may take 0.8 s, the least of a few tries; they took 0.66 to 0.75 s where the limits
    held (2026-11-29).
    """
    return max(1.0, least_seconds(_additions, 0.8) / 0.8)


def test_the_zoo_is_listed_within_2_s() -> None:
    command = [sys.executable, "-m", "ghostdeploy", "models"]
    assert least_seconds(lambda: subprocess.run(command, check=True, capture_output=True, env=environment()), 2) < 2


def test_ghostnetv3_160_is_traced_fused_and_proven_within_10_s() -> None:
    module, x = build("ghostnetv3_160"), torch.randn(1, 3, 224, 224)
    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)      # as the command line runs; conftest's one thread is for company
    try:
        limit = 10 * slowness()
        assert least_seconds(lambda: fuse(module, x), limit) < limit
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Exported:
    """What an export took: wall time, and the largest resident memory of it and of its child processes, in bytes."""

    seconds: float
    peak: int


# Linux hands the peak of the process that starts another one on to it (exec keeps the larger of the two), and this one
# has fused models in its time. So the command is started by a process that holds nothing.
METER = """
import json, resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(json.dumps([code, time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def export(model: str, directory: Path) -> Exported:
    """The whole command, with its proof and parity runs."""
    command = ["-m", "ghostdeploy", "export", "--model", model, "--random-weights", "-o", str(directory)]
    done = subprocess.run([sys.executable, "-S", "-c", METER, sys.executable, *command], capture_output=True, text=True,
                          env=environment())
    code, seconds, peak = json.loads(done.stdout)
    assert code == 0, done.stderr
    return Exported(seconds, peak)


def test_ghostnetv3_100_becomes_both_formats_within_60_s_and_1_5_gb(tmp_path: Path) -> None:
    limit = 60 * slowness()
    for attempt in range(TRIES):
        exported = export("ghostnetv3_100", tmp_path / str(attempt))
        assert exported.peak < 1.5e9
        if exported.seconds < limit:
            break
    assert exported.seconds < limit


def test_ghostnetv3_160_becomes_both_formats_below_900_mb(tmp_path: Path) -> None:
    assert export("ghostnetv3_160", tmp_path / "out").peak < 900e6
