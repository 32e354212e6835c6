"""A phone through the adb server."""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from ghostdeploy.device.adb import launch, listing, problems, serials, server
from ghostdeploy.device.adb.broken import Gone, Refused
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.listing import Entry
from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.device.adb.server_address import Address
from ghostdeploy.device.adb.stream import Stream
from ghostdeploy.phone_errors import DeviceOffline

OPEN_S = 15.0       # for the first words with a phone; a busy one answers within 5 s
LOOK_S = 5.0        # for one look at the server's list, which takes it 1 ms


class ServerLink(PhoneLink):
    """See `Link`. Every call is a connection of its own to the server, so one that broke does not spoil the next."""

    def __init__(self, where: Address, target: str, entry: Entry, deadline_s: float = OPEN_S) -> None:
        """Ask for the phone's features.

        Args:
            where: the server, which is running.
            target: what it shall look for: a serial, or `usb:PATH` where two phones have the same.
            entry: how it lists the phone.
            deadline_s: for the first words with the phone.

        Raises:
            See `Link`.
        """
        self._where, self._target, self._entry = where, target, entry
        self._features: frozenset[str] = frozenset()
        deadline = Deadline.after(deadline_s)
        with self._talking("asking for its features", deadline):
            self._greet(deadline)

    @property
    def serial(self) -> str:
        """See `Link.serial`."""
        return self._target

    @property
    def features(self) -> frozenset[str]:
        """See `Link.features`."""
        return self._features

    @property
    def transport(self) -> str:
        """See `Link.transport`."""
        return f"adb server {self._where}"

    @property
    def over_network(self) -> bool:
        """See `Link.over_network`."""
        return self._entry.usb is None and serials.read(self._entry.serial).kind in ("network", "paired")

    def close(self) -> None:
        """See `Link.close`; nothing is held between calls."""

    def _broke(self) -> None:
        """Nothing: every call has its own connection."""

    def _open(self, service: str, deadline: Deadline) -> Stream:
        try:
            return server.service(self._where, self._target, service, deadline)
        except Refused as refusal:
            self._explain(refusal, deadline)

    def _explain(self, refusal: Refused, deadline: Deadline) -> NoReturn:
        """The server says "closed" for a service that the phone refuses and for a phone that is going: its list tells.

        A phone that was there and is offline now is going: waiting with `reconnect` helps, so that is `Gone` too.
        """
        entry = self._find(deadline.sooner(LOOK_S))
        problem = problems.of(entry) if entry else None
        if entry is None or isinstance(problem, DeviceOffline):
            raise Gone(f"the adb server says: {refusal}") from refusal
        raise problem or refusal

    def _find(self, deadline: Deadline) -> Entry | None:
        return next((entry for entry in listing.listed(self._where, deadline)
                     if self._target in (entry.serial, f"usb:{entry.usb}")), None)

    def _greet(self, deadline: Deadline) -> None:
        text = server.query(self._where, f"host-serial:{self._target}:features", deadline)
        self._features = frozenset(filter(None, text.strip().split(",")))

    def _again(self, deadline: Deadline, *, hung: bool) -> None:
        """A server that was ended meanwhile (Android Studio does that) is started again."""
        launch.ensure(self._where, deadline)
        entry = self._find(deadline.sooner(LOOK_S))
        if hung or entry is None or isinstance(problems.of(entry), DeviceOffline):
            self._redial(deadline)
            entry = self._find(deadline)
        if entry is None:
            raise Gone("the adb server does not list it any more")
        problem = problems.of(entry)
        if problem is not None:
            raise problem
        self._entry = entry
        self._greet(deadline)

    def _redial(self, deadline: Deadline) -> None:
        """Let the server drop its connection to this phone, which it takes for alive, and make a new one."""
        if serials.read(self._target).kind == "network":
            server.dial(self._where, self._target, deadline, again=True)
        else:
            with suppress(Refused):         # what becomes of it is seen in the list
                server.query(self._where, f"host-serial:{self._target}:reconnect", deadline)
