"""Artifacts that share the process of a round: each is what it would be alone, and their ratio is steadier."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from ghostdeploy import export
from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.run import Setting
from ghostdeploy.benchmark.subject import Subject, subjects
from ghostdeploy.comparison.run import compare, compare_all
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import ArtifactRejected
from tests.randomise import randomise_norms
from tests.tiny import Tiny

QUICK = Protocol(runs=10, rounds=2)


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with other weights and another number of classes."""
    torch.manual_seed(7)
    directory = tmp_path_factory.mktemp("other") / "other"
    export(randomise_norms(Tiny(5)).eval(), directory, input_size=64)
    return directory


def of(bundle: Path, format: str) -> Subject:
    return next(subject for subject in subjects(bundle) if subject.model.format == format)


@pytest.mark.parametrize("format", ["pte", "tflite"])
def test_each_answers_for_itself(tiny_bundle: Path, other_bundle: Path, format: str) -> None:
    results = measure([of(tiny_bundle, format), of(other_bundle, format)], LocalDevice(), QUICK, company=2)
    for result in results:
        assert result.protocol.together == 2
        assert result.parity is not None and result.parity.passed
        assert not {"output-mismatch", "output-unstable"} & {reason.code for reason in result.summary.reasons}
        assert [len(r.samples_ns) for r in result.rounds] == [10, 10]
    assert results[0].session == results[1].session
    assert [r.position for r in results[0].rounds] == [r.position for r in results[1].rounds] == [0, 1]
    assert [r.samples_ns for r in results[0].rounds] != [r.samples_ns for r in results[1].rounds]


@pytest.mark.parametrize("format", ["pte", "tflite"])
def test_threads_of_one_are_not_counted_for_the_other(tiny_bundle: Path, other_bundle: Path, format: str) -> None:
    protocol = Protocol(runs=6, rounds=1, threads=(1, 2))
    results = measure([of(tiny_bundle, format), of(other_bundle, format)], LocalDevice(), protocol, company=2)
    assert [result.protocol.threads for result in results] == [1, 2, 1, 2]
    assert [result.model.bundle for result in results] == ["tiny", "tiny", "other", "other"]
    assert [{r.threads for r in result.rounds} for result in results] == [{1}, {2}, {1}, {2}]
    assert {result.protocol.together for result in results} == {2 if format == "pte" else 1}


def test_compare_lets_them_share_and_formats_apart(tiny_bundle: Path, other_bundle: Path) -> None:
    setting = Setting(runs=6, rounds=1)
    assert all(found.together for found in compare_all(tiny_bundle, other_bundle, setting=setting))
    apart = compare(tiny_bundle / "model.fp32.pte", tiny_bundle / "model.fp32.tflite", setting=setting,
                    allow_differences=True)
    assert apart.interleaved and not apart.together
    paced = compare(tiny_bundle / "model.fp32.pte", other_bundle / "model.fp32.pte",
                    setting=Setting(runs=6, rounds=1, every_ms=5))
    assert paced.interleaved and not paced.together      # an app has the core to itself between two runs


def test_what_a_runtime_does_not_take_is_named(tiny_bundle: Path, tmp_path: Path) -> None:
    """The second of the two, once it has been opened for its specs."""
    good, bad = of(tiny_bundle, "tflite"), tmp_path / "broken.tflite"
    shutil.copy(good.path, bad)
    broken = next(iter(subjects(bad)))
    bad.write_bytes(bad.read_bytes()[:2000])
    with pytest.raises(ArtifactRejected, match=r"broken\.tflite"):
        measure([good, broken], LocalDevice(), QUICK, company=2)
