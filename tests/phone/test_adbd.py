"""The test phone itself: adbd reached over TCP, a cable that can be cut, a reboot, and nothing left when it is off."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.phone import root
from tests.phone.adbd import RealPhone
from tests.phone.bridge import ADBD_PORT
from tests.phone.client import AdbClient
from tests.phone.machine import Machine
from tests.phone.namespaces import ENVIRONMENT

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
GONE_S = 10.0


@pytest.fixture(scope="module")
def adb() -> Iterator[AdbClient]:
    with AdbClient() as client:
        yield client


@pytest.fixture(scope="module")
def phone(adb: AdbClient) -> Iterator[RealPhone]:
    with RealPhone() as phone:
        adb.connect(phone.serial)
        yield phone


class PidNamespace:
    """That of a process; kept while this object is, so that its number does not become another one's."""

    def __init__(self, process: int) -> None:
        self._kept = os.open(f"/proc/{process}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._number = os.fstat(self._kept).st_ino

    def __del__(self) -> None:
        os.close(self._kept)

    def processes(self) -> list[int]:
        """All of this machine's processes in it."""
        found = []
        for path in Path("/proc").glob("[0-9]*/ns/pid"):
            try:
                if path.stat().st_ino == self._number:
                    found.append(int(path.parts[2]))
            except OSError:     # it ended meanwhile
                continue
        return found


def test_status_and_streams(adb: AdbClient, phone: RealPhone) -> None:
    ended = adb.run("shell", "echo out; echo err >&2; exit 7", serial=phone.serial)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, b"out\n", b"err\n")
    features = adb.run("features", serial=phone.serial).stdout.decode().split()
    assert {"shell_v2", "stat_v2", "ls_v2"} <= set(features)
    assert b"uid=2000(shell)" in adb.run("shell", "id", serial=phone.serial).stdout
    assert adb.run("shell", "uname", "-m", serial=phone.serial).stdout == b"aarch64\n"


def test_it_says_that_it_is_emulated(adb: AdbClient, phone: RealPhone) -> None:
    for name, value in {"ro.kernel.qemu": "1", "ro.hardware": "ranchu", "ro.product.cpu.abi": "arm64-v8a",
                        "ro.build.version.sdk": "34", "ro.nothing": ""}.items():
        assert adb.run("shell", "getprop", name, serial=phone.serial).stdout.decode() == f"{value}\n"


def test_push_and_pull(adb: AdbClient, phone: RealPhone, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    (tmp_path / "sent").write_bytes(data)
    target = "/data/local/tmp/pushed"
    assert adb.run("push", tmp_path / "sent", target, serial=phone.serial).returncode == 0
    said = adb.run("shell", "sha256sum", target, serial=phone.serial).stdout.split()[0].decode()
    assert said == hashlib.sha256(data).hexdigest()
    assert phone.at(target).read_bytes() == data
    assert adb.run("pull", target, tmp_path / "got", serial=phone.serial).returncode == 0
    assert (tmp_path / "got").read_bytes() == data


def test_only_androids_places_can_be_written(adb: AdbClient, phone: RealPhone) -> None:
    for path, why in {"/system/x": b"Read-only file system", "/x": b"Read-only file system",
                      "/data/x": b"Permission denied", "/data/local/x": b"Permission denied"}.items():
        ended = adb.run("shell", "touch", path, serial=phone.serial)
        assert ended.returncode == 1 and why in ended.stderr, path
    script = "printf '#!/system/bin/sh\\necho ran' > /sdcard/x; chmod 755 /sdcard/x; /sdcard/x"
    ended = adb.run("shell", script, serial=phone.serial)
    assert ended.returncode == 126 and b"ran" not in ended.stdout       # /sdcard is noexec


def test_a_full_disk(adb: AdbClient, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))
    with RealPhone(room=2_000_000) as phone:
        adb.connect(phone.serial)
        ended = adb.run("push", tmp_path / "big", "/data/local/tmp/big", serial=phone.serial)
        assert ended.returncode != 0 and b"No space left on device" in ended.stdout + ended.stderr
        assert b"1.9M" in adb.run("shell", "df -h /data/local/tmp", serial=phone.serial).stdout


def test_a_cut_cable(adb: AdbClient) -> None:
    """What is in front dies with the link, what is detached goes on, and the phone is the same afterwards."""
    with RealPhone() as phone:
        adb.connect(phone.serial)
        boot = adb.run("shell", BOOT_ID, serial=phone.serial).stdout
        script = "setsid sh -c 'sleep 1000; true' </dev/null >/dev/null 2>&1 & echo $! >/data/local/tmp/pid"
        adb.run("shell", script, serial=phone.serial)
        in_front = subprocess.Popen(["adb", "-s", phone.serial, "shell", "sleep 1001"], env=adb.environment,
                                    stdin=subprocess.DEVNULL)
        # Not before it runs: mksh can lose the SIGHUP of a cut while it starts a program, and then the program stays.
        wait_for_sleepers(phone, ["sleep 1000", "sleep 1001"])
        phone.cut()
        in_front.wait(GONE_S)       # with status 0 from adb 29, which takes a lost link for an end
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", phone.port))
        assert adb.run("shell", "true", serial=phone.serial).returncode != 0
        wait_for_sleepers(phone, ["sleep 1000"])
        phone.plug()
        adb.connect(phone.serial)
        assert adb.run("shell", BOOT_ID, serial=phone.serial).stdout == boot
        assert adb.run("shell", "kill -0 $(cat /data/local/tmp/pid)", serial=phone.serial).returncode == 0


def wait_for_sleepers(phone: RealPhone, wanted: list[str]) -> None:
    """Until exactly these run on the phone, in any order."""
    deadline = time.monotonic() + GONE_S
    list_them = "ps -A -o ARGS | grep '^sleep 1' | sed 's/ *$//' | sort"
    while (found := subprocess.run(phone.machine.inside(list_them), capture_output=True, text=True).stdout.splitlines()
           ) != wanted:
        assert time.monotonic() < deadline, found


def test_a_reboot(adb: AdbClient) -> None:
    with RealPhone() as phone:
        adb.connect(phone.serial)
        boot = adb.run("shell", BOOT_ID, serial=phone.serial).stdout
        script = "setsid sh -c 'sleep 1000; true' </dev/null >/dev/null 2>&1 & echo kept >/data/local/tmp/f"
        adb.run("shell", script, serial=phone.serial)
        wait_for_sleepers(phone, ["sleep 1000"])
        before, port = PidNamespace(phone.machine.process_1), phone.port
        phone.reboot()
        assert before.processes() == []
        assert phone.port == port
        adb.connect(phone.serial)
        assert adb.run("shell", BOOT_ID, serial=phone.serial).stdout not in (boot, b"")
        assert adb.run("shell", "cat /data/local/tmp/f", serial=phone.serial).stdout == b"kept\n"
        wait_for_sleepers(phone, [])


def test_nothing_is_left(adb: AdbClient) -> None:
    with RealPhone() as phone:
        adb.connect(phone.serial)
        adb.run("shell", "for i in 1 2 3; do setsid sleep 1000 </dev/null >/dev/null 2>&1 & done", serial=phone.serial)
        namespace, directory = PidNamespace(phone.machine.process_1), phone.root
        assert len(namespace.processes()) >= 5        # process 1, adbd, three that sleep
    assert namespace.processes() == []
    assert not directory.exists()
    assert str(directory) not in Path("/proc/self/mountinfo").read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", phone.port))


def test_nothing_is_left_of_a_test_that_was_killed(tmp_path: Path) -> None:
    program = ("import time\nfrom tests.phone.adbd import RealPhone\n"
               "with RealPhone() as phone:\n print(phone.machine.process_1, flush=True)\n time.sleep(1000)\n")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root.HERE.parents[1],
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as test:     # its folder nobody removes
        assert test.stdout is not None
        namespace = PidNamespace(int(test.stdout.readline()))
        assert namespace.processes()
        test.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + GONE_S
    while namespace.processes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def vsock_port_is_free(port: int) -> bool:
    """Whether nobody on this machine listens on this vsock port, in whatever namespace. True where vsock is unknown."""
    try:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as probe:
            probe.bind((socket.VMADDR_CID_ANY, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno != errno.EAFNOSUPPORT:
            raise
    return True


def test_adbd_does_not_listen_on_vsock(phone: RealPhone) -> None:
    assert "listening on vsock" in (phone.root / "adbd.log").read_text()      # it tries
    assert vsock_port_is_free(ADBD_PORT)


def test_without_the_preload_it_would() -> None:
    """The test above can fail: the same adbd in the same namespaces, and vsock is open to the whole machine."""
    own = 5602      # phones of tests beside this one are not to see it
    bare = {name: value for name, value in ENVIRONMENT.items() if name != "LD_PRELOAD"}
    with root.fresh() as directory, Machine(directory) as machine:
        assert vsock_port_is_free(own)
        adbd = subprocess.Popen([*machine.entering(), f"/{root.ADBD}"], env={**bare, "ADBD_PORT": str(own)},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if "AF_VSOCK" in Path("/proc/net/protocols").read_text():      # a machine without it has nothing to isolate
                deadline = time.monotonic() + GONE_S
                while vsock_port_is_free(own):
                    assert time.monotonic() < deadline and adbd.poll() is None
                    time.sleep(0.01)
        finally:
            adbd.kill()
            adbd.wait()
    assert vsock_port_is_free(own)
