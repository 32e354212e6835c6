"""The two ways to a phone, for tests that hold for both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ghostdeploy.device.adb import listing
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.direct import TCP
from ghostdeploy.device.adb.direct_link import DirectLink
from ghostdeploy.device.adb.listing import READY
from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.device.adb.server_address import address
from ghostdeploy.device.adb.server_link import ServerLink
from ghostdeploy.device.adb.tcp import MendedTcp
from tests.adb.adb_server import AdbServer
from tests.adb.fake import ANDROID_6, MODERN, FakePhone

Way = Callable[[FakePhone], PhoneLink]

# Phones as they differ on the wire: Android 7 and newer, 6, and 4 with its small packets and without exec.
GENERATIONS: dict[str, dict[str, Any]] = {
    "modern": {"features": MODERN},
    "android-6": {"features": ANDROID_6, "crlf": True},
    "android-4": {"features": (), "crlf": True, "max_data": 4096, "exec_service": False},
}
generations: pytest.MarkDecorator = pytest.mark.parametrize("generation", GENERATIONS)


def through_server(server: AdbServer) -> Way:
    """Through Debian's adb server."""

    def attach(phone: FakePhone) -> ServerLink:
        # The system gives out ports again, and adb goes on trying a phone that was at one before.
        server.adb("disconnect", phone.address)
        assert server.adb("connect", phone.address)[1].endswith(f"connected to {phone.address}")
        give_up = time.monotonic() + 10
        while _entry(phone.address).state != READY:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        return ServerLink(address(), phone.address, _entry(phone.address))

    return attach


def direct(phone: FakePhone) -> DirectLink:
    """Through adb-shell."""
    return DirectLink(phone.address, lambda: MendedTcp("127.0.0.1", phone.port), TCP, over_network=True)


def _entry(serial: str) -> listing.Entry:
    entries: Sequence[listing.Entry] = listing.listed(address(), Deadline.after(5))
    return next(entry for entry in entries if entry.serial == serial)
