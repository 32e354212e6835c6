"""A phone without an adb server: we speak to its adbd ourselves, through adb-shell with its faults mended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from adb_shell.transport.base_transport import BaseTransport  # type: ignore[import-untyped]

from ghostdeploy.device.adb import keys, problems
from ghostdeploy.device.adb.broken import Absent, Expired, Gone
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.mended import MendedDevice, NeedsTls
from ghostdeploy.device.adb.phone_link import PhoneLink
from ghostdeploy.device.adb.stream import Stream

OPEN_S = 20.0       # to connect; long enough to unlock a phone and accept its question


class DirectLink(PhoneLink):
    """See `Link`. One connection for all calls. One that broke is made anew by the next call."""

    def __init__(self, serial: str, transport: Callable[[], BaseTransport], way: str, *, over_network: bool,
                 deadline_s: float = OPEN_S) -> None:
        """Connect and authenticate.

        Args:
            transport: makes a fresh one for every connection. way: see `Link.transport`.

        Raises:
            DeviceNotFound: nothing answers there. Others: see `Link`.
        """
        self._serial, self._transport, self._way, self._over_network = serial, transport, way, over_network
        self._device: MendedDevice | None = None
        self._features: frozenset[str] = frozenset()
        deadline = Deadline.after(deadline_s)
        with self._talking("connecting", deadline):
            try:
                self._connected(deadline)
            except Absent as absent:
                raise problems.unreachable(serial, str(absent)) from absent

    @property
    def serial(self) -> str:
        """See `Link.serial`."""
        return self._serial

    @property
    def features(self) -> frozenset[str]:
        """See `Link.features`."""
        return self._features

    @property
    def transport(self) -> str:
        """See `Link.transport`."""
        return self._way

    @property
    def over_network(self) -> bool:
        """See `Link.over_network`."""
        return self._over_network

    def close(self) -> None:
        """See `Link.close`."""
        device, self._device = self._device, None
        if device is not None:
            with suppress(OSError):
                device.close()

    def _broke(self) -> None:
        """Half a packet may have been read or sent, so the connection is of no use any more."""
        self.close()

    def _open(self, service: str, deadline: Deadline) -> Stream:
        return self._connected(deadline).open(service, deadline)

    def _again(self, deadline: Deadline, *, hung: bool) -> None:
        self.close()
        self._connected(deadline)

    def _connected(self, deadline: Deadline) -> MendedDevice:
        if self._device is None:
            device, asked = MendedDevice(self._transport()), []
            try:
                device.greet(keys.signers(), lambda: asked.append(True), deadline)
            except BaseException as error:
                with suppress(OSError):
                    device.close()
                if asked and isinstance(error, Expired | Gone):
                    raise problems.unauthorized(self._serial) from error
                if isinstance(error, NeedsTls):
                    raise problems.needs_pairing(self._serial) from error
                raise
            self._device, self._features = device, device.features
        return self._device
