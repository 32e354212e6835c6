"""From a service's name to what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.adb.fake.shell import Shell
from tests.adb.fake.stream import Service
from tests.adb.fake.sync import Sync

if TYPE_CHECKING:
    from tests.adb.fake.connection import Connection


def find(connection: Connection, name: str) -> Service | None:
    """None: the phone does not have it."""
    phone = connection.phone
    head, _, command = name.partition(":")
    kind, *options = head.split(",")
    match kind:
        case "shell" if "v2" in options:
            return Shell(phone, command, frames=True).serve if "shell_v2" in phone.features else None
        case "shell":
            return Shell(phone, command, frames=False, crlf=phone.crlf).serve
        case "exec" if phone.exec_service:
            return Shell(phone, command, frames=False).serve
        case "sync":
            return Sync(phone).serve
    return None
