"""What can break off, at every stage, both ways: the right error, by the deadline, and the phone can be used again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import AdbProblem, DeviceHung, DeviceLost, PullFailed, PushFailed
from tests.adb.fake import FakePhone, Fault
from tests.adb.fake.faults import What
from tests.adb.ways import GENERATIONS, Way

PLACE = "/data/local/tmp"
SHORT, LONG = 0.3, 10.0     # deadlines, for what hangs and for what answers
LATE = 1.5                  # what a busy machine may add
DATA = bytes(range(256)) * 8000


def command(link: PhoneLink, deadline: float) -> object:
    return link.run(("head", "-c", "200000", "/dev/zero"), deadline_s=deadline)


def push(link: PhoneLink, deadline: float) -> object:
    return link.push(DATA, f"{PLACE}/new", deadline_s=deadline)


def pull(link: PhoneLink, deadline: float) -> object:
    return link.pull(f"{PLACE}/there", deadline_s=deadline)


def look(link: PhoneLink, deadline: float) -> object:
    return link.stat(f"{PLACE}/there", deadline_s=deadline)


@dataclass(frozen=True)
class Case:
    call: Callable[[PhoneLink, float], object]
    fault: Fault
    error: type[DeviceError]
    said: str = ""

    def __str__(self) -> str:
        return f"{self.fault.stage}-{self.fault.what}-{self.fault.after}-{self.call.__name__}"


BROKEN: list[tuple[What, type[DeviceError]]] = [("cut", DeviceLost), ("hang", DeviceHung), ("close", DeviceLost),
                                                ("garbage", AdbProblem)]
CASES = [
    *[Case(call, Fault("open", "hang"), DeviceHung) for call in (command, push)],
    *[Case(call, Fault("open", "cut"), DeviceLost) for call in (command, push, pull, look)],
    *[Case(call, Fault("open", "refuse"), AdbProblem, "refuses") for call in (command, push)],
    *[Case(command, Fault("shell", what, after), error) for after in (0, 100_000) for what, error in BROKEN],
    *[Case(push, Fault("push", what, after), error) for after in (0, 1_000_000, len(DATA)) for what, error in BROKEN],
    *[Case(push, Fault("push", what, after), PushFailed, "No space left on device")
      for after in (0, 1_000_000, len(DATA)) for what in ("fail", "deaf")],
    *[Case(pull, Fault("pull", what, after), error) for after in (0, 1_000_000) for what, error in BROKEN],
    Case(pull, Fault("pull", "fail", 1_000_000, text="read failed: I/O error"), PullFailed, "I/O error"),
    *[Case(look, Fault("stat", what), error) for what, error in BROKEN],
]


def happens(link: PhoneLink, case: Case) -> DeviceError:
    """Let it go wrong once: what hangs takes until the deadline, and everything else does not wait for it."""
    deadline = SHORT if case.error is DeviceHung else LONG
    began = time.monotonic()
    with pytest.raises(case.error) as caught:
        case.call(link, deadline)
    took = time.monotonic() - began
    assert took < SHORT + LATE
    if case.error is DeviceHung:
        assert took >= SHORT
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_a_clear_error_by_the_deadline(way: Way, tmp_path: Path, case: Case) -> None:
    with FakePhone(tmp_path) as phone:
        phone.local(f"{PLACE}/there").write_bytes(DATA)
        link = way(phone)
        phone.inject(case.fault)
        error = happens(link, case)
        assert phone.plan.happened == [case.fault]
        assert case.said in f"{error.what} {error.why}"
        assert phone.address in error.what and error.next
        link.reconnect(8)
        assert link.run(("echo", "alive")).out == b"alive\n"


@pytest.mark.parametrize(("what", "error"), [("cut", DeviceLost), ("hang", DeviceHung), ("close", DeviceLost)])
@pytest.mark.parametrize("generation", ["android-6", "android-4"])
def test_without_shell_2_an_end_without_the_mark_is_no_exit(way: Way, tmp_path: Path, generation: str, what: What,
                                                            error: type[DeviceError]) -> None:
    """The old protocol has no other sign for a broken connection than output that ends."""
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        case = Case(command, Fault("shell", what, after=200_000), error)
        phone.inject(case.fault)
        happens(link, case)


def test_a_command_may_be_silent_until_its_own_deadline(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        assert link.run(("sh", "-c", "sleep 0.6; echo done"), deadline_s=10).out == b"done\n"
        with pytest.raises(DeviceHung, match=r"within 0\.3 s"):
            link.run(("sleep", "5"), deadline_s=0.3)
        assert link.run(("echo", "alive")).out == b"alive\n"


def test_a_command_that_ran_out_of_time_is_hung_up(way: Way, tmp_path: Path) -> None:
    """Nothing of it goes on on the phone."""
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        with pytest.raises(DeviceHung):
            link.run(("sh", "-c", "echo $$ > pid; exec sleep 60"), deadline_s=0.5)
        process = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
        give_up = time.monotonic() + 5
        while _alive(process):
            assert time.monotonic() < give_up
            time.sleep(0.02)


def test_output_that_never_ends_meets_the_deadline(way: Way, tmp_path: Path) -> None:
    """Bytes always come, so no single wait is ever too long."""
    with FakePhone(tmp_path) as phone, pytest.raises(DeviceHung):
        way(phone).run(("yes",), deadline_s=SHORT)


def test_a_byte_that_changes_on_the_way_is_not_noticed_here(way: Way, tmp_path: Path) -> None:
    """ADB has no check sums over files: that is why what was pushed is hashed on the phone."""
    with FakePhone(tmp_path, faults=[Fault("push", "flip", after=70_000)]) as phone:
        way(phone).push(DATA, f"{PLACE}/new", deadline_s=10)
        there = phone.local(f"{PLACE}/new").read_bytes()
        assert [at for at, (a, b) in enumerate(zip(there, DATA, strict=True)) if a != b] == [70_000]


def test_a_push_that_is_cut_leaves_a_part_under_the_name(way: Way, tmp_path: Path) -> None:
    """As observed on phones: hence `x.part` and a rename."""
    with FakePhone(tmp_path, faults=[Fault("push", "cut", after=70_000)]) as phone:
        with pytest.raises(DeviceLost):
            way(phone).push(DATA, f"{PLACE}/new", deadline_s=10)
        assert phone.local(f"{PLACE}/new").stat().st_size == 70_000


def test_calls_in_a_row_leave_nothing_behind(way: Way, tmp_path: Path) -> None:
    """No sockets of ours stay open."""
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        link.run(("true",))
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(50):
            link.run(("true",))
            link.stat(PLACE)
        give_up = time.monotonic() + 5      # the fake's own pipes are of this process too
        while len(list(Path("/proc/self/fd").iterdir())) > before:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def _alive(process: Path) -> bool:
    """Whether the process of a /proc/PID/stat is there and no zombie."""
    try:
        return ") Z " not in process.read_text()
    except OSError:     # gone, perhaps while it was read
        return False
