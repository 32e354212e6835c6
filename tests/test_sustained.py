"""Minutes without a pause: the curve is whole or says why not, and its ends are what was measured."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostdeploy.benchmark import load_all
from ghostdeploy.benchmark.run import bench
from ghostdeploy.benchmark.sustained import LEAST_SLICES, per_second, summed
from ghostdeploy.device.base import DeviceState
from ghostdeploy.errors import UsageError
from ghostdeploy.report.page import page
from tests.commands import ghostdeploy

STATE = DeviceState((None,), None, None, None)


@given(st.lists(st.integers(1, 10**9), min_size=1), st.integers(0, 10**9))
def test_throughput_is_runs_over_their_time_or_the_cadence(samples: list[int], every_ns: int) -> None:
    kept = summed(0.0, samples, every_ns, STATE)
    found = per_second([kept])
    assert found <= 1e9 / every_ns * (1 + 1e-9) if every_ns else found > 0
    assert kept.median_ms <= kept.p90_ms * (1 + 1e-9) and kept.p90_ms * 1e6 <= max(samples) * (1 + 1e-9)
    assert found * sum(max(ns, every_ns) for ns in samples) == pytest.approx(len(samples) * 1e9)


def test_a_curve_covers_its_minutes_and_is_kept(tiny_bundle: Path, tmp_path: Path) -> None:
    """Three seconds of the command itself."""
    ended = ghostdeploy("bench", str(tiny_bundle / "model.fp32.tflite"), "--device", "local", "--rounds", "1", "--runs",
                        "20", "--sustained", "0.05", "-o", str(tmp_path / "r.json"))
    result, = load_all(tmp_path / "r.json")
    curve = result.sustained
    assert curve is not None and curve.ended is None
    starts = [each.at_s for each in curve.slices]
    assert len(starts) >= LEAST_SLICES and starts == sorted(starts) and starts[0] < 1
    assert starts[-1] + curve.slices[-1].seconds > 2
    first, last = (each.runs / each.seconds for each in (curve.slices[0], curve.slices[-1]))
    assert (curve.start_per_s, curve.end_per_s) == pytest.approx((first, last))
    assert "without a pause: minute" in ended.stdout
    assert "inferences a second at the start" in ended.stdout
    assert 'id="sustained-0"' in page([result])


def test_at_a_cadence_throughput_is_what_the_app_asks_for(tiny_bundle: Path) -> None:
    result, = bench(tiny_bundle / "model.fp32.tflite", rounds=1, runs=6, every_ms=50, sustained_minutes=0.03)
    assert result.sustained is not None
    assert result.sustained.start_per_s == pytest.approx(20, rel=0.05)


def test_what_was_measured_before_the_device_failed_stands(tiny_bundle: Path, tmp_path: Path) -> None:
    """The artifact goes away in the middle."""
    artifact = tmp_path / "model.tflite"
    shutil.copy(tiny_bundle / "model.fp32.tflite", artifact)
    stages: list[str] = []

    class Watching:
        def stage(self, name: str) -> None:
            stages.append(name)
            if "without a pause" in name:
                threading.Timer(3.0, artifact.unlink).start()

        def note(self, text: str) -> None:
            stages.append(text)

    result, = bench(artifact, rounds=1, runs=6, sustained_minutes=0.5, progress=Watching())
    assert result.sustained is not None
    assert result.sustained.ended is not None and "no such artifact" in result.sustained.ended
    assert len(result.sustained.slices) >= 1
    assert any("ends early" in told for told in stages)
    assert result.summary.median_ms > 0


@pytest.mark.parametrize("minutes", [-1.0, float("nan"), 241.0, float("inf")])
def test_minutes_out_of_range_are_refused(tiny_bundle: Path, minutes: float) -> None:
    with pytest.raises(UsageError, match="--sustained"):
        bench(tiny_bundle / "model.fp32.tflite", sustained_minutes=minutes)


def test_a_curve_without_a_beginning_says_why_and_the_rounds_stand(tiny_bundle: Path, tmp_path: Path) -> None:
    """The artifact goes away before the first slice."""
    artifact = tmp_path / "model.tflite"
    shutil.copy(tiny_bundle / "model.fp32.tflite", artifact)

    class Removing:
        def stage(self, name: str) -> None:
            if "without a pause" in name:
                artifact.unlink()

        def note(self, text: str) -> None:
            pass

    result, = bench(artifact, rounds=1, runs=6, sustained_minutes=0.01, progress=Removing())
    assert result.sustained is None and result.summary.median_ms > 0
    reason = next(reason for reason in result.summary.reasons if reason.code == "curve-missing")
    assert "no such artifact" in reason.text and not reason.invalidates
