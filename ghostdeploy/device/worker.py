"""The fresh process: `python -m ghostdeploy.device.worker DIRECTORY`, with a job as JSON on stdin.

Order matters: the process is tied to its parent and pinned first, then the runtime is imported and given its threads,
then the artifact is opened. What the kernel granted is read back after the work and goes into the report.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ghostdeploy.device import measuring, processinfo, records
from ghostdeploy.device.exchange import Exchange, Failure, Reply
from ghostdeploy.device.job import Job, Memory, Profiled, RoundReport, Threads, Timing
from ghostdeploy.device.profiled import profiled
from ghostdeploy.device.runtimes import runtime
from ghostdeploy.device.runtimes.base import Array, Runtime, Session
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, GhostdeployError, RunnerFailed
from ghostdeploy.lifeline import end_with_parent
from ghostdeploy.lowering.artifact import TensorSpec
from ghostdeploy.tensors import arranged, from_layout

Specs = tuple[TensorSpec, ...]


def main(directory: Path) -> None:
    """Run the job on stdin; the reply, good or bad, is written into `directory`."""
    end_with_parent()
    exchange = Exchange(directory)
    try:
        job = records.from_json(Job, json.load(sys.stdin))
        report, outputs = perform(job, exchange.samples(), exchange)
        exchange.put_outputs(outputs)
        reply = Reply(report, None)
    except GhostdeployError as error:
        reply = Reply(None, Failure(error.code, error.what, error.why, error.next))
    except Exception as error:      # whatever a runtime throws is an answer too; the parent adds the log
        reply = Reply(None, Failure(RunnerFailed.code, f"{type(error).__name__}: {error}", "", ""))
    exchange.put_reply(reply)


def perform(job: Job, samples: list[list[Array]], exchange: Exchange) -> tuple[RoundReport, list[list[Array]]]:
    """Do `job`. Outputs are in the library's order.

    Raises:
        AffinityRefused, ArtifactRejected, RunnerFailed: see `Device.run`.
    """
    pin(job.cpus)
    exchange.put_stage("importing the runtime")
    chosen = runtime(job.format)
    before = len(processinfo.threads())
    chosen.prepare(job.threads)
    idle_kb = measuring.idle_memory() if job.task == "memory" else None
    opened = [_opened(each, chosen, exchange) for each in (job, *job.beside)]
    done = _work(opened, samples, idle_kb, exchange)
    added = 1 + len(processinfo.threads()) - before
    of_others = [sum(other.threads for other in opened if other is not each) for each in opened]
    reports = [RoundReport(chosen.info(), each.inputs, each.outputs, Threads(job.threads, added - others),
                           processinfo.affinity(), each.load_ns, work.first_ns, work.timing, work.memory,
                           profile=work.profile) for each, others, work in zip(opened, of_others, done, strict=True)]
    outputs = [[from_layout(array, spec.layout) for array, spec in zip(got, each.outputs, strict=True)]
               for each, work in zip(opened, done, strict=True) for got in work.outputs]
    return replace(reports[0], beside=tuple(reports[1:])), outputs


@dataclass(frozen=True)
class Opened:
    """A job whose artifact is loaded, with the specs that it and its manifest agree on, and threads of its own."""

    job: Job
    session: Session
    inputs: Specs
    outputs: Specs
    load_ns: int
    threads: int


def _opened(job: Job, chosen: Runtime, exchange: Exchange) -> Opened:
    exchange.put_stage("loading the artifact")
    before = len(processinfo.threads())
    start = time.perf_counter_ns()
    session = chosen.load(job.artifact, job.threads)
    load_ns = time.perf_counter_ns() - start
    inputs, outputs = (agreed(told, found, job.artifact) for told, found in
                       ((job.inputs, session.inputs), (job.outputs, session.outputs)))
    return Opened(job, session, inputs, outputs, load_ns, len(processinfo.threads()) - before)


@dataclass(frozen=True)
class Work:
    """What came of running the samples. `outputs` are in the artifact's own layouts."""

    first_ns: int | None
    outputs: list[list[Array]]
    timing: Timing | None = None
    memory: Memory | None = None
    profile: Profiled | None = None


def _work(opened: Sequence[Opened], samples: list[list[Array]], idle_kb: int | None, exchange: Exchange) -> list[Work]:
    one = opened[0]
    if not samples:
        return [Work(None, [])]
    if one.job.task == "time":
        return _timed(opened, samples, exchange)
    inputs = [_arranged(sample, one.inputs) for sample in samples]
    loaded_kb = processinfo.resident_kb()
    exchange.put_stage("the first inference")
    first_ns = measuring.timed(one.session, inputs[0])
    first = one.session.read()
    if idle_kb is not None:
        return [Work(first_ns, [first], memory=measuring.memory_after(one.session, inputs[0], one.job.runs, idle_kb,
                                                                      loaded_kb))]
    if one.job.task == "profile":
        exchange.put_stage("the profile")
        return [Work(first_ns, [first], profile=profiled(one.job, one.session, inputs[0]))]
    return [Work(first_ns, [first, *_infer(one.session, inputs[1:], exchange)])]


def _timed(opened: Sequence[Opened], samples: list[list[Array]], exchange: Exchange) -> list[Work]:
    """Each with the sample of its place; the sample of a single job is its first."""
    turns, firsts = [], []
    for each, sample in zip(opened, samples[:len(opened)], strict=True):
        exchange.put_stage("the first inference")
        inputs = _arranged(sample, each.inputs)
        firsts.append(measuring.timed(each.session, inputs))
        turns.append(measuring.Turn(each.session, inputs, each.session.read()))
    done = measuring.time_runs(turns, opened[0].job, exchange.put_stage)
    return [Work(first_ns, [list(turn.first), last], timing=timing)
            for first_ns, turn, (timing, last) in zip(firsts, turns, done, strict=True)]


def pin(cpus: tuple[int, ...] | None) -> None:
    """Pin this process, and with it every thread it starts from now on.

    Raises:
        AffinityRefused: the kernel refused, or granted something else.
    """
    if cpus is None:
        return
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        raise AffinityRefused(f"cannot run on CPU {', '.join(map(str, cpus))}", str(error),
                              "see `ghostdeploy devices` for the CPUs that can be used") from error
    if granted := os.sched_getaffinity(0) ^ set(cpus):
        raise AffinityRefused(f"asked for CPU {sorted(cpus)}, and got {sorted(granted ^ set(cpus))}", "",
                              "choose other CPUs with --cpus")


def agreed(told: Specs | None, found: Specs, artifact: Path) -> Specs:
    """What a manifest says of an artifact's tensors, if the artifact says so too; the artifact's own word without one.

    A .pte names its memory order, and takes wrongly ordered bytes without a word, so that is compared as well.

    Raises:
        ArtifactRejected: number, shape, dtype or memory order differ.
    """
    if told is None:
        return found
    same = len(told) == len(found) and all(
        t.shape == f.shape and t.dtype == f.dtype and (t.layout == "channels_last") == (f.layout == "channels_last")
        for t, f in zip(told, found, strict=True))
    if not same:
        raise ArtifactRejected(f"{artifact.name} is not what its manifest says",
                               f"the manifest has {_words(told)}, the file {_words(found)}", "export it again")
    return told


def _words(specs: Specs) -> str:
    return ", ".join(f"{spec.dtype} {list(spec.shape)} {spec.layout}" for spec in specs)


def _arranged(sample: list[Array], specs: Specs) -> list[Array]:
    if len(sample) != len(specs):
        raise RunnerFailed(f"the artifact takes {len(specs)} inputs, and was given {len(sample)}", "",
                           "hand in one array per input")
    return arranged(sample, specs)


def _infer(session: Session, samples: list[list[Array]], exchange: Exchange) -> list[list[Array]]:
    outputs = []
    for number, sample in enumerate(samples, 2):
        exchange.put_stage(f"inference {number}")
        session.feed(sample)
        session.invoke()
        outputs.append(session.read())
    return outputs


if __name__ == "__main__":
    main(Path(sys.argv[1]))
