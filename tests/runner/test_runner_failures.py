"""Bad input to the phone's programs: a document with stage and code, never a crash, never anything on stdout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ghostdeploy.device.android import report
from ghostdeploy.device.android.hosted import hosted
from ghostdeploy.device.android.pinned import RuntimeName
from ghostdeploy.errors import AffinityRefused, ArtifactRejected, GhostdeployError, RunnerFailed
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.phone_errors import RuntimeRejected
from tests.runner.android_run import Ended, run_words
from tests.small_artifacts import SIZE, small

BOTH: tuple[tuple[RuntimeName, Format], ...] = (("tflite", "tflite"), ("executorch", "pte"))
BYTES = 3 * SIZE * SIZE * 4


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "image"
    path.write_bytes(bytes(BYTES))
    return path


def refused(runtime: RuntimeName, words: list[str | Path], stage: str, code: str, error: type[GhostdeployError],
            directory: Path | None = None) -> Ended:
    """Run it natively; assert how it fails."""
    ended = run_words(runtime, "x86_64", words, directory=directory)
    failure = ended.document.failure
    assert failure is not None, ended.stderr
    assert (failure.stage, failure.code) == (stage, code)
    assert ended.status == 10
    assert ended.stdout == ""
    assert ended.outputs == b""
    assert type(report.error_of(ended.document)) is error
    return ended


@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_missing_model(runtime: RuntimeName, format: Format, image: Path) -> None:
    ended = refused(runtime, ["--model", "nowhere", "--input", image], "model", "model-unreadable", ArtifactRejected)
    assert "No such file" in str(ended.document.failure)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 4096, bytes(range(256)) * 64])
@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_no_model_at_all(runtime: RuntimeName, format: Format, content: bytes, image: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    code = "model-rejected" if content else "model-unreadable"
    refused(runtime, ["--model", path, "--input", image], "model", code, ArtifactRejected)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_truncated_model(runtime: RuntimeName, format: Format, share: float, image: Path, tmp_path: Path) -> None:
    data = small(format).path.read_bytes()
    path = tmp_path / "model"
    path.write_bytes(data[:int(len(data) * share)])
    refused(runtime, ["--model", path, "--input", image], "model", "model-rejected", ArtifactRejected)


@pytest.mark.parametrize("size", [0, 1, BYTES - 4, BYTES + 4, 2 * BYTES])
@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_wrong_input_size(runtime: RuntimeName, format: Format, size: int, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(size))
    code = "input-size" if size else "input-unreadable"
    ended = refused(runtime, ["--model", small(format).path, "--input", path], "inputs", code, RunnerFailed)
    if size:
        assert str(BYTES) in str(ended.document.failure)


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_wrong_number_of_inputs(runtime: RuntimeName, format: Format, count: int, image: Path) -> None:
    refused(runtime, ["--model", small(format).path, *["--input", image] * count], "inputs", "input-count",
            RunnerFailed)


@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_impossible_cpus(runtime: RuntimeName, format: Format, image: Path) -> None:
    refused(runtime, ["--model", small(format).path, "--input", image, "--cpus", "8000000000000000"], "cpus",
            "cpus-refused", AffinityRefused)


@pytest.mark.parametrize(("runtime", "format"), BOTH)
def test_cpus_of_which_some_are_missing(runtime: RuntimeName, format: Format, image: Path) -> None:
    """The kernel takes such a mask and drops what is missing: only reading it back tells."""
    refused(runtime, ["--model", small(format).path, "--input", image, "--runs", "0", "--warmup", "0",
                      "--cpus", "8000000000000001"], "reading back", "cpus-refused", AffinityRefused)


def test_missing_library(image: Path, tmp_path: Path) -> None:
    shutil.copytree(hosted("tflite", "x86_64").directory, tmp_path / "empty",
                    ignore=shutil.ignore_patterns("libtensorflowlite*"))
    refused("tflite", ["--model", small("tflite").path, "--input", image], "runtime", "library-missing",
            RuntimeRejected, tmp_path / "empty")


def test_library_that_is_none(image: Path) -> None:
    refused("tflite", ["--model", small("tflite").path, "--input", image, "--library", image], "runtime",
            "library-refused", RuntimeRejected)


def test_library_without_the_functions(image: Path) -> None:
    other = hosted("tflite", "x86_64").directory / "liblog.so"
    refused("tflite", ["--model", small("tflite").path, "--input", image, "--library", other], "runtime",
            "library-symbol", RuntimeRejected)


def test_missing_method(image: Path) -> None:
    refused("executorch", ["--model", small("pte").path, "--input", image, "--method", "backward"], "model",
            "method-missing", ArtifactRejected)


@pytest.mark.parametrize("words", [["--threads", "0"], ["--threads", "-1"], ["--threads", "99999999999999999999"],
                                   ["--runs", "ten"], ["--runs", " 1"], ["--cpus", "0"], ["--cpus", "0x1"],
                                   ["--cpus", "11111111111111111"], ["--warmup", "auto:0.1"], ["--warmup", "hot"],
                                   ["--warmup", "auto:0.1,0.005,0.04,40,30,1,1"],
                                   ["--warmup", "auto:0.1,0.005,nan,40,30,1,1,1"], ["--task", "sleep"],
                                   ["--every-ns", "1e9"], ["--input", ""], ["--frobnicate", "1"], ["--samples"]])
def test_bad_option(words: list[str]) -> None:
    refused("tflite", ["--model", "m", *words], "start", "option-bad", RunnerFailed)


def test_too_many_inputs(image: Path) -> None:
    refused("tflite", ["--model", "m", *["--input", image] * 17], "start", "option-bad", RunnerFailed)


def test_without_a_place_for_the_document() -> None:
    for words in ([], ["--model", "m"], ["--model", "m", "--result", "/nowhere/at/all"]):
        ended = hosted("tflite", "x86_64").run(*words)
        assert ended.returncode == 11
        assert ended.stdout == ""
        assert "--result FILE" in ended.stderr


def test_full_disk(image: Path) -> None:
    """The outputs do not fit; the document says so, and there is no half a file under the final name."""
    ended = hosted("tflite", "x86_64").run("--model", small("tflite").path, "--input", image, "--runs", "0", "--warmup",
                                           "0", "--result", image.parent / "result", "--output", "/dev/full/output")
    assert ended.returncode == 10
    from ghostdeploy.device.android.document import parse

    document = parse((image.parent / "result").read_bytes())
    assert document.failure is not None
    assert (document.failure.stage, document.failure.code) == ("writing outputs", "output-unwritable")
