"""The way to phones on a machine without adb: their TCP port, or USB through libusb."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from ghostdeploy.device.adb import problems
from ghostdeploy.device.adb.direct_link import DirectLink
from ghostdeploy.device.adb.listing import Entry
from ghostdeploy.device.adb.serials import Named
from ghostdeploy.device.adb.tcp import MendedTcp
from ghostdeploy.device.adb.usb_visible import visible
from ghostdeploy.errors import DeviceNotFound

TCP, USB = "TCP", "USB"


def open_link(named: Named | None) -> DirectLink:
    """See `discover.open_link`."""
    if named is not None and named.kind == "paired":
        raise problems.needs_pairing(named.serial)
    if named is not None and named.kind in ("network", "emulator"):
        return DirectLink(named.serial, lambda: MendedTcp(named.host, named.port), TCP,
                          over_network=named.kind == "network")
    usb = _usb()
    if usb is None:
        raise DeviceNotFound("there is no adb on this machine, so phones on USB cannot be reached",
                         f"on USB there are: {', '.join(visible()) or 'no devices'}",
                         "install adb (apt-get install adb), or: pip install 'ghostdeploy[usb]'; or "
                         f"{problems.HERE}")
    entry = _chosen(on_usb(), named)
    problem = problems.of(entry)
    if problem is not None:
        raise problem
    return DirectLink(entry.serial, lambda: usb.find(entry), USB, over_network=False)


def on_usb() -> tuple[Entry, ...]:
    """Phones on USB with debugging switched on; none where libusb is not installed."""
    usb = _usb()
    return usb.listed() if usb is not None else ()


def _chosen(entries: Sequence[Entry], named: Named | None) -> Entry:
    if named is None:
        if not entries:
            raise problems.nothing(visible())
        if len(entries) > 1:
            raise problems.several(entries)
        return entries[0]
    matching = [entry for entry in entries if named.serial in (entry.serial, f"usb:{entry.usb}")]
    if not matching:
        raise problems.unknown(named.serial, entries)
    if len(matching) > 1:
        raise problems.alike(named.serial, matching)
    return matching[0]


def _usb() -> ModuleType | None:
    """libusb is an extra: nearly everybody has adb."""
    try:
        from ghostdeploy.device.adb import usb
    except (ImportError, OSError):      # OSError: the Python part is there, libusb itself is not
        return None
    return usb
