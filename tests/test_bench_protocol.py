"""The protocol on real artifacts: interleaving, completeness, golden outputs, and inputs of bare files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.benchmark import Protocol, measure, photo_input
from ghostdeploy.benchmark.protocol import orders
from ghostdeploy.benchmark.run import _counts, bench
from ghostdeploy.benchmark.sniffing import sniff
from ghostdeploy.benchmark.subject import Golden, Subject, bare, subjects
from ghostdeploy.device.base import Core
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, DeviceNotFound, FileMissing, RunnerFailed, UsageError
from ghostdeploy.lowering.artifact import Format, TensorSpec
from tests.small_artifacts import FORMATS, answers, directory, images, small

LOCAL = LocalDevice()
QUICK = Protocol(runs=9, rounds=2, warm_up=WarmUpRule(min_runs=1, min_ns=0, max_ns=1))


def subject(format: Format, output: np.ndarray | None = None) -> Subject:
    """An artifact with a photo and, unless another is given, its true answer."""
    found = bare(small(format).path, format)
    wanted = answers(images(1)) if output is None else output
    return replace(found, sample=(images(1),), golden=Golden(wanted, 1e-5))


@given(st.integers(1, 12), st.integers(1, 9))
def test_every_round_measures_everything_once(count: int, rounds: int) -> None:
    drawn = list(islice(orders(count, "seed"), rounds))
    assert all(sorted(indices) == list(range(count)) for indices in drawn)
    assert drawn == list(islice(orders(count, "seed"), rounds))


def test_each_of_two_artifacts_is_first_in_about_half_of_the_rounds() -> None:
    first = [indices[0] for indices in islice(orders(2, "any"), 1000)]
    assert 430 < sum(first) < 570       # four standard deviations and more
    assert list(islice(orders(2, "one"), 20)) != list(islice(orders(2, "another"), 20))


def test_rounds_go_on_until_there_is_time_enough() -> None:
    (short,) = measure([subject("tflite")], LOCAL, replace(QUICK, rounds=1))
    each = sum(short.rounds[0].samples_ns)
    (long,) = measure([subject("tflite")], LOCAL, replace(QUICK, rounds=1, min_ns=20 * each))
    timed = [sum(r.samples_ns) for r in long.rounds]
    assert sum(timed) >= 20 * each > sum(timed[:-1]) and long.protocol.rounds == len(timed) > 1


def test_rigorous_is_mlperfs_rule_and_never_less_than_asked() -> None:
    assert Protocol().rigorous() == Protocol(runs=1024, rounds=7, min_ns=60_000_000_000)
    assert Protocol(runs=2000, rounds=9).rigorous() == Protocol(runs=2000, rounds=9, min_ns=60_000_000_000)


def test_measuring_interleaves_keeps_every_run_and_checks_the_output() -> None:
    results = measure([subject("tflite"), subject("onnx")], LOCAL, replace(QUICK, threads=(1, 2)))
    assert [(r.model.format, r.protocol.threads) for r in results] == [("tflite", 1), ("tflite", 2), ("onnx", 1),
                                                                       ("onnx", 2)]
    positions = [[r.position for r in result.rounds] for result in results]
    assert sorted(p[0] for p in positions) == [0, 1, 2, 3] and sorted(p[1] for p in positions) == [4, 5, 6, 7]
    assert len({result.session for result in results}) == 1 and results[0].session
    for result in results:
        assert all(len(r.samples_ns) == 9 and r.stable for r in result.rounds)
        assert result.parity is not None and result.parity.passed and result.parity.inputs == 4
        assert result.memory is not None and result.summary.peak_mb is not None
        assert result.summary.interval_ms[0] <= result.summary.median_ms <= result.summary.interval_ms[1]
        assert result.summary.min_ms == min(min(r.samples_ns) for r in result.rounds) / 1e6
        assert {r.threads for r in result.rounds} == {result.protocol.threads}
        assert result.summary.load_ms > 0 and result.summary.first_ms > 0


def test_a_tampered_golden_output_invalidates_the_measurement() -> None:
    true = answers(images(1))
    off = true.copy()
    off[0, 3] += 1e-3 * np.abs(true).max()
    result = measure([subject("tflite", off)], LOCAL, QUICK)[0]
    assert not result.summary.valid and result.summary.grade == "D"
    assert "output-mismatch" in [reason.code for reason in result.summary.reasons]
    assert result.parity is not None and not result.parity.passed


def test_pinned_and_read_back() -> None:
    cpu = max(core.index for core in LOCAL.describe().cores)
    result = bench(small("tflite").path, runs=6, rounds=1, cpus=f"{1 << cpu:x}")[0]
    assert result.protocol.cpus == (cpu,) and all(r.cpus == (cpu,) for r in result.rounds)
    affinity = next(c for c in result.conditions if c.name == "cpu-affinity")
    assert (affinity.wanted, affinity.achieved, affinity.after) == (str(cpu), "achieved", str(cpu))


@pytest.mark.parametrize("options", [{"runs": 0}, {"rounds": 0}, {"threads": 0}, {"threads": ()}, {"runs": 10**9},
                                     {"every_ms": -1.0}, {"every_ms": float("nan")}, {"every_ms": float("inf")},
                                     {"every_ms": 1e30}, {"cpus": "fast"}])
def test_numbers_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        bench(small("tflite").path, **options)  # type: ignore[arg-type]


class NoMemoryPass(LocalDevice):
    """This machine, on which the memory pass of one format fails (as the kernel's killer would make it)."""

    def run(self, job: Job, samples: Sequence[Sequence[Array]]) -> Run:
        if job.task == "memory" and job.format == "onnx":
            raise RunnerFailed("the process was killed by SIGKILL")
        return super().run(job, samples)


def test_a_failed_memory_pass_costs_no_finished_round() -> None:
    tflite, onnx = measure([subject("tflite"), subject("onnx")], NoMemoryPass(), QUICK)
    assert tflite.memory is not None and tflite.summary.artifact_mb is not None
    assert onnx.memory is None and onnx.summary.artifact_mb is None and len(onnx.rounds) == 2
    (reason,) = [reason for reason in onnx.summary.reasons if reason.code == "memory-unknown"]
    assert "SIGKILL" in reason.text and not reason.invalidates
    Draft202012Validator(schemas.result()).validate(onnx.document())


def cores(*khz: int | None) -> list[Core]:
    return [Core(index, value) for index, value in enumerate(khz)]


def test_auto_is_one_two_four_and_the_fast_cores() -> None:
    assert _counts("auto", cores(*[None] * 8)) == (1, 2, 4, 8) and _counts("auto", cores(None)) == (1,)
    assert _counts("auto", cores(*[1800] * 4, *[2400] * 3, 2900)) == (1, 2, 4)
    assert _counts("auto", cores(*[1800] * 2, *[2400] * 3)) == (1, 2, 3, 4)
    assert _counts([2, 3], cores(None)) == (2, 3)


def test_auto_on_this_machine() -> None:
    count = len(LOCAL.describe().cores)
    found = bench(small("tflite").path, runs=6, rounds=1, threads="auto", keep_apps=True)
    assert [result.protocol.threads for result in found] == sorted({n for n in (1, 2, 4, count) if n <= count})
    apps = next(c for c in found[0].conditions if c.name == "other-apps")
    assert (apps.wanted, apps.achieved) == ("kept", "achieved")


def test_a_deadline_leaves_room_for_the_warm_up_of_a_slow_model() -> None:
    protocol = Protocol(runs=1)
    job = protocol.job(subject("tflite"), 1, "time")
    assert job.deadline_s > 1.9 * protocol.warm_up.fair_runs


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        bench()
    with pytest.raises(FileMissing):
        bench(tmp_path / "nothing")
    with pytest.raises(DeviceNotFound):
        bench(small("tflite").path, device="R58M123ABC")
    with pytest.raises(AffinityRefused):
        bench(small("tflite").path, cpus="80000000")


@pytest.mark.parametrize("format", FORMATS)
def test_the_format_is_in_the_bytes_not_in_the_name(tmp_path: Path, format: Format) -> None:
    renamed = tmp_path / "model.bin"
    renamed.write_bytes(small(format).path.read_bytes())
    assert sniff(renamed) == format


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 40, b"\x89PNG\r\n\x1a\n", b"{}", b"\x08",
                                     b"\x80\x02}q\x00.", b"TFL3" + b"\0" * 20])
def test_what_is_no_artifact(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(ArtifactRejected, match=r"model\.tflite"):
        subjects(tmp_path / "model.tflite")


@pytest.mark.parametrize("format", FORMATS)
def test_a_bare_file_is_fed_a_photo_and_nothing_is_claimed(format: Format) -> None:
    found = subjects(small(format).path)[0]
    assert found.golden is None and found.model.weights == "unknown" and found.model.precision is None
    assert "photo chelsea, 64x64" in found.input
    assert found.sample[0].shape == (1, 3, 64, 64) and found.sample[0].std() > 0.3


def spec(shape: tuple[int, ...], dtype: str = "float32", layout: str = "nhwc", **more: object) -> TensorSpec:
    return TensorSpec("x", shape, dtype, layout, **more)  # type: ignore[arg-type]


def test_inputs_of_every_kind() -> None:
    (grey,), said = photo_input.sample((spec((1, 28, 30, 1)),))
    assert grey.shape == (1, 1, 28, 30) and "photo" in said
    (pixels,), said = photo_input.sample((spec((1, 32, 32, 3), "uint8"),))
    assert pixels.dtype == np.uint8 and pixels.max() > 100 and "pixel values" in said
    (quantised,), said = photo_input.sample((spec((1, 32, 32, 3), "int8", scale=0.02, zero_point=-5),))
    (real,), _ = photo_input.sample((spec((1, 32, 32, 3)),))
    assert quantised.dtype == np.int8 and "quantised" in said
    close = np.abs((quantised.astype(np.float32) + 5) * 0.02 - real)[(quantised > -128) & (quantised < 127)]
    assert close.max() <= 0.0101
    (vector,), said = photo_input.sample((spec((1, 12), layout="plain"),))
    assert vector.shape == (1, 12) and "is no image" in said
    (maps,), _ = photo_input.sample((spec((1, 8, 9, 40)),))
    assert maps.shape == (1, 40, 8, 9)


def test_a_model_that_takes_no_image_is_measured_on_noise_that_is_called_so() -> None:
    path = directory() / "vector.onnx"
    torch.onnx.export(torch.nn.Linear(12, 3), (torch.zeros(1, 12),), path, dynamo=False)
    result = bench(path, runs=6, rounds=1)[0]
    assert "is no image" in result.protocol.input and len(result.rounds[0].samples_ns) == 6
