"""The fake phone's own promises, for tests that build on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.adb.fake import FakePhone, Fault
from tests.adb.ways import direct


def gone(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return ") Z " in stat.read_text()
    except OSError:
        return True


def wait_until_gone(pid: str) -> None:
    give_up = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_commands_run_through_the_given_argv(tmp_path: Path) -> None:
    """How another root directory, with a shell of its own, is put behind it."""
    with FakePhone(tmp_path, run=lambda command: ["sh", "-c", 'echo "ran: $1"; exit 3', "sh", command]) as phone:
        done = direct(phone).run(("getprop", "ro.product.model"))
        assert (done.status, done.text) == (3, "ran: getprop ro.product.model </dev/null\n")


def test_a_reboot_ends_detached_processes_too(tmp_path: Path) -> None:
    script = "setsid sh -c 'exec sleep 60' </dev/null >/dev/null 2>&1 & echo $!"
    with FakePhone(tmp_path) as phone:
        link = direct(phone)
        pid = link.run(("sh", "-c", script)).text.strip()
        phone.drop()
        link.reconnect(5)
        assert not gone(pid)
        phone.reboot()
        wait_until_gone(pid)
        link.reconnect(5)
        assert link.run(("echo", "up")).out == b"up\n"


def test_nothing_of_it_stays(tmp_path: Path) -> None:
    script = "setsid sh -c 'exec sleep 60' </dev/null >/dev/null 2>&1 & echo $!"
    with FakePhone(tmp_path) as phone:
        pid = direct(phone).run(("sh", "-c", script)).text.strip()
    wait_until_gone(pid)


def test_paths_stay_below_the_root(tmp_path: Path) -> None:
    with FakePhone(tmp_path / "root") as phone:
        direct(phone).push(b"x", "/../../data/../../local", deadline_s=5)
        assert sorted(os.listdir(tmp_path)) == ["root"]


def test_a_fault_happens_at_its_occurrence_only(tmp_path: Path) -> None:
    refusal = Fault("open", "refuse", nth=2, only="two")
    with FakePhone(tmp_path, faults=[refusal]) as phone:
        link = direct(phone)
        said = []
        for word in ("one", "two", "two", "two"):
            try:
                said.append(link.run(("echo", word)).text)
            except Exception as error:
                said.append(type(error).__name__)
        assert said == ["one\n", "two\n", "AdbProblem", "two\n"]
        assert phone.plan.happened == [refusal]


def test_a_fault_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="stat cannot flip"):
        Fault("stat", "flip")
