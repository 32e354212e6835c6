"""Fake phones behind a real adb server."""

from __future__ import annotations

from ghostdeploy.device.adb import listing
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.server_address import address
from ghostdeploy.device.adb.server_link import ServerLink
from tests.adb.adb_server import AdbServer
from tests.adb.fake import FakePhone


def attach(server: AdbServer, phone: FakePhone) -> ServerLink:
    """`adb connect`, and our link to it."""
    status, said = server.adb("connect", phone.address)
    assert (status, said) == (0, f"connected to {phone.address}")
    entries = listing.listed(address(), Deadline.after(5))
    return ServerLink(address(), phone.address, next(entry for entry in entries if entry.serial == phone.address))
