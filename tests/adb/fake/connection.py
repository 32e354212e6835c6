"""One host's connection to the phone: greeting, authentication, opening of services."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

from tests.adb.fake import services
from tests.adb.fake.faults import Fault
from tests.adb.fake.stream import HostStream
from tests.adb.fake.trust import PUBLIC_KEY, SIGNATURE, TOKEN, public_key, verifies
from tests.adb.fake.wire import Packet, Wire

if TYPE_CHECKING:
    from tests.adb.fake.phone import FakePhone

VERSION = 0x01000001        # checksums need not be checked; Android 6 says 0x01000000
BOTTOM = 4096               # what every version takes before the greeting


class Connection:
    """Serves packets until the host hangs up."""

    def __init__(self, phone: FakePhone, sock: socket.socket) -> None:
        self.phone, self.wire = phone, Wire(sock)
        self.max_data = BOTTOM
        self.over = threading.Event()
        self._deaf = False
        self._online = False
        self._token = b""
        self._streams: dict[int, HostStream] = {}
        self._next = 1

    def serve(self) -> None:
        """Until the connection ends, by either side."""
        try:
            while True:
                packet = self.wire.read()
                if not self._deaf:
                    self._take(packet)
        except (EOFError, OSError):
            pass
        finally:
            self.over.set()
            for stream in list(self._streams.values()):
                stream.ended()
            self.wire.close()

    def _take(self, packet: Packet) -> None:
        match packet.name:
            case "CNXN":
                self._greet(packet)
            case "AUTH":
                self._authenticate(packet)
            case "OPEN" if self._online:
                self._open(packet)
            case "WRTE" | "OKAY" | "CLSE" if self._online:
                self._on_stream(packet)

    def _wrong(self, fault: Fault | None) -> bool:
        """Let a fault of the connection itself happen."""
        if fault is None:
            return False
        match fault.what:
            case "cut":
                self.wire.cut()
            case "hang":
                self._deaf = True
            case "garbage":
                self.wire.garbage()
        return True

    def _greet(self, packet: Packet) -> None:
        if self._wrong(self.phone.plan.due("connect")):
            return
        self.max_data = min(packet.arg1, self.phone.max_data)
        if self.phone.trusted is None:
            self._accept()
        else:
            self._ask()

    def _ask(self) -> None:
        if self._wrong(self.phone.plan.due("auth")):
            return
        self._token = os.urandom(20)
        self.wire.send("AUTH", TOKEN, 0, self._token)

    def _authenticate(self, packet: Packet) -> None:
        trusted = self.phone.trusted or []
        if packet.arg0 == SIGNATURE:
            if any(verifies(key, self._token, packet.data) for key in trusted):
                self._accept()
            else:
                self._ask()
        elif packet.arg0 == PUBLIC_KEY:
            text = packet.data.rstrip(b"\0").decode()
            self.phone.asked.append(text)
            key = public_key(text)
            if self.phone.accepts:
                trusted.append(key)
                self._accept()

    def _accept(self) -> None:
        self._online = True
        phone = self.phone
        banner = f"device::ro.product.name=fake;ro.product.model={phone.model};ro.product.device=fake;"
        if phone.features:
            banner += f"features={','.join(phone.features)}"
        self.wire.send("CNXN", VERSION, phone.max_data, banner.encode())

    def _open(self, packet: Packet) -> None:
        name = packet.data.rstrip(b"\0").decode()
        self.phone.opened.append(name)
        fault = self.phone.plan.due("open", name)
        service = None if fault and fault.what == "refuse" else services.find(self, name)
        if service is None:
            self.wire.send("CLSE", 0, packet.arg0)
            return
        if self._wrong(fault):
            return
        stream = HostStream(self, self._next, packet.arg0)
        self._streams[self._next] = stream
        self._next += 1
        self.wire.send("OKAY", stream.ours, stream.theirs)
        threading.Thread(target=stream.serve, args=(service,), daemon=True).start()

    def _on_stream(self, packet: Packet) -> None:
        stream = self._streams.get(packet.arg1)
        if stream is None:
            if packet.name == "WRTE":
                self.wire.send("CLSE", 0, packet.arg0)
        elif packet.name == "WRTE":
            stream.arrived(packet.data)
        elif packet.name == "OKAY":
            stream.acknowledged()
        else:
            del self._streams[packet.arg1]
            stream.ended()
            stream.say_close()      # adb-shell waits for the echo of its CLSE
