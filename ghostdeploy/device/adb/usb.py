"""adb-shell's USB transport, mended (0.4.4). Importing this needs the extra `ghostdeploy[usb]` and libusb itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import usb1  # type: ignore[import-not-found, import-untyped, unused-ignore]
from adb_shell.transport.usb_transport import UsbTransport  # type: ignore[import-untyped]

from ghostdeploy.device.adb import problems
from ghostdeploy.device.adb.broken import Absent, Expired, Gone
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.listing import READY, Entry

DENIED = "no permissions (libusb may not open the device)"


class MendedUsb(UsbTransport):  # type: ignore[misc]
    """Mended: writes that are cut short; a timeout below 1 ms, which libusb takes for none at all; names of errors."""

    _transport: Any

    def connect(self, transport_timeout_s: float | None = None) -> None:
        """Open the device and claim its ADB interface.

        Raises:
            DeviceBusy: an adb server has it. DeviceNoPermission: this user may not.
        """
        try:
            super().connect(transport_timeout_s)
        except usb1.USBErrorBusy as error:
            self._let_go()
            raise problems.busy(self.usb_info, str(error)) from error
        except usb1.USBErrorAccess as error:
            self._let_go()
            raise problems.no_permission(self.usb_info, str(error)) from error
        except usb1.USBError as error:
            self._let_go()
            raise Gone(str(error)) from error

    def bulk_write(self, data: bytes, transport_timeout_s: float | None = None) -> int:
        """Send everything."""
        deadline, rest = Deadline.after(transport_timeout_s or self._default_transport_timeout_s), memoryview(data)
        while rest:
            with _named():
                rest = rest[self._handle().bulkWrite(self._write_endpoint, bytes(rest), timeout=_ms(deadline)):]
        return len(data)

    def bulk_read(self, numbytes: int, transport_timeout_s: float | None = None) -> bytes:
        """Some bytes; none for a packet without any, which some phones send between others."""
        deadline = Deadline.after(transport_timeout_s or self._default_transport_timeout_s)
        with _named():
            return bytes(self._handle().bulkRead(self._read_endpoint, numbytes, timeout=_ms(deadline)))

    def _handle(self) -> Any:
        if self._transport is None:
            raise Gone("it was closed before")
        return self._transport

    def _let_go(self) -> None:
        """A handle whose interface could not be claimed stays open in stock."""
        handle, self._transport = self._transport, None
        if handle is not None:
            with suppress(usb1.USBError):
                handle.close()


def listed() -> tuple[Entry, ...]:
    """Every device with an ADB interface."""
    return tuple(_entry(transport) for transport in MendedUsb.find_all_adb_devices())


def find(entry: Entry) -> UsbTransport:
    """The device of `entry`, as it is plugged in now.

    Raises:
        Absent: it is not plugged in.
    """
    transports = [(_entry(transport), transport) for transport in MendedUsb.find_all_adb_devices()]
    same = [(now, transport) for now, transport in transports if now.serial == entry.serial]
    # Two phones may share a serial, so the place counts; but after a replug it may be another.
    for _, transport in sorted(same, key=lambda pair: pair[0].usb != entry.usb):
        return transport
    raise Absent("it is not on USB any more")


def _entry(transport: MendedUsb) -> Entry:
    bus, *ports = transport.port_path
    place = f"{bus}-{'.'.join(map(str, ports))}"
    try:
        serial = transport.serial_number
    except usb1.USBError:
        return Entry(f"usb:{place}", DENIED, None, place)
    return Entry(serial or f"usb:{place}", READY, None, place)


def _ms(deadline: Deadline) -> int:
    return max(1, int(deadline.left() * 1000))


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except usb1.USBErrorTimeout as error:
        raise Expired from error
    except usb1.USBError as error:
        raise Gone(str(error)) from error
