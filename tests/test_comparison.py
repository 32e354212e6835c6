"""Comparisons: what is refused, what the verdict rests on, and how it is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from scipy import stats

import ghostdeploy
from ghostdeploy import schemas
from ghostdeploy.benchmark import save_all, statistics
from ghostdeploy.benchmark.grade import Reason
from ghostdeploy.benchmark.ratio import paired, unpaired
from ghostdeploy.benchmark.result import Result
from ghostdeploy.comparison.comparable import Difference
from ghostdeploy.comparison.run import compare_all
from ghostdeploy.comparison.verdict import judge
from ghostdeploy.errors import GhostdeployError, ResultInvalid, ResultsIncomparable, UsageError
from ghostdeploy.report.comparison import junit, markdown
from tests.synthetic_results import synthetic

BASE = synthetic()


def result(*medians_ms: float, session: str | None = "one run", **changes: Any) -> Result:
    """A valid result whose rounds have these medians."""
    rounds = tuple(replace(BASE.rounds[0], samples_ns=(round(m * 1e6),) * 3, outliers=()) for m in medians_ms)
    summary = replace(BASE.summary, valid=True, reasons=(), median_ms=float(np.median(medians_ms)))
    return replace(BASE, rounds=rounds, session=session, summary=summary, **changes)


MEDIANS_MS = (5.00, 5.01, 4.99, 5.02, 4.98, 5.00, 5.01)
STEADY = result(*MEDIANS_MS)


def scaled(factor: float, **changes: Any) -> Result:
    """`factor` times as slow as `STEADY`, give or take 0.2 % in each round."""
    noise = (1.001, 1.0, 0.999, 1.002, 0.998, 1.0, 1.0)
    return result(*(factor * m * n for m, n in zip(MEDIANS_MS, noise, strict=True)), **changes)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "same"), (1.005, "same"), (1.03, "slower"), (0.9, "faster"),
                                                 (1.019, "unstable")])
def test_the_verdict(factor: float, verdict: str) -> None:
    found = judge(STEADY, scaled(factor))
    assert found.verdict == verdict and found.interleaved and found.confidence == 0.95
    assert found.interval[0] <= found.ratio <= found.interval[1]
    assert bool(found.reasons) is (verdict == "unstable")


def test_turned_round_the_ratio_is_its_inverse_and_the_verdict_its_opposite() -> None:
    there, back = judge(STEADY, scaled(1.03)), judge(scaled(1.03), STEADY)
    assert there.ratio == pytest.approx(1 / back.ratio) and there.interval[0] == pytest.approx(1 / back.interval[1])
    assert (there.verdict, back.verdict) == ("slower", "faster")


def test_a_drift_that_both_share_is_no_difference() -> None:
    warming = [5.0 + 0.3 * i for i in range(7)]
    assert judge(result(*warming), result(*(m * 1.001 for m in warming))).verdict == "same"
    assert judge(result(*warming), result(*warming[::-1])).verdict == "unstable"


def test_an_interval_beyond_the_threshold_and_too_wide_to_tell_says_both() -> None:
    noise = (1.1, 1.2, 1.3, 1.5, 2.0, 2.5, 3.0)
    found = judge(STEADY, result(*(m * n for m, n in zip(MEDIANS_MS, noise, strict=True))))
    assert found.interval[0] > 1.02 and found.verdict == "unstable"
    assert "all of it beyond 2%" in found.reasons[0].text


def test_markdown_says_which_row_a_note_belongs_to() -> None:
    near = judge(STEADY, scaled(1.019))
    text = markdown([near, replace(near, b=replace(near.b, threads=2))])
    notes = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(notes) == 2 and notes[0] != notes[1] and "×2: the ratio may be" in notes[1]


def test_on_a_noisy_machine_only_a_large_difference_is_told() -> None:
    """Ratios like these in seven rounds were those of an artifact and its own copy."""
    noise = (0.84, 0.86, 0.90, 0.92, 0.93, 0.95, 0.98)
    apart = judge(STEADY, result(*(m * n for m, n in zip(MEDIANS_MS, noise, strict=True))))
    assert apart.interval[1] < 1 and apart.p_value is not None and apart.p_value < 0.05
    assert apart.verdict == "unstable" and apart.reasons[0].code == "interval-too-wide"
    assert judge(STEADY, result(*(m * n / 2 for m, n in zip(MEDIANS_MS, noise, strict=True)))).verdict == "faster"


@pytest.mark.parametrize(("medians", "advice"), [
    ((0.98, 0.99, 1.0, 1.0, 1.01, 1.02, 1.03), "about 22 --rounds should do, or close programs"),
    ((0.5, 0.8, 1.0, 1.0, 1.0, 1.4, 2.0), "even 200 --rounds would not do"),
    ((1.018, 1.019, 1.02, 1.02, 1.02, 1.021, 1.022), "as large as the --threshold itself; choose another"),
], ids=["noisy", "hopeless", "on the threshold"])
def test_an_undecided_comparison_says_what_would_decide_it(medians: tuple[float, ...], advice: str) -> None:
    found = judge(STEADY, result(*(m * r for m, r in zip(MEDIANS_MS, medians, strict=True))))
    assert found.verdict == "unstable" and advice in found.reasons[0].text


def test_results_of_two_runs_are_not_paired() -> None:
    found = judge(STEADY, scaled(1.03, session="another run"))
    assert not found.interleaved and found.method == "rank-sum" and found.verdict == "slower"
    assert [remark.code for remark in found.reasons] == ["not-interleaved"]
    assert not judge(replace(STEADY, session=None), replace(STEADY, session=None)).interleaved


def test_an_invalid_result_supports_no_verdict_across_runs() -> None:
    invalid = replace(scaled(1.5), summary=replace(BASE.summary, valid=False))
    assert judge(STEADY, invalid).verdict == "slower"
    apart = judge(STEADY, replace(invalid, session="another run"))
    assert apart.verdict == "unstable" and "invalid-result" in [remark.code for remark in apart.reasons]


def test_one_round_gives_no_verdict() -> None:
    found = judge(result(5.0), result(9.0))
    assert (found.verdict, found.p_value, found.reasons[0].code) == ("unstable", None, "one-round")


@pytest.mark.parametrize(("what", "other"), [
    ("device", replace(STEADY, device=replace(BASE.device, kind="android", serial="R58M123ABC"))),
    ("device", replace(STEADY, device=replace(BASE.device, soc="Another CPU"))),
    ("system", replace(STEADY, device=replace(BASE.device, os="Android 15"))),
    ("runtime", replace(STEADY, runtime=replace(BASE.runtime, version="1.3.0"))),
    ("threads", replace(STEADY, protocol=replace(BASE.protocol, threads=2))),
    ("CPUs", replace(STEADY, protocol=replace(BASE.protocol, cpus=(1,)))),
    ("cadence", replace(STEADY, protocol=replace(BASE.protocol, every_ns=33_000_000))),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_differs_in_more_than_the_artifact_is_refused(what: str, other: Result) -> None:
    with pytest.raises(ResultsIncomparable) as refused:
        ghostdeploy.compare(STEADY, other)
    assert what in refused.value.why and "--allow-differences" in refused.value.next
    found = ghostdeploy.compare(STEADY, other, allow_differences=True)
    assert [difference.what for difference in found.differences] == [what]
    assert "differences-allowed" in [remark.code for remark in found.reasons]


def test_a_measurement_is_not_compared_with_itself(tmp_path: Path) -> None:
    """The same file named twice says "same" for ever."""
    STEADY.save(tmp_path / "a.json")
    with pytest.raises(ResultsIncomparable, match="the same measurement"):
        ghostdeploy.compare(tmp_path / "a.json", tmp_path / "a.json")


def test_two_phones_of_one_model_are_two_devices() -> None:
    one, other = (replace(STEADY, device=replace(BASE.device, kind="android", serial=serial)) for serial in ("A", "B"))
    with pytest.raises(ResultsIncomparable, match="more than"):
        ghostdeploy.compare(one, other)


def test_emulated_times_are_never_compared() -> None:
    with pytest.raises(ResultsIncomparable, match="emulated"):
        ghostdeploy.compare(STEADY, replace(STEADY, device=replace(BASE.device, emulated=True)), allow_differences=True)


@pytest.mark.parametrize("code", ["output-mismatch", "output-unstable"])
def test_nobody_wins_by_being_wrong(code: Any) -> None:
    summary = replace(STEADY.summary, valid=False, reasons=(Reason(code, "2.0e-1 relative", True),))
    with pytest.raises(ResultsIncomparable, match="something else") as refused:
        ghostdeploy.compare(STEADY, replace(scaled(0.5), summary=summary), allow_differences=True)
    assert refused.value.why == "2.0e-1 relative"


def test_files_with_several_results_are_matched(tmp_path: Path) -> None:
    other = replace(scaled(1.0), model=replace(BASE.model, format="tflite"))
    save_all([STEADY, other], tmp_path / "a.json")
    save_all([replace(other, session="b"), scaled(1.03, session="b")], tmp_path / "b.json")
    found = compare_all(tmp_path / "a.json", tmp_path / "b.json")
    assert [each.verdict for each in found] == ["slower", "same"]
    with pytest.raises(ResultInvalid, match="2 pairs"):
        ghostdeploy.compare(tmp_path / "a.json", tmp_path / "b.json")
    save_all([STEADY, STEADY], tmp_path / "twice.json")
    with pytest.raises(ResultsIncomparable, match="alike"):
        compare_all(tmp_path / "twice.json", tmp_path / "a.json")
    save_all([replace(STEADY, model=replace(BASE.model, precision="int8"))], tmp_path / "int8.json")
    with pytest.raises(ResultsIncomparable, match="nothing of A"):
        compare_all(tmp_path / "int8.json", tmp_path / "a.json")


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.0, float("nan")])
def test_a_threshold_must_mean_something(threshold: float) -> None:
    with pytest.raises(UsageError):
        ghostdeploy.compare(STEADY, STEADY, threshold=threshold)


def test_regression_needs_certainty_and_size() -> None:
    assert judge(STEADY, scaled(1.05)).regressed(1.03)
    assert not judge(STEADY, scaled(1.025)).regressed(1.03)
    assert not judge(result(5.0), result(9.0)).regressed(1.03)


def test_junit_and_markdown_say_the_same_as_the_comparison() -> None:
    found = [judge(STEADY, scaled(1.05)), judge(STEADY, scaled(1.0)), judge(result(5.0), result(9.0))]
    suite = ElementTree.fromstring(junit(found, 1.03))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [case.find("failure") is not None for case in suite] == [True, False, False]
    assert ElementTree.fromstring(junit(found, None)).get("failures") == "0"
    rows = markdown(found).splitlines()
    assert [word in row for word, row in zip(("slower", "same", "unstable"), rows[2:5], strict=True)] == [True] * 3
    assert "1.050" in rows[2] and "take 7 --rounds" in rows[-1]


def test_names_that_would_break_a_table_or_xml() -> None:
    odd = replace(scaled(1.05), model=replace(BASE.model, file="a|b<&>.pte"))
    assert ElementTree.fromstring(junit([judge(STEADY, odd)], 1.03))[0].get("name") == "a|b<&>.pte over model.fp32.pte"
    assert "a\\|b" in markdown([judge(STEADY, odd)])


MEDIANS = st.lists(st.floats(0.5, 2.0), min_size=6, max_size=14)


@given(MEDIANS)
def test_the_sign_test_and_the_interval_agree(values: list[float]) -> None:
    logs = np.log(values)
    found, p = statistics.interpolated(logs), statistics.sign_test(logs)
    assert 0 < p <= 1
    if abs(p - 0.05) > 1e-6 and min(abs(found.low), abs(found.high)) > 1e-9:
        assert (p < 0.05) == (found.low > 0 or found.high < 0)


def test_the_sign_test_is_the_textbooks_where_nothing_is_interpolated() -> None:
    """All seven on one side: 2 / 2^7. One exactly at 0, the others above: as the next rank, 1 - 7/8."""
    assert statistics.sign_test(np.arange(1.0, 8.0)) == pytest.approx(stats.binomtest(7, 7).pvalue)
    assert statistics.sign_test(np.array([-1e-12, 1, 2, 3, 4, 5, 6.0])) == pytest.approx(stats.binomtest(7, 7).pvalue)
    assert statistics.sign_test(np.array([-1e12, 1, 2, 3, 4, 5, 6.0])) == pytest.approx(stats.binomtest(6, 7).pvalue)


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=12), st.lists(st.floats(0.5, 2.0), min_size=2, max_size=12))
def test_two_separate_runs(a: list[float], b: list[float]) -> None:
    found, back = unpaired(a, b), unpaired(b, a)
    assert found.value == pytest.approx(1 / back.value) and found.p_value == pytest.approx(back.p_value)
    if found.method == "rank-sum":
        assert found.low <= found.value <= found.high
        assert min(a) / max(b) * (1 - 1e-9) <= found.low and found.high <= max(a) / min(b) * (1 + 1e-9)


def test_student_and_welch_are_scipys() -> None:
    a, b = [5.0, 5.2, 5.1], [5.3, 5.6, 5.4]
    welch = stats.ttest_ind(np.log(a), np.log(b), equal_var=False)
    assert unpaired(a, b).p_value == pytest.approx(welch.pvalue)
    assert unpaired(a, b).low == pytest.approx(np.exp(welch.confidence_interval().low))
    student = stats.ttest_1samp(np.log(a) - np.log(b), 0)
    assert paired(a, b).p_value == pytest.approx(student.pvalue)


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(GhostdeployError) as missing:
        ghostdeploy.compare(tmp_path / "none.json", tmp_path / "none.json")
    assert missing.value.code == "file-missing"


def test_the_schema_is_a_schema_and_knows_every_document() -> None:
    Draft202012Validator.check_schema(schemas.comparison())
    validator = Draft202012Validator(schemas.comparison())
    documents = [judge(STEADY, scaled(factor)).document() for factor in (1.0, 1.5)]
    documents.append(judge(STEADY, STEADY, allowed=[Difference("device", "a", "b")]).document())
    for document in documents:
        validator.validate(document)
        for key in document:
            assert list(validator.iter_errors({k: v for k, v in document.items() if k != key}))
    validator.validate(judge(result(5.0), result(5.1)).document())
