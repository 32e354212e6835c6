"""The calibration on a real machine: what it runs, counts and says. Whether this machine is quiet is chance."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.calibration import Trial, agreeing, markdown
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.comparison.verdict import judge
from tests.commands import ROOT
from tests.small_artifacts import small
from tests.test_comparison import STEADY, scaled


def at(low: float, high: float) -> object:
    return replace(STEADY, summary=replace(STEADY.summary, interval_ms=(low, high)))


def test_results_that_followed_each_other_agree_where_their_intervals_meet() -> None:
    assert agreeing([at(1, 2), at(2, 3), at(3.5, 4), at(3, 3.6)]) == 2      # type: ignore[list-item]


def test_every_comparison_is_counted_and_shown() -> None:
    trials = [Trial(STEADY, judge(STEADY, scaled(factor)), judge(STEADY, scaled(factor * 1.03)))
              for factor in (1.0, 1.0, 0.9)]
    text = markdown(trials, Protocol(rounds=7))
    assert "against its own copy it was called: same 2 times, faster 1 times" in text
    assert "(computed of the same rounds): slower 2 times, faster 1 times" in text
    assert text.count("| same | slower |") == 2 and "2 of 2 times" in text


def test_the_program_measures_the_artifact_and_its_copy(tmp_path: Path) -> None:
    words = [str(small("tflite").path), "--comparisons", "2", "--rounds", "2", "--runs", "6", "-o", "out/c.md"]
    ended = subprocess.run([sys.executable, "-m", "benchmarks.calibration", *words], cwd=tmp_path, capture_output=True,
                           text=True, env={"PYTHONPATH": str(ROOT)}, timeout=300)
    assert ended.returncode in (0, 5), ended.stderr     # 5: this machine told a thing from itself
    assert (tmp_path / "out" / "c.md").read_text() == ended.stdout and "2 comparisons of 2 rounds" in ended.stdout
    assert (ended.returncode == 5) == ("slower" in _first(ended.stdout) or "faster" in _first(ended.stdout))


def _first(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("- against its own copy"))


@pytest.mark.parametrize(("program", "words", "code"), [
    ("calibration", ["--cpus", "x"], 2), ("calibration", ["nothing-here"], 3), ("roofline", ["--cpus", "x"], 2),
    ("roofline", ["--cpus", "f0000000000"], 4), ("roofline", ["--models", "nonsense"], 3)])
def test_bad_input_is_a_sentence(program: str, words: list[str], code: int) -> None:
    ended = subprocess.run([sys.executable, "-m", f"benchmarks.{program}", *words], cwd=ROOT, capture_output=True,
                           text=True, timeout=120)
    assert ended.returncode == code and "Traceback" not in ended.stderr and "error" in ended.stderr
