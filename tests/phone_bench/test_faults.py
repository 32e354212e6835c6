"""What goes wrong on the way: a clear error or none, the phone as it was, nothing left behind, nothing hung."""

from __future__ import annotations

import _thread
import os
import platform
import subprocess
import time
from dataclasses import replace

import pytest

from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.phone import place
from ghostdeploy.device.phone.restoring import recover
from ghostdeploy.errors import DeviceError, GhostdeployError, RunnerFailed
from ghostdeploy.phone_errors import DeviceBusy, DeviceNotReady, DeviceRebooted, PullFailed, PushFailed
from ghostdeploy.progress import SILENT, Silent
from tests.adb.fake import Fault
from tests.phone_bench.bench import LONG, WILLING, Bench, until

LONGEST_S = 60.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def healthy(phone: Bench, before: dict[str, str]) -> None:
    """The phone is as it was; what could not be put back at once is put back by the next command."""
    phone.heal()
    with phone.device() as device:
        recover(device.link, SILENT)
    assert phone.desk.settings() == before
    assert phone.runs_left() == phone.runners() == ""


# Where the connection breaks, by what goes over it then; a benchmark may survive it or end with an error.
CUTS = [Fault("connect", "cut"), Fault("shell", "cut", only="getprop"), Fault("shell", "cut", only="settings put"),
        Fault("shell", "cut", only="am force-stop"), Fault("push", "cut", only="gd_runner", after=3000),
        Fault("push", "cut", only="input0", after=100), Fault("shell", "cut", only="setsid"),
        Fault("shell", "cut", only="echo running"), Fault("pull", "cut", only="result", after=10),
        Fault("pull", "cut", only="output"), Fault("shell", "cut", only="rm -rf"), Fault("open", "refuse", nth=9)]


@pytest.mark.parametrize("fault", CUTS, ids=lambda fault: f"{fault.stage}-{fault.what}-{fault.only or fault.nth}")
def test_a_cut(phone: Bench, tflite: Subject, fault: Fault) -> None:
    before, started = phone.desk.settings(), time.monotonic()
    phone.fail(fault)
    error = None
    try:
        (result,) = phone.measure(tflite)
        assert result.parity is not None and result.parity.passed
    except DeviceError as caught:
        error = caught
    assert error is None or (error.what and error.next)
    assert phone.adbd.plan.happened == [fault], "the fault did not happen: the test shows nothing"
    assert time.monotonic() - started < LONGEST_S
    healthy(phone, before)


def test_a_cut_while_it_measures_is_survived(phone: Bench, tflite: Subject) -> None:
    before = phone.desk.settings()

    def replug() -> None:
        phone.adbd.unplug()
        phone.adbd.plug_in()

    with phone.meanwhile(replug):
        (result,) = phone.measure(tflite, protocol=replace(LONG, runs=300))
    assert len(result.rounds[0].samples_ns) == 300
    healthy(phone, before)


@pytest.mark.parametrize(("fault", "error", "said"), [
    (Fault("push", "fail", only="model.tflite"), PushFailed, "No space left on device"),
    (Fault("push", "deaf", only="gd_runner", after=1000), PushFailed, "No space left on device"),
    (Fault("push", "flip", only="model.tflite", after=500), PushFailed, "hash"),
    (Fault("push", "fail", only="input0", text="Read-only file system"), PushFailed, "Read-only file system"),
    (Fault("pull", "fail", only="result", text="Permission denied"), RunnerFailed, "Permission denied"),
    (Fault("pull", "fail", only="output", text="Permission denied"), PullFailed, "Permission denied")],
    ids=lambda value: f"{value.stage}-{value.what}-{value.only}" if isinstance(value, Fault) else "")
def test_what_the_phone_refuses_is_said_in_its_words(phone: Bench, tflite: Subject, fault: Fault,
                                                     error: type[GhostdeployError], said: str) -> None:
    before = phone.desk.settings()
    phone.fail(fault)
    with pytest.raises(error) as raised:
        phone.measure(tflite)
    assert said in f"{raised.value.what} {raised.value.why}" and raised.value.next
    assert phone.shell(f"find {place.ROOT} -name '*.part'") == ""
    healthy(phone, before)


@pytest.mark.parametrize(("signal", "said"), [("SEGV", "SIGSEGV"), ("ILL", "SIGILL"), ("KILL", "memory"),
                                              ("BUS", "SIGBUS"), ("ABRT", "SIGABRT")])
def test_a_program_that_dies(phone: Bench, tflite: Subject, signal: str, said: str) -> None:
    before = phone.desk.settings()

    def kill() -> None:
        phone.shell(f"pkill -{signal} -f '^[^ ]*qemu.*gd_runner'")

    with phone.meanwhile(kill), pytest.raises(RunnerFailed) as raised:
        phone.measure(tflite, protocol=LONG)
    assert said in f"{raised.value.what} {raised.value.why}" and "stage: timed runs" in raised.value.why
    assert raised.value.next
    healthy(phone, before)


def test_a_system_that_kills_the_whole_session(phone: Bench, tflite: Subject) -> None:
    with phone.meanwhile(lambda: phone.shell("pkill -KILL -f gd_runner") and None), \
            pytest.raises(RunnerFailed, match="without a document") as raised:
        phone.measure(tflite, protocol=LONG)
    assert "memory" in raised.value.why


@pytest.mark.parametrize("content", ["", "garbage", "ghostdeploy-runner 1 9 " + "0" * 64 + "\n{\"ok\": 1}",
                                     "ghostdeploy-runner 2 2 0\n{}"])
def test_a_document_that_is_none(phone: Bench, tflite: Subject, content: str) -> None:
    def spoil() -> None:
        phone.shell(f"cd {place.RUNS}/* && printf '%s' '{content}' >result.part && mv result.part result"
                    " && echo 0 >rc.part && mv rc.part rc")

    with phone.meanwhile(spoil), pytest.raises(RunnerFailed, match="damaged"):
        phone.measure(tflite, protocol=LONG)
    assert phone.runs_left() == phone.runners() == ""


def test_a_reboot_in_the_middle(phone: Bench, tflite: Subject) -> None:
    boot_id = phone.desk.directory / "proc/sys/kernel/random/boot_id"
    then = boot_id.read_text()
    try:
        with phone.meanwhile(lambda: boot_id.write_text("00000000-0000-4000-8000-000000000000\n") and None), \
                pytest.raises(DeviceRebooted):
            phone.measure(tflite, protocol=LONG)
    finally:
        boot_id.write_text(then)
    assert phone.runs_left() == phone.runners() == ""


def test_a_phone_that_throttles_makes_its_round_again(phone: Bench, tflite: Subject) -> None:
    class Cooling(Silent):
        def note(self, text: str) -> None:
            if text.startswith("made again"):
                phone.desk.edit("thermalservice", "Thermal Status: 2", "Thermal Status: 0")

    with phone.meanwhile(lambda: phone.desk.edit("thermalservice", "Thermal Status: 0", "Thermal Status: 2")):
        (result,) = phone.measure(tflite, protocol=replace(LONG, runs=100), progress=Cooling())
    assert [bool(measured.discarded) for measured in result.rounds] == [True, False]
    assert "thermal" in (result.rounds[0].discarded or "").lower() and result.rounds[1].position == 1


def test_a_phone_that_stays_too_warm(phone: Bench, tflite: Subject) -> None:
    before = phone.desk.settings()
    phone.desk.edit("battery", "temperature: 286", "temperature: 431")
    with pytest.raises(DeviceNotReady) as raised:
        phone.measure(tflite, wishes=replace(WILLING, cool_down_s=0.5))
    assert "THERMAL" in f"{raised.value.what} {raised.value.next}"
    phone.desk.edit("battery", "temperature: 431", "temperature: 286")
    healthy(phone, before)


def test_ctrl_c_while_it_measures(phone: Bench, tflite: Subject) -> None:
    before = phone.desk.settings()
    with phone.meanwhile(_thread.interrupt_main), pytest.raises(KeyboardInterrupt):
        phone.measure(tflite, protocol=LONG)
    assert phone.desk.settings() == before
    assert phone.runs_left() == phone.runners() == ""


def test_a_host_that_died_is_cleaned_up_after(phone: Bench, tflite: Subject) -> None:
    """What kill -9 leaves: a lock, a run directory with a dead process, and one whose process goes on."""
    phone.measure(tflite)
    gone = subprocess.Popen(["true"])
    gone.wait()
    phone.shell(f"echo $(cat {BOOT_ID}) 999999999 {platform.node()} {gone.pid} >{place.ROOT}/lock")
    phone.shell(f"cd {place.RUNS} && mkdir 00112233445566aa && echo 999999 >00112233445566aa/pid")
    phone.shell(f"mkdir {place.RUNS}/00112233445566bb"
                " && (setsid sh -c 'sleep 1000; : /00112233445566bb' </dev/null >/dev/null 2>&1 &)")
    until(lambda: "/00112233445566bb" in phone.shell("ps -A -o args"))
    phone.measure(tflite)
    assert phone.runs_left() == ""
    assert "/00112233445566bb" not in phone.shell("ps -A -o args")


def test_two_benchmarks_at_once(phone: Bench, tflite: Subject) -> None:
    """The other one is a process of this machine that lives, or of another machine."""
    for who in (f"{platform.node()} {os.getppid()}", "another-computer 1"):
        phone.shell(f"mkdir -p {place.ROOT} && echo $(cat {BOOT_ID}) 999999999 {who} >{place.ROOT}/lock")
        with pytest.raises(DeviceBusy) as raised:
            phone.measure(tflite)
        assert who.split()[0] in raised.value.what and "try again" in raised.value.next
        assert phone.shell(f"cat {place.ROOT}/lock").split()[2:] == who.split()


@pytest.mark.parametrize("lock", ["nonsense", "x y z 1", "another-boot 999999999 another-computer 1",
                                  f"$(cat {BOOT_ID}) 1 another-computer 1"])
def test_a_lock_that_is_void(phone: Bench, tflite: Subject, lock: str) -> None:
    phone.shell(f"mkdir -p {place.ROOT} && echo {lock} >{place.ROOT}/lock")
    phone.measure(tflite)
    assert phone.shell(f"ls {place.ROOT}").split() == ["runs", "store"]
