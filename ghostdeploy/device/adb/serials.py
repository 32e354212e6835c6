"""What users name with `--device`: a USB serial, a phone on the network, an emulator, a paired phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ADB_PORT = 5555         # of adbd on TCP, and of the first emulator's
Kind = Literal["usb", "network", "emulator", "paired"]

_HOST = r"\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9._-]+"
_HOST_PORT = re.compile(rf"(?P<host>{_HOST}):(?P<port>\d{{1,5}})")
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_EMULATOR = re.compile(r"emulator-(?P<port>\d{4})")
_PAIRED = re.compile(r".*\._adb(-tls-connect)?\._tcp\.?")


@dataclass(frozen=True)
class Named:
    """What a name says. `host` and `port` are where adbd itself listens, for the kinds that say it."""

    kind: Kind
    serial: str
    host: str = ""
    port: int = 0


def read(serial: str) -> Named:
    """What `serial` names. An address without a port means port 5555, as for `adb connect`."""
    if serial.startswith("usb:"):
        return Named("usb", serial)     # a place, as adb lists it
    if _PAIRED.fullmatch(serial):
        return Named("paired", serial)
    if emulator := _EMULATOR.fullmatch(serial):
        # The console listens on the even port of the name, adbd on the next.
        return Named("emulator", serial, "127.0.0.1", int(emulator["port"]) + 1)
    if _IPV4.fullmatch(serial):
        return Named("network", f"{serial}:{ADB_PORT}", serial, ADB_PORT)
    match = _HOST_PORT.fullmatch(serial)
    if match and 0 < int(match["port"]) < 65536:
        return Named("network", serial, match["host"].strip("[]"), int(match["port"]))
    return Named("usb", serial)
