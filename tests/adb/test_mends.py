"""What we mend in adb-shell 0.4.4: each fault is shown in the stock class, and its absence in ours.

If a newer adb-shell makes the first half of such a test fail, its mend can go.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import time
from pathlib import Path

import pytest
from adb_shell import exceptions
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.auth.keygen import keygen

from ghostdeploy.device.adb import keys
from ghostdeploy.device.adb.direct_link import DirectLink
from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.device.adb.tcp import MendedTcp
from ghostdeploy.phone_errors import AdbProblem, DeviceLost, PushFailed
from tests.adb.fake import FakePhone, Fault
from tests.adb.ways import direct

STOCK_TIMEOUT = 0.6         # instead of adb-shell's 10 s
TIMEOUTS = (exceptions.TcpTimeoutException, exceptions.AdbTimeoutError)
DATA = os.urandom(8 << 20)


def stock(phone: FakePhone) -> AdbDeviceTcp:
    device = AdbDeviceTcp("127.0.0.1", phone.port)
    device.connect(read_timeout_s=5)
    return device


def push_stock(device: AdbDeviceTcp, source: Path) -> None:
    device.push(str(source), "/data/local/tmp/x", read_timeout_s=STOCK_TIMEOUT)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def test_short_sends(tmp_path: Path, source: Path) -> None:
    """`send` takes what fits the socket's buffer; the rest has to be sent again. Wi-Fi's is small."""
    with FakePhone(tmp_path / "phone", buffer=32 << 10) as phone:
        device, ours = stock(phone), direct(phone)
        assert ours._device is not None
        for each in (device, ours._device):
            each._io_manager._transport._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        with pytest.raises(TIMEOUTS):
            push_stock(device, source)
        assert not phone.local("/data/local/tmp/x").exists()        # the first packet never came whole
        ours.push(source, "/data/local/tmp/y", deadline_s=20)
        assert phone.local("/data/local/tmp/y").read_bytes() == DATA


def test_an_early_fail(tmp_path: Path, source: Path) -> None:
    """A disk that is full in the middle of a push."""
    with FakePhone(tmp_path / "phone", faults=[Fault("push", "fail", after=1 << 20, nth=0)]) as phone:
        with pytest.raises((KeyError, *TIMEOUTS)):
            push_stock(stock(phone), source)
        with pytest.raises(PushFailed) as caught:
            direct(phone).push(source, "/data/local/tmp/y", deadline_s=20)
        assert caught.value.why == "write failed: No space left on device"


def test_nagle(tmp_path: Path) -> None:
    """Each packet is two small sends: with Nagle's algorithm the second waits for the phone's delayed ACK."""
    with FakePhone(tmp_path) as phone:
        ours = direct(phone)
        assert ours._device is not None
        for device, quick in ((stock(phone), False), (ours._device, True)):
            sock = device._io_manager._transport._connection
            assert bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is quick


def test_a_silent_command(tmp_path: Path) -> None:
    """Stock has a limit for silence beside the one for the command."""
    script = "sleep 1; echo done"
    with FakePhone(tmp_path) as phone:
        with pytest.raises(TIMEOUTS):
            stock(phone).shell(script, read_timeout_s=STOCK_TIMEOUT / 2, timeout_s=10)
        assert direct(phone).run(("sh", "-c", script), deadline_s=10).out == b"done\n"


def test_a_refused_service(tmp_path: Path) -> None:
    refusal = Fault("open", "refuse", nth=0)
    with FakePhone(tmp_path, faults=[refusal]) as phone:
        began = time.monotonic()
        with pytest.raises(TIMEOUTS):
            stock(phone).shell("true", read_timeout_s=STOCK_TIMEOUT)
        assert time.monotonic() - began >= STOCK_TIMEOUT
        ours, began = direct(phone), time.monotonic()
        with pytest.raises(AdbProblem, match="refuses the service shell"):
            ours.run(("true",))
        assert time.monotonic() - began < STOCK_TIMEOUT


def test_a_closed_connection(tmp_path: Path) -> None:
    """Stock reads its end as no bytes, again and again, with all of a core."""
    with FakePhone(tmp_path, faults=[Fault("shell", "cut", nth=0)]) as phone:
        device, reads = stock(phone), []
        transport = device._io_manager._transport
        read = transport.bulk_read
        transport.bulk_read = lambda count, timeout: reads.append(read(count, timeout)) or reads[-1]
        with pytest.raises(exceptions.AdbTimeoutError, match="read 0 of 24 bytes"):
            device.shell("true", read_timeout_s=STOCK_TIMEOUT)
        assert reads.count(b"") > 100       # 100 000 on an idle machine
        assert device.available
        ours, began = direct(phone), time.monotonic()
        with pytest.raises(DeviceLost):
            ours.run(("true",))
        assert time.monotonic() - began < STOCK_TIMEOUT


def test_the_exit_status(tmp_path: Path) -> None:
    """Stock speaks the old shell protocol only."""
    with FakePhone(tmp_path) as phone:
        assert stock(phone).shell("echo out; echo err >&2; exit 7") in ("out\nerr\n", "err\nout\n")
        done = direct(phone).run(("sh", "-c", "echo out; echo err >&2; exit 7"))
        assert (done.status, done.out, done.err) == (7, b"out\n", b"err\n")


def test_what_the_phone_can_do(tmp_path: Path) -> None:
    """Stock throws the phone's greeting away."""
    with FakePhone(tmp_path, features=("shell_v2", "stat_v2")) as phone:
        assert not hasattr(stock(phone), "features")
        assert direct(phone).features == {"shell_v2", "stat_v2"}


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stock writes a private key that everybody may read, over the one that is there."""
    path = tmp_path / "stock"
    before = os.umask(0o022)
    try:
        keygen(str(path))
        first = path.read_bytes()
        keygen(str(path))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        keys.signers()
        ours = tmp_path / "home/.android/adbkey"
        kept = ours.read_bytes()
        keys.signers()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 and path.read_bytes() != first
    assert stat.S_IMODE(ours.stat().st_mode) == 0o600 and ours.read_bytes() == kept


def test_a_packet_of_another_conversation(tmp_path: Path) -> None:
    """What comes late for a closed service does not reach the next one."""
    with FakePhone(tmp_path) as phone:
        link: PhoneLink = direct(phone)
        phone.local("/data/local/tmp/big").write_bytes(DATA)
        for _ in range(20):
            with pytest.raises(Exception, match="longer than 10 bytes"):
                link.pull("/data/local/tmp/big", deadline_s=10, most=10)
            assert link.run(("echo", "mine")).out == b"mine\n"


def test_a_phone_that_wants_encryption(tmp_path: Path) -> None:
    """Wireless debugging (Android 11 and newer) answers STLS; stock calls that an unknown command."""
    listener = socket.create_server(("127.0.0.1", 0))
    header = struct.pack("<6I", *(int.from_bytes(b"STLS", "little"), 0x01000000, 0, 0, 0),
                         int.from_bytes(b"STLS", "little") ^ 0xFFFFFFFF)

    class Wireless(MendedTcp):
        """Its answer to our greeting."""

        def connect(self, transport_timeout_s: float) -> None:
            super().connect(transport_timeout_s)
            self.peer, _ = listener.accept()
            self.peer.sendall(header)

    with pytest.raises(AdbProblem, match="wireless debugging") as caught:
        DirectLink("192.168.1.9:41234", lambda: Wireless(*listener.getsockname()), "TCP", over_network=True)
    assert "adb pair" in caught.value.next
    listener.close()
