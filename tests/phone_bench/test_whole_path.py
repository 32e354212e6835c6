"""A benchmark that goes well: what it measures, what it records, and that the phone is as it was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.subject import Subject, subjects
from ghostdeploy.device.android.store import runtime_library
from ghostdeploy.device.phone import deploy, place
from ghostdeploy.device.phone.device import opened
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.phone_errors import DeviceNotReady, DeviceUnsuitable, RuntimeRejected
from tests.adb.ways import direct
from tests.phone import root
from tests.phone_bench.bench import SHORT, WILLING, Bench, without, words
from tests.small_artifacts import small


def test_both_runtimes_and_everything_as_it_was(phone: Bench, tiny_bundle: Path, tmp_path: Path) -> None:
    before = phone.desk.settings()
    results = phone.measure(*subjects(tiny_bundle), protocol=replace(SHORT, rounds=2))
    assert {result.runtime.name for result in results} == {"executorch", "tflite"}
    assert phone.desk.settings() == before
    assert phone.runs_left() == phone.runners() == ""
    for result in results:
        assert [len(measured.samples_ns) for measured in result.rounds] == [3, 3]
        assert result.parity is not None and result.parity.passed and result.memory is not None
        assert len(result.runtime.sha256 or "") == 64 and result.device.kind == "android"
        result.save(tmp_path / "result.json")
        assert Result.load(tmp_path / "result.json") == result


def test_nothing_outside_our_directory_is_written(phone: Bench, tiny_bundle: Path) -> None:
    """All that a phone's adb user can write is below `directory`; the scripted framework keeps its state there too."""
    ours = (phone.desk.directory / place.ROOT.lstrip("/"), phone.desk.directory / root.STATE)

    def files() -> dict[Path, tuple[int, int]]:
        found = (path for path in phone.desk.directory.rglob("*") if not any(path.is_relative_to(o) for o in ours))
        return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in found if path != ours[0].parent}

    before = files()
    phone.measure(*subjects(tiny_bundle))
    assert files() == before and len(before) > 100 and ours[0].is_dir()


def test_emulated_times_are_no_latency(phone: Bench, tflite: Subject) -> None:
    (result,) = phone.measure(tflite)
    assert result.device.emulated and not result.summary.valid
    assert "emulated" in {reason.code for reason in result.summary.reasons}
    assert [finding.name for finding in result.findings if finding.name == "EMULATOR"] and "EMULATOR" in words([result])


def test_conditions_are_recorded_with_what_became_of_them(phone: Bench, tflite: Subject) -> None:
    (result,) = phone.measure(tflite)
    found = {condition.name: condition for condition in result.conditions}
    assert found["battery-saver"].achieved == "achieved" and found["battery-saver"].restored
    assert found["screen"].achieved == "achieved"
    assert (found["other-apps"].wanted, found["other-apps"].after) == ("closed", "5 closed")
    assert found["cpu-affinity"].wanted == "unpinned"


def test_the_second_command_pushes_nothing(phone: Bench, tflite: Subject) -> None:
    phone.measure(tflite)
    pushed = len(phone.adbd.plan.happened), list(phone.adbd.opened)
    before = phone.shell(f"find {place.STORE} -type f | xargs stat -c '%n %Y %i'")
    phone.measure(tflite)
    assert phone.shell(f"find {place.STORE} -type f | xargs stat -c '%n %Y %i'") == before != ""
    assert len(phone.adbd.opened) > len(pushed[1])


def test_a_damaged_copy_on_the_phone_is_pushed_again(phone: Bench, tflite: Subject) -> None:
    phone.measure(tflite)
    phone.shell(f"for f in {place.STORE}/*/model.tflite; do echo spoilt >$f; done")
    (result,) = phone.measure(tflite)
    assert result.parity is not None and result.parity.passed


def test_pinned_to_the_fast_cores(phone: Bench, tflite: Subject) -> None:
    big = (4, 5, 6, 7)
    (result,) = phone.measure(tflite, protocol=replace(SHORT, cpus=big))
    assert result.rounds[0].cpus == big


def test_findings_refuse_unless_allowed(phone: Bench, tflite: Subject) -> None:
    before = phone.desk.settings()
    with pytest.raises(DeviceNotReady) as raised:
        phone.measure(tflite, wishes=without(WILLING, "EMULATOR"))
    assert "--allow EMULATOR" in raised.value.next
    assert phone.desk.settings() == before and phone.runs_left() == ""


def test_large_pages(phone: Bench, tiny_bundle: Path) -> None:
    phone.desk.state("page_size").write_text("16384\n")
    by_format = {found.model.format: found for found in subjects(tiny_bundle)}
    with pytest.raises(DeviceUnsuitable) as raised:
        phone.measure(by_format["tflite"])
    assert "pages of 16384" in raised.value.why and "--runtime" in raised.value.next
    assert phone.shell(f"find {place.STORE} -name '*tflite*' 2>/dev/null") == ""      # found out before pushing
    (result,) = phone.measure(by_format["pte"])
    assert result.device.page_size == 16384


@pytest.mark.parametrize(("old", "new", "said"), [
    ("ro.build.version.sdk=34", "ro.build.version.sdk=25", "API 26"),
    ("arm64-v8a", "armeabi-v7a", "armeabi-v7a")])
def test_phones_that_cannot_run_it(phone: Bench, tflite: Subject, old: str, new: str, said: str) -> None:
    phone.desk.edit("props", old, new)
    with pytest.raises(DeviceUnsuitable) as raised:
        phone.measure(tflite)
    assert said in f"{raised.value.what} {raised.value.why}" and raised.value.next


def test_a_format_that_phones_do_not_take(phone: Bench) -> None:
    (found,) = subjects(small("onnx").path)
    with pytest.raises(ArtifactRejected, match="cannot run on a phone"):
        phone.measure(found)


def test_nothing_is_closed_for_what_cannot_be_measured(phone: Bench, tiny_bundle: Path) -> None:
    """All of it is found out first: apps that are stopped stay stopped."""
    phone.desk.state("page_size").write_text("16384\n")
    with pytest.raises(DeviceUnsuitable):
        phone.measure(*subjects(tiny_bundle))
    assert phone.desk.changed_by() == []


def test_a_library_of_ones_own_serves_its_own_format(phone: Bench, tiny_bundle: Path, tmp_path: Path) -> None:
    given = tmp_path / "app.so"
    shutil.copy(runtime_library("tflite", "arm64-v8a").path, given)
    with opened(direct(phone.adbd), given) as device:
        found = measure(subjects(tiny_bundle), device, SHORT, wishes=WILLING)
    assert {result.model.format: result.runtime.name for result in found} == {"pte": "executorch", "tflite": "tflite"}
    assert all(result.parity is not None and result.parity.passed for result in found)


def test_a_library_that_is_none(phone: Bench, tflite: Subject, tmp_path: Path) -> None:
    for name, content in (("x.so", b"\x7fELF"), ("x.aar", b"PK")):
        (tmp_path / name).write_bytes(content)
        with opened(direct(phone.adbd), tmp_path / name) as device, pytest.raises(RuntimeRejected):
            measure([tflite], device, SHORT, wishes=WILLING)


def test_room_is_made_without_taking_what_is_in_use(phone: Bench, tflite: Subject,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone tells of no room at all, until something was removed."""
    phone.shell(f"mkdir -p {place.STORE}/{'0' * 64} {place.STORE}/keep-me")
    free = iter([0, 10**9, 0, 10**9])
    monkeypatch.setattr(place, "free_space_kb", lambda link: next(free))
    monkeypatch.setattr(deploy, "free_space_kb", lambda link: next(free))
    (result,) = phone.measure(tflite)
    assert result.parity is not None and result.parity.passed
    assert "0" * 64 not in phone.shell(f"ls {place.STORE}") and "keep-me" in phone.shell(f"ls {place.STORE}")
