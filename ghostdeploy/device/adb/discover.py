"""From what the user names to a link: which phones are attached, and the way to one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ghostdeploy.device.adb import direct, launch, listing, problems, serials, server
from ghostdeploy.device.adb.broken import Broken
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.adb.listing import READY, Entry
from ghostdeploy.device.adb.serials import Named
from ghostdeploy.device.adb.server_address import Address, address
from ghostdeploy.device.adb.server_link import ServerLink
from ghostdeploy.device.adb.usb_visible import visible
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import AdbProblem, DeviceOffline

LOOK_S = 25.0       # to start a server, if need be, and ask it; adb itself gives a server 10 s
CONNECT_S = 15.0    # adb 29 gives up on a host that does not answer after 10 s
SETTLE_S = 3.0      # from `connected` to a usable state, and for a key that is accepted at once
PAUSE_S = 0.05
ALREADY = "already connected to"


@dataclass(frozen=True)
class Found:
    """An attached phone.

    Attributes:
        state: as adb words it; `device` is a phone that can be used.
        model: as far as it is known without talking to the phone.
        transport: see `Link.transport`.
        problem: what stands in the way, in words for the user, and what to do; None for a usable phone.
    """

    serial: str
    state: str
    model: str | None
    transport: str
    problem: DeviceError | None


def attached() -> tuple[Found, ...]:
    """Every phone that the adb server lists; without adb, every one on USB. An adb server is started if need be.

    Raises:
        AdbProblem: there is adb, and it does not work.
    """
    where, deadline = address(), Deadline.after(LOOK_S)
    if not launch.ensure(where, deadline):
        return tuple(Found(entry.serial, entry.state, entry.model, direct.USB, problems.of(entry))
                     for entry in direct.on_usb())
    return tuple(Found(entry.serial, entry.state, entry.model, f"adb server {where}", problems.of(entry))
                 for entry in _listed(where, deadline))


def open_link(serial: str | None) -> Link:
    """The phone called `serial`; None: the one that is attached.

    Args:
        serial: a USB serial, `usb:PLACE` where two phones share one, `host:port`, `emulator-5554`, or the name of a
            phone that is paired for wireless debugging.

    Raises:
        DeviceNotFound: there is none, or none of that name. DeviceAmbiguous: several, and none was named.
        DeviceUnauthorized, DeviceOffline, DeviceNoPermission, DeviceBusy, DeviceHung, AdbProblem: it cannot be used.
    """
    where, deadline = address(), Deadline.after(LOOK_S)
    named = None if serial is None else serials.read(serial)
    if not launch.ensure(where, deadline):
        return direct.open_link(named)
    entries = _listed(where, deadline)
    if named is None:
        return _link(where, _only(entries))
    matching = [entry for entry in entries if named.serial in (entry.serial, f"usb:{entry.usb}")]
    if len(matching) > 1:
        raise problems.alike(named.serial, matching)
    if named.kind == "network" and not (matching and matching[0].state == READY):
        return _link(where, _dialled(where, named, listed=bool(matching)))
    if not matching and named.kind == "paired":
        raise problems.needs_pairing(named.serial)
    if not matching:
        raise problems.unknown(named.serial, entries)
    return _link(where, matching[0], named.serial)


def _only(entries: Sequence[Entry]) -> Entry:
    """The one that is meant when none is named. Phones on the network that went away stay listed, as offline."""
    meant = [entry for entry in entries if not isinstance(problems.of(entry), DeviceOffline)] or list(entries)
    if not meant:
        raise problems.nothing(visible())
    if len(meant) > 1:
        raise problems.several(meant)
    return meant[0]


def _link(where: Address, entry: Entry, target: str = "") -> ServerLink:
    problem = problems.of(entry)
    if problem is not None:
        raise problem
    return ServerLink(where, target or entry.serial, entry)


def _dialled(where: Address, named: Named, *, listed: bool) -> Entry:
    """Let the server connect to an address. It answers OKAY to a `connect` that failed: the text tells."""
    deadline = Deadline.after(CONNECT_S)
    with _asking(where):
        said = server.dial(where, named.serial, deadline, again=listed)
        entry = _settled(where, named.serial, deadline.sooner(SETTLE_S))
        if said.startswith(ALREADY) and not (entry and entry.state == READY):
            # It was dead, or still on its way out of the list (on a busy machine).
            said = server.dial(where, named.serial, deadline, again=True)
            entry = _settled(where, named.serial, deadline.sooner(SETTLE_S))
    if entry and (entry.state == READY or said.startswith((ALREADY, "connected to", "failed to authenticate"))):
        return entry
    raise problems.unreachable(named.serial, f"adb says: {said.strip()}")


def _settled(where: Address, serial: str, deadline: Deadline) -> Entry | None:
    """The entry as soon as it can be used, else as it is at the deadline."""
    while True:
        entry = next((entry for entry in listing.listed(where, deadline) if entry.serial == serial), None)
        if entry is None or entry.state == READY or deadline.at - time.monotonic() <= 2 * PAUSE_S:
            return entry
        time.sleep(PAUSE_S)


def _listed(where: Address, deadline: Deadline) -> tuple[Entry, ...]:
    with _asking(where):
        return listing.listed(where, deadline)


@contextmanager
def _asking(where: Address) -> Iterator[None]:
    try:
        yield
    except Broken as broken:
        raise AdbProblem(f"the adb server at {where} does not answer", f"{type(broken).__name__.lower()}: {broken}",
                         "restart it: adb kill-server, then adb devices") from broken
