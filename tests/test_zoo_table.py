"""`ghostdeploy table`: exports, measures, writes, and goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghostdeploy.benchmark.result import load_all
from ghostdeploy.benchmark.run import Setting
from ghostdeploy.benchmark.zoo_run import SCRATCH, Measured, measure_zoo
from ghostdeploy.cli.table import incomplete
from ghostdeploy.errors import UsageError, WriteFailed
from ghostdeploy.report.zoo_table import markdown
from tests.commands import ghostdeploy

SETTING = Setting(runs=10, rounds=1)
WORDS = ("--device", "local", "--runs", "10", "--rounds", "1", "--format", "tflite")


def test_it_is_made_and_goes_on_where_it_was(tmp_path: Path) -> None:
    where = tmp_path / "table"
    ended = ghostdeploy("table", "--models", "shufflenet_v2_x1_0", *WORDS, "-o", where)
    assert ended.code == 0, ended.stderr
    (result,) = load_all(where / "shufflenet_v2_x1_0.json")
    assert result.model.weights == "random" and result.model.card == "shufflenet_v2_x1_0"
    text = (where / "table.md").read_text()
    assert "random weights: latency only" in text and f"{result.summary.median_ms:.2f} [" in text
    assert "<figure" in (where / "report.html").read_text()
    before = (where / "shufflenet_v2_x1_0.json").read_bytes()
    again = ghostdeploy("table", "--models", "shufflenet_v2_x1_0", *WORDS, "-o", where, "--json")
    assert (where / "shufflenet_v2_x1_0.json").read_bytes() == before and "kept" in again.stderr
    assert again.json["models"][0]["results"][0]["summary"]["median_ms"] == result.summary.median_ms


@pytest.mark.parametrize("other", [Setting(runs=11, rounds=1), Setting(runs=10, rounds=2),
                                   Setting(runs=10, rounds=1, threads=2), Setting(runs=10, rounds=1, cpus="1")])
def test_what_was_measured_otherwise_is_measured_again(tmp_path: Path, other: Setting) -> None:
    (first,) = measure_zoo(["shufflenet_v2_x1_0"], tmp_path, SETTING, ("tflite",))
    (second,) = measure_zoo(["shufflenet_v2_x1_0"], tmp_path, other, ("tflite",))
    assert first.results[0].session != second.results[0].session


def test_a_damaged_file_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "shufflenet_v2_x1_0.json").write_text('{"schema_version": 1')
    (tmp_path / SCRATCH / "half a bundle").mkdir(parents=True)      # what a run leaves that was killed outright
    (made,) = measure_zoo(["shufflenet_v2_x1_0"], tmp_path, SETTING, ("tflite",))
    assert made.results and json.loads((tmp_path / "shufflenet_v2_x1_0.json").read_text())["schema_version"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["shufflenet_v2_x1_0.json"]


def test_a_model_that_fails_does_not_take_the_others_along(tmp_path: Path) -> None:
    made = measure_zoo(["no-such-card", "shufflenet_v2_x1_0"], tmp_path, SETTING, ("tflite",))
    assert made[0] == Measured("no-such-card", (), made[0].failure) and made[0].failure and made[1].results
    assert "not measured: no-such-card" in markdown(made)


def test_what_every_model_would_meet_ends_the_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        measure_zoo(["shufflenet_v2_x1_0"], tmp_path, SETTING, ("nonsense",))        # type: ignore[arg-type]
    (tmp_path / "shufflenet_v2_x1_0.json").mkdir()
    with pytest.raises(WriteFailed):
        measure_zoo(["shufflenet_v2_x1_0"], tmp_path, SETTING, ("tflite",))


def test_a_table_with_holes_is_no_success() -> None:
    whole, hole = Measured("a", ()), Measured("b", (), "it has no lowering")
    assert incomplete([whole]) is None
    error = incomplete([whole, hole])
    assert error is not None and (error.code, error.exit_code) == ("table-incomplete", 5)
    assert "b: it has no" in error.why


def test_a_wrong_name_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    ghostdeploy("table", "--models", "nonsense", "-o", tmp_path / "t").assert_clean_error("model-unknown", 3)
    assert not (tmp_path / "t").exists()
