"""Doing something with a phone once more after a broken connection, where doing it twice does no harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ghostdeploy.device.adb.link import Link
from ghostdeploy.phone_errors import DeviceHung, DeviceLost

RECONNECT_S = 90.0      # a phone that lost its cable for longer is not coming back by itself

T = TypeVar("T")


def steadily(link: Link, act: Callable[[], T]) -> T:
    """What `act` returns; done again, once, after the phone has come back.

    Raises:
        DeviceLost, DeviceHung: it did not come back within `RECONNECT_S`, or was lost again. What `act` raises.
    """
    try:
        return act()
    except (DeviceLost, DeviceHung):
        link.reconnect(RECONNECT_S)
        return act()
