"""`ghostdeploy compare` as a user types it: two files of results, two real artifacts measured beside each other."""

from __future__ import annotations

import inspect
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ghostdeploy.cli.compare import compare
from ghostdeploy.comparison.run import INTERLEAVED
from ghostdeploy.comparison.verdict import THRESHOLD
from tests.commands import ghostdeploy
from tests.small_artifacts import small
from tests.test_comparison import STEADY, scaled

QUICK = ("--device", "local", "--runs", "10", "--rounds", "2")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    STEADY.save(before)
    scaled(1.05).save(after)
    return before, after


def test_two_results(files: tuple[Path, Path], tmp_path: Path) -> None:
    ended = ghostdeploy("compare", *files)
    assert ended.code == 0 and "slower" in ended.stdout and "1.050" in ended.stdout
    document = ghostdeploy("compare", *files, "--json").json
    assert document["verdict"] == "slower" and document["ratio"] == pytest.approx(1.05, rel=0.01)
    assert document["interval"][0] <= document["ratio"] <= document["interval"][1] and document["reasons"] == []


def test_a_regression_ends_with_5_and_is_written_down(files: tuple[Path, Path], tmp_path: Path) -> None:
    outputs = ("--junit", tmp_path / "j.xml", "--markdown", tmp_path / "m.md")
    ended = ghostdeploy("compare", *files, "--fail-above", "1.03", *outputs)
    assert ended.code == 5 and "[regression]" in ended.stderr and "1.050" in ended.stderr
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("failures") == "1"
    assert "**slower**" in (tmp_path / "m.md").read_text()
    quiet = ghostdeploy("compare", *files, "--fail-above", "1.03", "--json")
    assert quiet.code == 5 and quiet.json["verdict"] == "slower"
    assert quiet.json["regressed"] is True and quiet.json["fail_above"] == 1.03
    assert ghostdeploy("compare", *files, "--fail-above", "1.10").code == 0


def test_without_a_verdict_it_fails_where_that_is_asked(files: tuple[Path, Path], tmp_path: Path) -> None:
    scaled(1.019).save(tmp_path / "near.json")
    words = ("compare", files[0], tmp_path / "near.json", "--fail-above", "1.03")
    assert ghostdeploy(*words).code == 0
    ended = ghostdeploy(*words, "--fail-unstable")
    assert ended.code == 5 and "[undecided]" in ended.stderr and "1 of 1 comparisons" in ended.stderr
    ended = ghostdeploy(*words, "--fail-unstable", "--json")
    assert ended.code == 5 and ended.json["verdict"] == "unstable" and ended.json["regressed"] is False


def test_what_cannot_be_compared(files: tuple[Path, Path], tmp_path: Path) -> None:
    replace(STEADY, protocol=replace(STEADY.protocol, threads=2)).save(tmp_path / "two.json")
    ended = ghostdeploy("compare", files[0], tmp_path / "two.json")
    assert ended.code == 3 and "[results-incomparable]" in ended.stderr and "threads: 1 against 2" in ended.stderr
    assert ghostdeploy("compare", files[0], tmp_path / "two.json", "--allow-differences").code == 0
    mixed = ghostdeploy("compare", files[0], small("tflite").path, *QUICK)
    assert mixed.code == 2 and "[usage]" in mixed.stderr


@pytest.mark.parametrize(("words", "code"), [(("--fail-above", "0.5"), 2), (("--threshold", "0"), 2),
                                             (("--threads", "x"), 2), (("--junit", "/no/such/place/j.xml"), 3)])
def test_options_that_mean_nothing(files: tuple[Path, Path], words: tuple[str, ...], code: int) -> None:
    ended = ghostdeploy("compare", *files, *words)
    assert ended.code == code and "Traceback" not in ended.stderr


def test_two_artifacts_are_measured_beside_each_other(tmp_path: Path) -> None:
    again = shutil.copy(small("tflite").path, tmp_path / "again.tflite")
    document = ghostdeploy("compare", small("tflite").path, again, *QUICK, "--json").json
    assert document["interleaved"] and document["a"]["sha256"] == document["b"]["sha256"]
    assert (document["a"]["rounds"], document["b"]["rounds"], document["method"]) == (2, 2, "student-t")


def test_two_bundles_are_matched_by_format(tiny_bundle: Path) -> None:
    documents = ghostdeploy("compare", tiny_bundle, tiny_bundle, *QUICK, "--json").json["comparisons"]
    assert [document["a"]["file"].rsplit(".")[-1] for document in documents] == ["pte", "tflite"]


def test_another_runtime_is_another_question() -> None:
    ended = ghostdeploy("compare", small("pte").path, small("tflite").path, *QUICK)
    assert ended.code == 3 and "runtime" in ended.stderr


def test_the_options_have_the_librarys_defaults() -> None:
    """Written down twice: `--help` must not import the library."""
    defaults = {name: p.default for name, p in inspect.signature(compare).parameters.items()}
    assert (defaults["rounds"], defaults["runs"]) == (INTERLEAVED.rounds, INTERLEAVED.runs)
    assert defaults["threshold"] == THRESHOLD
