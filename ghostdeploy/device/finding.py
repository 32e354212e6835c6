"""From what the user names to a device."""

from __future__ import annotations

from ghostdeploy.device.base import Device
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import DeviceNotFound

LOCAL = "local"


def find(serial: str | None) -> Device:
    """The device called `serial`; None asks for the one attached phone.

    Raises:
        DeviceNotFound: there is no such device.
    """
    if serial == LOCAL:
        return LocalDevice()
    what = "no phone was found" if serial is None else f"no device called {serial}"
    raise DeviceNotFound(what, "this version of ghostdeploy measures on this machine only; it does not talk to phones",
                         "measure on this machine with --device local")


def known() -> tuple[Device, ...]:
    """Every device that can be used now."""
    return (LocalDevice(),)
