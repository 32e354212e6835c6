"""Both ways to a phone against the real adbd (Debian's, AOSP 34.0.5): what the fake phone says must be so there too."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostdeploy.device.adb import command, sync
from ghostdeploy.device.adb.direct_link import DirectLink
from ghostdeploy.device.adb.discover import open_link
from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.device.adb.tcp import MendedTcp
from ghostdeploy.phone_errors import DeviceHung, DeviceLost, PullFailed, PushFailed
from tests.adb.adb_server import AdbServer
from tests.adb.test_commands import NASTY
from tests.phone.adbd import RealPhone

PLACE = "/data/local/tmp/ghostdeploy"
MIB = 1 << 20


@pytest.fixture(scope="module")
def phone() -> Iterator[RealPhone]:
    with RealPhone(room=64 * MIB) as phone:
        yield phone


@pytest.fixture(params=["server", "direct"])
def link(request: pytest.FixtureRequest, phone: RealPhone) -> Iterator[PhoneLink]:
    if request.param == "server":
        server: AdbServer = request.getfixturevalue("adb_server")
        assert "connected to" in server.adb("connect", phone.serial)[1]
        opened = open_link(phone.serial)
        assert isinstance(opened, PhoneLink)
    else:
        opened = DirectLink(phone.serial, lambda: MendedTcp("127.0.0.1", phone.port), "TCP", over_network=True)
    yield opened
    opened.run(("rm", "-rf", PLACE))
    opened.close()


def test_what_it_can_do(link: PhoneLink) -> None:
    assert {"shell_v2", "stat_v2"} <= link.features


def test_words_status_and_both_outputs(link: PhoneLink) -> None:
    script = r'for word in "$@"; do printf "%s|" "$word"; done; echo err >&2; exit 7'
    done = link.run(("sh", "-c", script, "sh", *NASTY))
    assert (done.status, done.text, done.err) == (7, "".join(f"{word}|" for word in NASTY), b"err\n")


def test_a_line_of_any_length(link: PhoneLink) -> None:
    """Through the phone's own `dd` and mksh."""
    for length in (command.LONGEST_SERVICE - 100, command.LONGEST_SERVICE, 60_000):
        done = link.run(("sh", "-c", 'printf %s "$1"; cat; exit 5', "sh", "x" * length), deadline_s=20)
        assert (done.status, len(done.out)) == (5, length)


def test_without_shell_2_the_mark_tells_the_status(link: PhoneLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same adbd has the old services too."""
    monkeypatch.setattr(link, "_features", frozenset())
    done = link.run(("sh", "-c", "printf 'a\\r\\n'; echo err >&2; exit 9"))
    assert (done.status, done.out) == (9, b"a\r\nerr\n")
    assert link.run(("printf", "%s", "x" * 9000), deadline_s=20).out == b"x" * 9000


def test_files_go_there_and_back(link: PhoneLink) -> None:
    for size in (0, 1, sync.RECORD - 1, sync.RECORD, sync.RECORD + 1, 5 * MIB + 3):
        data = os.urandom(size)
        link.push(data, f"{PLACE}/a b,{size}", mode=0o755, deadline_s=20)
        found = link.stat(f"{PLACE}/a b,{size}")
        assert found is not None and (found.size, found.mode) == (size, 0o100777)
        assert link.pull(f"{PLACE}/a b,{size}", deadline_s=20) == data


def test_what_is_not_there(link: PhoneLink) -> None:
    assert link.stat(f"{PLACE}/nothing") is None
    with pytest.raises(PullFailed) as caught:
        link.pull(f"{PLACE}/nothing", deadline_s=10)
    assert "No such file or directory" in caught.value.why


def test_a_full_disk_is_reported_at_once(link: PhoneLink) -> None:
    began = time.monotonic()
    with pytest.raises(PushFailed) as caught:
        link.push(bytes(200 * MIB), f"{PLACE}/large", deadline_s=60)
    assert "No space left on device" in caught.value.why and "free some space" in caught.value.next
    assert time.monotonic() - began < 20
    assert link.run(("echo", "alive")).out == b"alive\n"


def test_a_push_below_a_file(link: PhoneLink) -> None:
    link.push(b"", f"{PLACE}/file", deadline_s=10)
    with pytest.raises(PushFailed) as caught:
        link.push(bytes(20 * MIB), f"{PLACE}/file/below", deadline_s=10)
    assert caught.value.why
    assert link.run(("echo", "alive")).out == b"alive\n"


def test_a_path_longer_than_adbd_takes(link: PhoneLink) -> None:
    with pytest.raises(PushFailed):
        link.push(b"", f"{PLACE}/{'x' * 1100}", deadline_s=10)


def test_a_command_out_of_time_is_hung_up(link: PhoneLink) -> None:
    with pytest.raises(DeviceHung):
        link.run(("sh", "-c", 'echo $$ >"$1"; exec sleep 60', "sh", "/data/local/tmp/pid"), deadline_s=1)
    give_up = time.monotonic() + 5
    while link.run(("sh", "-c", 'kill -0 "$(cat /data/local/tmp/pid)"')).status == 0:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_cut_cable_and_a_detached_job(link: PhoneLink, phone: RealPhone) -> None:
    script = "setsid sh -c 'sleep 1; echo finished > /data/local/tmp/result' </dev/null >/dev/null 2>&1 &"
    link.run(("sh", "-c", f"rm -f /data/local/tmp/result; {script}"))
    phone.cut()
    with pytest.raises(DeviceLost):
        link.run(("true",))
    phone.plug()
    link.reconnect(20)
    give_up = time.monotonic() + 10
    while link.stat("/data/local/tmp/result") is None:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_restart(link: PhoneLink, phone: RealPhone) -> None:
    boot = ("cat", "/proc/sys/kernel/random/boot_id")
    before = link.run(boot).text
    phone.reboot()
    link.reconnect(20)
    assert link.run(boot).text != before


def test_a_file_of_this_machine(link: PhoneLink, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.write_bytes(os.urandom(30 * MIB))
    link.push(here, f"{PLACE}/there", deadline_s=30)
    assert link.run(("sha256sum", f"{PLACE}/there")).text.split()[0] == hashlib.sha256(here.read_bytes()).hexdigest()
