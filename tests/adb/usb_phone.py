"""A fake phone on a fake USB cable: what libusb would give for it, with adb-shell's own class on top.

Only the device below `usb1` is ours; its errors are libusb's real classes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import usb1

from tests.adb.fake import FakePhone

IN, OUT = 0x81, 0x01
ONCE = 3000         # bytes that one bulkWrite takes: libusb may take less than all


@dataclass(frozen=True)
class Endpoint:
    address: int

    def getAddress(self) -> int:
        return self.address


class Setting:
    """The ADB interface."""

    def getClass(self) -> int:
        return 0xFF

    def getSubClass(self) -> int:
        return 0x42

    def getProtocol(self) -> int:
        return 0x01

    def getNumber(self) -> int:
        return 1

    def iterEndpoints(self) -> Iterator[Endpoint]:
        yield from (Endpoint(IN), Endpoint(OUT))


class Handle:
    """An opened device: its two endpoints are the phone's TCP connection."""

    def __init__(self, cable: UsbPhone) -> None:
        self._cable = cable
        self._sock = socket.create_connection(("127.0.0.1", cable.phone.port))
        self.timeouts: list[int] = []

    def kernelDriverActive(self, number: int) -> bool:
        return False

    def claimInterface(self, number: int) -> None:
        if self._cable.claiming:
            raise self._cable.claiming

    def releaseInterface(self, number: int) -> None:
        pass

    def close(self) -> None:
        self._cable.handles.remove(self)
        self._sock.close()

    def bulkRead(self, endpoint: int, count: int, timeout: int) -> bytearray:
        assert endpoint == IN and timeout > 0, "libusb takes 0 for no timeout"
        self._sock.settimeout(timeout / 1000)
        try:
            data = self._sock.recv(count)
        except TimeoutError:
            raise usb1.USBErrorTimeout from None
        if not data:
            raise usb1.USBErrorNoDevice
        return bytearray(data)

    def bulkWrite(self, endpoint: int, data: bytes, timeout: int) -> int:
        assert endpoint == OUT and timeout > 0
        self._sock.settimeout(timeout / 1000)
        try:
            return self._sock.send(data[:ONCE])
        except TimeoutError:
            raise usb1.USBErrorTimeout from None
        except OSError:
            raise usb1.USBErrorNoDevice from None


@dataclass
class UsbPhone:
    """A phone at a place on USB. Also stands for libusb's context, which lists it."""

    phone: FakePhone
    serial: str = "R58M12ABCDE"
    ports: tuple[int, ...] = (4, 2)
    opening: Exception | None = None        # what `open` raises
    claiming: Exception | None = None       # what `claimInterface` raises
    handles: list[Handle] = field(default_factory=list)

    def getDeviceIterator(self, skip_on_error: bool) -> Iterator[Any]:
        yield self

    def iterSettings(self) -> Iterator[Setting]:
        yield Setting()

    def getBusNumber(self) -> int:
        return 1

    def getPortNumberList(self) -> list[int]:
        return list(self.ports)

    def getSerialNumber(self) -> str:
        if self.opening:
            raise self.opening
        return self.serial

    def open(self) -> Handle:
        if self.opening:
            raise self.opening
        self.handles.append(Handle(self))
        return self.handles[-1]
