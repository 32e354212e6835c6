"""The measuring: rounds in which every peer has one fresh process, in random order; kept on disk one by one.

A killed run goes on where it stopped, and more rounds or another thread count can be added to a finished one. Rounds
belong to one campaign: the same files, runtimes, settings, threads and machine; with anything changed none of the old
ones counts, for the new ones were not taken between them.
"""

from __future__ import annotations

import json
import platform
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.child import ChildFailed, ask, scratch
from benchmarks.environments import Ready
from benchmarks.exporting import Export, digest, sha_of
from benchmarks.peers import Peer
from benchmarks.truth import Truth, relative_error
from benchmarks.worker import OUTPUTS, Report, Task
from ghostdeploy.device import machine, records
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.errors import ParityFailed
from ghostdeploy.progress import Progress

TIMERS = ("benchmarks/worker.py", "benchmarks/runtimes", "ghostdeploy/device/measuring.py",
          "ghostdeploy/device/warmup.py", "ghostdeploy/device/runtimes")

# The detector of `ghostdeploy bench` with a shorter patience, the same for every peer: on a busy machine its run times
# never agree within 4 %, and 8 s a process (observed for 6 of 10 peers) would be most of the time of the whole table.
# What converges does so as there. Rounds that did not are counted in the result.
WARM_UP = WarmUpRule(similar_runs=15, min_runs=15, max_ns=1_500_000_000, fair_runs=20)

START_SECONDS, SECONDS_PER_RUN = 60.0, 2.0      # before a round counts as a hang, on a busy machine too


@dataclass(frozen=True)
class Protocol:
    """How a round is made. `cpus` are those of each thread count; one core for one thread."""

    rounds: int
    runs: int
    threads: tuple[int, ...]
    warm_up: WarmUpRule = WARM_UP

    def cpus(self, threads: int) -> tuple[int, ...]:
        """The last `threads` CPUs: the first one takes most interrupts."""
        return tuple(core.index for core in machine.describe().cores[-threads:])


@dataclass(frozen=True)
class Contestant:
    """A peer with its file and the interpreter that runs it."""

    peer: Peer
    export: Export
    ready: Ready


@dataclass(frozen=True)
class Round:
    """One process. Where it failed, `failure` says how and there is no report.

    `error` is relative to the checkpoint in eager mode, None where the outputs could not even be compared (`failure`
    says why).
    """

    peer: str
    threads: int
    number: int
    started: str
    report: Report | None
    error: float | None
    failure: str | None


def measure(name: str, contestants: Sequence[Contestant], reference: Truth, protocol: Protocol, store: Path,
            progress: Progress) -> list[Round]:
    """Every round of the protocol for one model, those on disk included."""
    done: list[Round] = []
    for threads in protocol.threads:
        place = store / "rounds" / f"{name}-{_campaign(contestants, reference, protocol, threads)}"
        place.mkdir(parents=True, exist_ok=True)
        failed: set[str] = set()
        for number in range(protocol.rounds):
            progress.stage(f"{name}: round {number + 1} of {protocol.rounds}, {threads} thread(s)")
            for contestant in _shuffled(contestants, f"{place.name} {threads} {number}"):
                if contestant.peer.name in failed:
                    continue
                made = _kept(contestant, threads, number, reference, protocol, place)
                if made.failure is not None:
                    failed.add(made.peer)
                done.append(made)
    return done


def _shuffled(contestants: Sequence[Contestant], seed: str) -> list[Contestant]:
    order = list(contestants)
    random.Random(seed).shuffle(order)      # noqa: S311 (an order that can be made again, not a secret)
    return order


def _campaign(contestants: Sequence[Contestant], reference: Truth, protocol: Protocol, threads: int) -> str:
    content = [[c.peer.name, c.export.sha256, c.ready.words(c.peer.runners)] for c in contestants]
    cpus = [protocol.cpus(threads)]
    machine_now = [platform.release(), machine.describe().soc]
    return sha_of(json.dumps([content, protocol.runs, records.to_json(protocol.warm_up), cpus, machine_now,
                              sha_of(repr(reference.outputs.tobytes())), [digest(path) for path in TIMERS]]))[:16]


def _kept(contestant: Contestant, threads: int, number: int, reference: Truth, protocol: Protocol,
          place: Path) -> Round:
    file = place / f"{threads}-{number}-{contestant.peer.name}.json"
    if file.exists():
        return records.from_json(Round, json.loads(file.read_text()))
    made = _round(contestant, threads, number, reference, protocol)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(records.to_json(made)))
    part.replace(file)
    return made


def _round(contestant: Contestant, threads: int, number: int, reference: Truth, protocol: Protocol) -> Round:
    peer, started = contestant.peer, datetime.now(UTC).isoformat(timespec="seconds")
    assert peer.runtime is not None
    task = Task(peer.runtime, contestant.export.file.absolute(), reference.images.absolute(), threads,
                protocol.cpus(threads), protocol.runs, protocol.warm_up)
    deadline = (START_SECONDS + protocol.warm_up.max_ns / 1e9
                + SECONDS_PER_RUN * (protocol.runs + protocol.warm_up.fair_runs))
    try:
        with scratch() as directory:
            report = ask(contestant.ready.python, "benchmarks.worker", task, Report, Path(directory), deadline)
            error = relative_error(reference.outputs, np.load(Path(directory) / OUTPUTS))
    except ChildFailed as failure:
        return Round(peer.name, threads, number, started, None, None, str(failure))
    except ParityFailed as failure:
        return Round(peer.name, threads, number, started, None, None, f"{failure.what}: {failure.why}")
    return Round(peer.name, threads, number, started, report, error, None)
