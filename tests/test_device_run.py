"""Artifacts in fresh processes: right answers, and what was asked for is what the kernel says was done."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from ghostdeploy.device import measuring
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes import runtime
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.device.worker import pin
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, FileMissing, FileUnreadable, RunnerFailed
from ghostdeploy.lowering.artifact import Format
from tests.small_artifacts import FORMATS, SIZE, answers, channels_last_pte, directory, images, small

LOCAL = LocalDevice()
QUICK = WarmUpRule(min_runs=1, min_ns=0, max_ns=1)


def job(format: Format, task: str = "infer", **options: object) -> Job:
    artifact = small(format)
    return Job(artifact.path, format, task, artifact.inputs, artifact.outputs, warm_up=QUICK, **options)  # type: ignore[arg-type]


def samples(count: int = 1) -> list[tuple[np.ndarray, ...]]:
    return [(image[None],) for image in images(count)]


@pytest.mark.parametrize("format", FORMATS)
def test_one_process_answers_every_sample_in_order(format: Format) -> None:
    run = LOCAL.run(job(format), samples(3))
    got = np.concatenate([sample[0] for sample in run.outputs])
    wanted = answers(images(3))
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3    # else a mixed-up order would pass
    np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max(), rtol=0)
    assert run.report.load_ns > 0 and (run.report.first_ns or 0) > 0
    assert run.report.runtime.version and len(run.report.runtime.sha256 or "") == 64


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_threads_asked_for_are_the_threads_alive(format: Format, threads: int) -> None:
    assert LOCAL.run(job(format, threads=threads), samples()).report.threads.in_effect == threads


@pytest.mark.parametrize("format", FORMATS)
def test_every_run_is_fed_and_kept(format: Format) -> None:
    """A .pte plans its input into the arena of the intermediates: unfed, the second run would answer something else."""
    run = LOCAL.run(job(format, "time", runs=7), samples())
    timing = run.report.timing
    assert timing is not None and timing.stable
    assert len(timing.samples_ns) == 7 and min(timing.samples_ns) > 0
    assert len(set(timing.samples_ns)) > 1
    wanted = answers(images(1))
    for sample in run.outputs:
        np.testing.assert_allclose(sample[0], wanted, atol=1e-5 * np.abs(wanted).max(), rtol=0)


def test_a_channels_last_program_is_recognised_and_fed_right() -> None:
    run = LOCAL.run(Job(channels_last_pte(), "pte", "infer"), samples(2))
    assert run.report.inputs[0].layout == "channels_last" and run.report.inputs[0].shape == (1, 3, SIZE, SIZE)
    wanted = answers(images(2))
    np.testing.assert_allclose(np.concatenate([s[0] for s in run.outputs]), wanted,
                               atol=1e-5 * np.abs(wanted).max(), rtol=0)


def test_a_manifest_that_names_the_wrong_memory_order_is_found_out() -> None:
    told = small("pte").inputs
    with pytest.raises(ArtifactRejected, match="not what its manifest says") as caught:
        LOCAL.run(Job(channels_last_pte(), "pte", "infer", told), samples())
    assert "channels_last" in caught.value.why and "nchw" in caught.value.why


@pytest.mark.parametrize("change", [{"shape": (1, 32, 32, 3)}, {"dtype": "int8"}])
def test_a_manifest_that_names_another_tensor_is_found_out(change: dict[str, object]) -> None:
    artifact = small("tflite")
    told = (replace(artifact.inputs[0], **change),)  # type: ignore[arg-type]
    with pytest.raises(ArtifactRejected):
        LOCAL.run(Job(artifact.path, "tflite", "infer", told), samples())


def test_the_affinity_holds_for_every_thread_while_it_runs() -> None:
    """Asked of the kernel from outside, in the middle of the work."""
    cpu = max(psutil.Process().cpu_affinity())
    seen: list[set[int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for child in psutil.Process().children():
                try:
                    if child.status() == psutil.STATUS_ZOMBIE or "ghostdeploy.device.worker" not in child.cmdline():
                        continue
                    for thread in child.threads():
                        seen.append(set(psutil.Process(thread.id).cpu_affinity()))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        report = LOCAL.run(job("tflite", "time", runs=3000, threads=2, cpus=(cpu,)), samples()).report
    finally:
        done.set()
        watcher.join()
    assert report.cpus == (cpu,)
    assert seen and seen[-1] == {cpu}


def test_a_cpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(AffinityRefused, match="4000"):
        LOCAL.run(job("tflite", cpus=(4000,)), samples())


def test_pinning_nowhere_changes_nothing() -> None:
    before = psutil.Process().cpu_affinity()
    pin(None)
    assert psutil.Process().cpu_affinity() == before


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_a_broken_artifact_is_rejected_with_the_runtimes_words(tmp_path: Path, format: Format, damage: str) -> None:
    whole = small(format).path.read_bytes()
    broken = tmp_path / f"broken.{format}"
    broken.write_bytes({"empty": b"", "text": b"not a model " * 50, "truncated": whole[:len(whole) // 2]}[damage])
    with pytest.raises(ArtifactRejected) as caught:
        LOCAL.run(Job(broken, format, "infer"), samples())
    assert "broken" in caught.value.what and caught.value.why and caught.value.next


def test_the_wrong_format_for_a_file_is_rejected() -> None:
    with pytest.raises(ArtifactRejected):
        LOCAL.run(Job(small("onnx").path, "tflite", "infer"), samples())


def test_missing_artifacts_and_directories(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        LOCAL.run(Job(tmp_path / "nothing.pte", "pte", "infer"), samples())
    with pytest.raises(FileUnreadable):
        LOCAL.run(Job(tmp_path, "pte", "infer"), samples())


@pytest.mark.parametrize("format", FORMATS)
def test_an_input_of_the_wrong_size_is_refused(format: Format) -> None:
    with pytest.raises(RunnerFailed):
        LOCAL.run(job(format), [(images(1)[:, :, :32],)])


def test_the_wrong_number_of_inputs_is_refused() -> None:
    with pytest.raises(RunnerFailed, match="takes 1 inputs"):
        LOCAL.run(job("tflite"), [(images(1), images(1))])


def test_without_samples_an_artifact_is_only_opened() -> None:
    run = LOCAL.run(job("tflite"), ())
    assert run.outputs == () and run.report.first_ns is None and run.report.inputs == small("tflite").inputs


def test_memory_grows_with_the_weights() -> None:
    """Two layers of 2000 x 2000 floats are 32 MB that the small network does not have."""
    wide = torch.nn.Sequential(torch.nn.Linear(7, 2000), torch.nn.Linear(2000, 2000), torch.nn.Linear(2000, 2000))
    path = directory() / "wide.onnx"
    torch.onnx.export(wide, (torch.zeros(1, 7),), path, dynamo=False)
    little = LOCAL.run(job("onnx", "memory", runs=3), samples()).report.memory
    much = LOCAL.run(Job(path, "onnx", "memory", runs=3), [(np.ones((1, 7), np.float32),)]).report.memory
    assert little is not None and much is not None
    assert much.peak_rss_kb - much.idle_rss_kb > little.peak_rss_kb - little.idle_rss_kb + 30_000
    for memory in (little, much):
        assert memory.idle_rss_kb <= memory.load_rss_kb <= memory.peak_rss_kb
        assert memory.last_rss_kb <= memory.peak_rss_kb and (memory.pss_kb or 0) > 0


def test_a_cadence_spaces_the_runs_and_counts_the_late_ones() -> None:
    session = runtime("tflite").load(small("tflite").path, 1)
    sample = [images(1).transpose(0, 2, 3, 1).copy()]
    session.feed(sample)
    session.invoke()
    spaced = job("tflite", "time", runs=5, every_ns=40_000_000)
    start = time.perf_counter()
    turn = measuring.Turn(session, sample, session.read())
    (timing, _), = measuring.time_runs([turn], spaced, lambda _stage: None)
    assert time.perf_counter() - start >= 0.16
    assert len(timing.samples_ns) == 5
    (hurried, _), = measuring.time_runs([turn], replace(spaced, every_ns=1), lambda _stage: None)
    assert hurried.late == 4
