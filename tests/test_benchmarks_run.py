"""The comparison from end to end, on a small network: real exports, real runtimes, a run that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import bench
from benchmarks.environments import ROOT
from benchmarks.result import PeersResult
from ghostdeploy.errors import GhostdeployError

SIZE, ROUNDS = "64", 3
PEERS = ("ours-tflite", "onnxruntime", "eager")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


def command(store: Path, rounds: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", "--quick", "--models", "tests.tiny:factory", "--input-size", SIZE,
            "--peers", ",".join(PEERS), "--rounds", str(rounds), "--runs", "5", "--store", str(store),
            "-o", str(store / "result.json"), *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def rounds_on_disk(store: Path) -> dict[str, float]:
    return {str(file): file.stat().st_mtime for file in store.glob("rounds/*/*.json")}


def test_a_killed_run_goes_on_where_it_was(store: Path) -> None:
    process = subprocess.Popen(command(store, ROUNDS), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(rounds_on_disk(store)) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = rounds_on_disk(store)
    assert 2 <= len(before) < ROUNDS * len(PEERS)
    exports = {file: file.stat().st_mtime for file in store.glob("artifacts/*/export.json")}

    subprocess.run(command(store, ROUNDS), cwd=ROOT, env=environment(), check=True, capture_output=True)
    after = rounds_on_disk(store)
    assert len(after) == ROUNDS * len(PEERS)
    assert {file: after[file] for file in before} == before, "rounds that were done are not done again"
    assert all(file.stat().st_mtime == made for file, made in exports.items())


def test_one_more_round_is_added_and_all_of_them_told(store: Path) -> None:
    before = rounds_on_disk(store)
    done = subprocess.run(command(store, ROUNDS + 1), cwd=ROOT, env=environment(), check=True, capture_output=True,
                          text=True)
    after = rounds_on_disk(store)
    assert len(after) == len(before) + len(PEERS)
    assert before.items() <= after.items()
    result = PeersResult.load(store / "result.json")
    assert done.stdout == (store / "result.md").read_text()
    assert "**random weights**" in done.stdout
    (model,) = result.models
    assert {entry.peer for entry in model.entries} == set(PEERS)
    for entry in model.entries:
        assert entry.status == "measured", entry
        assert entry.error is not None
        assert entry.error < 1e-5
        assert len(entry.round_medians_ms) == ROUNDS + 1
    assert model.best_peer["1"] in {"onnxruntime", "eager"}
    for export in model.exports:
        assert export.cost is not None
        assert export.size is not None
        assert export.size > 4 * 8 * 8 * 9      # the wide convolution's weights alone
        assert export.cost.peak_rss_kb > 100_000, "torch is part of the process"


def test_another_thread_count_leaves_what_was_measured_with_one(store: Path) -> None:
    before = rounds_on_disk(store)
    subprocess.run(command(store, 1, "--threads", "1,2"), cwd=ROOT, env=environment(), check=True, capture_output=True)
    after = rounds_on_disk(store)
    assert before.items() <= after.items()
    assert len(after) == len(before) + len(PEERS)
    (model,) = PeersResult.load(store / "result.json").models
    assert {entry.threads for entry in model.entries} == {1, 2}


@pytest.mark.parametrize(("arguments", "says"), [
    ({"models": "nonsense"}, "nonsense"),
    ({"peers": "tensorrt"}, "no such peer: tensorrt"),
    ({"threads": "0"}, "no number of threads"),
    ({"checkpoint": Path("x.pth")}, "--checkpoint is for one model"),
])
def test_a_mistake_is_said_before_anything_is_measured(arguments: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(GhostdeployError, match=says):
        bench(**arguments, store=tmp_path, output=tmp_path / "r.json")
    assert not list(tmp_path.iterdir())
