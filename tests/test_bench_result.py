"""Results on disk, grades, and the judgement of synthetic measurements."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console

from ghostdeploy import schemas
from ghostdeploy.benchmark.grade import Evidence, judge
from ghostdeploy.benchmark.result import Result, load_all, save_all
from ghostdeploy.benchmark.statistics import Interval
from ghostdeploy.errors import FileMissing, FileUnreadable, ResultInvalid, WriteFailed
from ghostdeploy.report.terminal import histogram, render_results, sparkline
from tests.disks import small_disk
from tests.synthetic_results import synthetic


def evidence(width: float = 0.005, **changes: Any) -> Evidence:
    interval = Interval(1e6 * (1 - width / 2), 1e6 * (1 + width / 2), 0.95, "student-t-rounds")
    steady = Evidence(median=1e6, interval=interval, runs=100, converged=[True] * 5, stable=[True] * 5, mismatch=None,
                      threads=(1, 1), cpus=((1,), (1,)), outliers=(), late=0)
    return replace(steady, **changes)


@pytest.mark.parametrize(("width", "grade", "valid"), [(0.0, "A", True), (0.009, "A", True), (0.015, "B", True),
                                                       (0.04, "C", True), (0.06, "D", False), (3.0, "D", False)])
def test_the_grade_follows_the_interval(width: float, grade: str, valid: bool) -> None:
    judgement = judge(evidence(width))
    assert (judgement.grade, judgement.valid) == (grade, valid)
    assert [reason.code for reason in judgement.reasons] == ([] if valid else ["interval-wide"])


@pytest.mark.parametrize(("changes", "code", "valid", "worst"), [
    ({"mismatch": "2.0e-1 relative"}, "output-mismatch", False, "D"),
    ({"stable": [True, False]}, "output-unstable", False, "D"),
    ({"converged": [True, True, False]}, "warm-up-not-converged", False, "C"),
    ({"converged": [True]}, "one-round", True, "C"),
    ({"converged": [True], "runs": 5}, "runs-too-few", False, "D"),
    ({"threads": (1, 4)}, "threads-differ", False, "A"),
    ({"threads": (4, 1), "cpus": (None, (0, 1))}, "threads-differ", True, "A"),
    ({"threads": (4, 4), "cpus": ((0, 1), (0, 1))}, "cpus-too-few", False, "A"),
    ({"cpus": ((1,), (0, 1))}, "cpus-differ", False, "A"),
    ({"outliers": [("in rounds in which the process lost its core", 3)]}, "outliers", True, "A"),
    ({"throttled": ["clocks were lowered"]}, "throttled", False, "C"),
    ({"late": 1}, "deadlines-missed", True, "A"),
    ({"drift": 0.05}, "drift", True, "C"),
    ({"drift": -0.03}, "drift", True, "C"),
    ({"memory_failure": "the process was killed"}, "memory-unknown", True, "A"),
])
def test_each_reason(changes: dict[str, Any], code: str, valid: bool, worst: str) -> None:
    judgement = judge(evidence(**changes))
    assert code in [reason.code for reason in judgement.reasons]
    assert (judgement.grade, judgement.valid) == (worst, valid)
    assert all(len(reason.text) > 20 for reason in judgement.reasons)


@given(st.floats(0, 1), st.lists(st.booleans(), min_size=1, max_size=7), st.integers(1, 200))
def test_a_grade_is_never_better_for_worse_evidence(width: float, converged: list[bool], runs: int) -> None:
    judgement = judge(evidence(width, converged=converged, runs=runs))
    worse = judge(evidence(width + 0.03, converged=[*converged[:-1], False], runs=runs))
    assert worse.grade >= judgement.grade and worse.valid <= judgement.valid


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    result = synthetic()
    result.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json") == result
    assert os.listdir(tmp_path) == ["result.json"]
    Draft202012Validator(schemas.result()).validate(json.loads((tmp_path / "result.json").read_text()))


def test_several_results_in_one_file(tmp_path: Path) -> None:
    results = [synthetic(), synthetic(weights="random"), synthetic(golden=False)]
    save_all(results, tmp_path / "results.json")
    assert load_all(tmp_path / "results.json") == results
    with pytest.raises(ResultInvalid, match="holds 3 results"):
        Result.load(tmp_path / "results.json")


def test_the_schema_is_a_schema_and_names_every_field() -> None:
    Draft202012Validator.check_schema(schemas.result())
    document = synthetic().document()
    for key in document.keys() - {"session", "profile", "sustained"}:      # earlier results have none
        assert list(Draft202012Validator(schemas.result()).iter_errors({k: v for k, v in document.items() if k != key}))


def test_a_data_frame_has_every_run() -> None:
    measured = synthetic()
    frame = measured.to_dataframe()
    assert len(frame) == 100 and list(frame["ms"][:20]) == [ns / 1e6 for ns in measured.rounds[0].samples_ns]
    assert frame["outlier"].sum() == measured.summary.outliers and frame["counts"].all()
    assert frame.groupby("round")["ms"].median().median() == pytest.approx(measured.summary.median_ms)


SPOILERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another version": lambda d: d.update(schema_version=2),
    "an unknown key": lambda d: d.update(extra=1),
    "no rounds": lambda d: d.update(rounds=[]),
    "no samples": lambda d: d["rounds"][0].update(samples_ns=[]),
    "negative samples": lambda d: d["rounds"][0].update(samples_ns=[-1]),
    "fractional samples": lambda d: d["rounds"][0].update(samples_ns=[1.5]),
    "samples as text": lambda d: d["rounds"][0].update(samples_ns=["1"]),
    "outliers elsewhere": lambda d: d["rounds"][0].update(outliers=[10_000]),
    "a grade E": lambda d: d["summary"].update(grade="E"),
    "no hash": lambda d: d["model"].update(sha256="x"),
    "true for a number": lambda d: d["rounds"][0].update(late=True),
    "an interval of one": lambda d: d["summary"].update(interval_ms=[1.0]),
    "agreement above one": lambda d: d["parity"].update(top1_agreement=1.5),
    "a time beyond all": lambda d: d["rounds"][0]["samples_ns"].__setitem__(0, 10 ** 400),
    "a run that took no time": lambda d: d["rounds"][0]["samples_ns"].__setitem__(0, 0),
    "an interval beyond all": lambda d: d["summary"].update(interval_ms=[1.0, 1e308]),
    "a headline that is not its runs'": lambda d: d["summary"].update(median_ms=10 * d["summary"]["median_ms"]),
    "every run an outlier": lambda d: d["rounds"][0].update(outliers=list(range(len(d["rounds"][0]["samples_ns"])))),
    "no round that counts": lambda d: [r.update(discarded="throttled") for r in d["rounds"]],
    "a path for a kind": lambda d: d["device"].update(kind="../../etc"),
}


@pytest.mark.parametrize("spoil", SPOILERS)
def test_a_spoilt_result_is_refused(tmp_path: Path, spoil: str) -> None:
    document = copy.deepcopy(synthetic().document())
    SPOILERS[spoil](document)
    (tmp_path / "result.json").write_text(json.dumps(document))
    with pytest.raises(ResultInvalid):
        Result.load(tmp_path / "result.json")


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"3", b'{"results": []}', b'{"results": 3}',
                                     b"\xff\xfe\x00", b"[" * 100_000, b'{"schema_version": NaN}', b'"' + b"9" * 5000])
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(ResultInvalid):
        load_all(tmp_path / "result.json")


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        Result.load(tmp_path / "nothing.json")
    with pytest.raises(FileUnreadable):
        Result.load(tmp_path)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed):
        synthetic().save(tmp_path / "no" / "result.json")
    (tmp_path / "result.json").mkdir()
    with pytest.raises(WriteFailed):
        synthetic().save(tmp_path / "result.json")
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_full_disk_leaves_the_old_result(tmp_path: Path) -> None:
    with small_disk(tmp_path, "64k") as disk:
        synthetic().save(disk / "result.json")
        before = (disk / "result.json").read_bytes()
        with (disk / "rest").open("wb", buffering=0) as rest, suppress(OSError):
            while True:
                rest.write(b"\0" * 4096)
        with pytest.raises(WriteFailed):
            synthetic(seed=1).save(disk / "result.json")
        assert (disk / "result.json").read_bytes() == before
        assert sorted(os.listdir(disk)) == ["rest", "result.json"]


def test_a_special_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteFailed):
        synthetic().save(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def rendered(results: list[Result], width: int) -> str:
    stream = StringIO()
    render_results(Console(file=stream, width=width, color_system=None), results)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_says_what_the_result_says(width: int) -> None:
    result = synthetic(weights="random")
    text = rendered([result], width)
    assert f"{result.summary.median_ms:.2f}" in text and "model.fp32.pte" in text
    assert "random weights: only the latency means anything" in text
    assert "…" not in text.replace("min … p99", "")          # nothing was cut
    assert histogram(result) in text
    for reason in result.summary.reasons:
        assert reason.text in text


def test_the_report_says_when_nothing_was_checked() -> None:
    assert "was not checked" in rendered([synthetic(golden=False)], 100)
    assert "was not checked" not in rendered([synthetic()], 100)


def test_the_sparkline_follows_the_order_of_the_runs() -> None:
    made = synthetic()
    rising = [replace(r, samples_ns=tuple(1_000_000 * (1 + number) for _ in r.samples_ns))
              for number, r in enumerate(made.rounds)]
    assert sparkline(replace(made, rounds=tuple(rising)), 5) == "▁▃▅▆█"
    assert sparkline(replace(made, rounds=tuple(rising[:1])), 5) == "▁▁▁▁▁"


def test_the_histogram_shows_every_run() -> None:
    drawn = histogram(synthetic(), 8)
    assert len(drawn) == 8 and "█" in drawn
