"""What the adb server says is attached: the lines of `host:devices-l`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ghostdeploy.device.adb import server
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.server_address import Address

READY = "device"
# Serial (padded), state, then key:value pairs. A state may have spaces: `no permissions (user in plugdev group; are
# your udev rules wrong?); see [http://developer.android.com/tools/device.html]` (transport_local.cpp, usb_linux.cpp).
ENTRY = re.compile(r"(?P<serial>\(no serial number\)|\S+)\s+(?P<rest>\S.*)")
PAIR = re.compile(r"\s+(?P<key>[a-z_]+):(?P<value>\S+)\Z")


@dataclass(frozen=True)
class Entry:
    """One phone as the server lists it. `usb` is its place, such as `1-4.2`; None where it is not on USB."""

    serial: str
    state: str
    model: str | None
    usb: str | None


def parse(text: str) -> tuple[Entry, ...]:
    """Entries of a listing; lines that are none are left out."""
    entries = []
    for line in text.splitlines():
        match = ENTRY.fullmatch(line.strip())
        if match is None:
            continue
        rest, pairs = f" {match['rest']}", {}
        while pair := PAIR.search(rest):
            pairs[pair["key"]] = pair["value"]
            rest = rest[:pair.start()]
        model = pairs["model"].replace("_", " ") if "model" in pairs else None
        entries.append(Entry(match["serial"], rest.strip(), model, pairs.get("usb")))
    return tuple(entries)


def listed(where: Address, deadline: Deadline) -> tuple[Entry, ...]:
    """What is attached now. Raises `Broken`s."""
    return parse(server.query(where, "host:devices-l", deadline))
