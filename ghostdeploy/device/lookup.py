"""From what the user names to a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ghostdeploy.device.base import Device
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import UsageError

LOCAL = "local"


@contextmanager
def opened(serial: str | None, runtime: Path | None = None) -> Iterator[Device]:
    """The device called `serial`, for as long as the block; None asks for the one attached phone.

    Args:
        runtime: a library (.so, .aar) to measure with on a phone, instead of the pinned one.

    Raises:
        UsageError: `runtime` with this machine.
        DeviceError: there is no such phone, or it cannot be talked to; see `ghostdeploy.phone_errors`.
    """
    if serial == LOCAL:
        if runtime is not None:
            raise UsageError("--runtime is for phones", "this machine runs what is installed beside ghostdeploy",
                             "leave it out, or name a phone with --device")
        yield LocalDevice()
        return
    from ghostdeploy.device.adb.discover import open_link  # adb's keys and sockets are for those who have a phone
    from ghostdeploy.device.phone.device import opened as opened_phone

    with opened_phone(open_link(serial), runtime) as phone:
        yield phone
