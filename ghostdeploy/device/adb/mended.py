"""adb-shell's device (0.4.4) with its faults mended: the side of the conversation above the transport.

Deadlines: adb-shell takes seconds for a whole conversation when it opens one, and hands the same number to every read.
Here that number is what is left at each read, so a command may be silent as long as its caller allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from adb_shell import constants, exceptions  # type: ignore[import-untyped]
from adb_shell.adb_device import AdbDevice, _AdbIOManager  # type: ignore[import-untyped]
from adb_shell.adb_message import AdbMessage  # type: ignore[import-untyped]
from adb_shell.hidden_helpers import _AdbTransactionInfo  # type: ignore[import-untyped]
from adb_shell.transport.base_transport import BaseTransport  # type: ignore[import-untyped]

from ghostdeploy.device.adb.broken import Broken, Expired, Gone, Nonsense, Refused
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.keys import Signer
from ghostdeploy.device.adb.stream import Stream

BANNER = b"ghostdeploy"
CLOSE_S = 1.0           # to say goodbye to a service; without it the phone notices when the connection ends
TLS = "STLS"            # what a phone with wireless debugging answers; adb-shell does not know it


class NeedsTls(Nonsense):
    """The phone wants an encrypted connection, which needs pairing and adb itself."""


class Until(_AdbTransactionInfo):  # type: ignore[misc]
    """One conversation, whose timeouts are what is left until `deadline`."""

    def __init__(self, local_id: int | None, deadline: Deadline) -> None:
        self.deadline = deadline
        super().__init__(local_id, None, transport_timeout_s=None, read_timeout_s=float("inf"))

    @property
    def transport_timeout_s(self) -> float:
        """For the next read or write."""
        return self.deadline.left()

    @transport_timeout_s.setter
    def transport_timeout_s(self, seconds: float) -> None:
        self.deadline = self.deadline.sooner(seconds)


class Listening(_AdbIOManager):  # type: ignore[misc]
    """Keeps the phone's greeting, which names its features and which stock throws away."""

    greeting = b""

    def _read_expected_packet_from_device(self, expected_cmds: Sequence[bytes], adb_info: Until) -> Any:
        packet = super()._read_expected_packet_from_device(expected_cmds, adb_info)
        if packet[0] == constants.CNXN:
            self.greeting = packet[3]
        return packet


class MendedDevice(AdbDevice):  # type: ignore[misc]
    """One connection to a phone. One service is open at a time."""

    def __init__(self, transport: BaseTransport) -> None:
        super().__init__(transport, banner=BANNER)
        self._io_manager = Listening(transport)
        self._opened = 0        # services on this connection; each is named by its number

    @property
    def features(self) -> frozenset[str]:
        """From the greeting: `device::ro.product.name=...;features=shell_v2,cmd`."""
        said = self._io_manager.greeting.decode("utf-8", "backslashreplace").rstrip("\0")
        lists = [part.removeprefix("features=") for part in said.split(";") if part.startswith("features=")]
        return frozenset(filter(None, ",".join(lists).split(",")))

    def greet(self, keys: Sequence[Signer], on_question: Callable[[], None], deadline: Deadline) -> None:
        """Connect and authenticate. `on_question` is called when the phone's owner has to accept our key.

        Raises:
            Broken: see `broken`. NeedsTls: only adb itself can talk to this port.
        """
        with translated():
            info = Until(None, deadline)
            # None: no sooner end than the deadline for the owner to answer.
            _, self._maxdata = self._io_manager.connect(BANNER, keys, deadline.left(), lambda _: on_question(), info)
            self._available = True

    def open(self, service: str, deadline: Deadline) -> DirectStream:
        """Open a service. Stock waits for OKAY only: a refusal, which is CLSE, ends in its timeout.

        Raises:
            Refused: the phone does not have it. Other `Broken`s.
        """
        with translated():
            self._io_manager._packet_store.clear_all()      # what came late for the service before
            self._opened += 1
            info = Until(self._opened, deadline)
            self.send(constants.OPEN, info, f"{service}\0".encode())
            answer, info.remote_id, _, _ = self._io_manager.read([constants.OKAY, constants.CLSE], info)
            if answer == constants.CLSE:
                raise Refused("the phone closed it at once")
            return DirectStream(self, info)

    def send(self, command: bytes, info: Until, data: bytes = b"") -> None:
        """One packet of a conversation."""
        self._io_manager.send(AdbMessage(command, info.local_id, info.remote_id or 0, data), info)

    def receive(self, expected: Sequence[bytes], info: Until) -> tuple[bytes, bytes]:
        """The next packet of a conversation that is one of these; a WRTE is acknowledged."""
        command, data = self._read_until(list(expected), info)
        return command, data

    @property
    def longest(self) -> int:
        """Bytes that fit one packet, for both sides."""
        return min(int(self._maxdata), int(constants.MAX_ADB_DATA))


class DirectStream(Stream):
    """A service over adb-shell's connection."""

    def __init__(self, device: MendedDevice, info: Until) -> None:
        super().__init__()
        self._device, self._info = device, info
        self._ended = False

    def send(self, data: bytes, deadline: Deadline) -> bool:
        """See `Stream.send`. Stock drops what comes instead of the OKAY: the FAIL of a full disk is lost there."""
        self._info.deadline = deadline
        with translated():
            for start in range(0, len(data), self._device.longest):
                if self._ended:
                    return False
                self._device.send(constants.WRTE, self._info, data[start:start + self._device.longest])
                command, said = self._device.receive((constants.OKAY, constants.WRTE, constants.CLSE), self._info)
                self._ended = command == constants.CLSE
                self._unread += said
                if command != constants.OKAY:
                    return False
        return True

    def receive(self, deadline: Deadline) -> bytes:
        """See `Stream.receive`."""
        self._info.deadline = deadline
        with translated():
            while not self._ended:
                command, said = self._device.receive((constants.WRTE, constants.CLSE), self._info)
                self._ended = command == constants.CLSE
                if said:
                    return said
        return b""

    def close(self) -> None:
        """See `Stream.close`."""
        if not self._ended:
            self._ended = True
            self._info.deadline = Deadline.after(CLOSE_S)
            with suppress(Broken), translated():
                self._device.send(constants.CLSE, self._info)


@contextmanager
def translated() -> Iterator[None]:
    """adb-shell's own errors as ours."""
    try:
        yield
    except (exceptions.TcpTimeoutException, exceptions.AdbTimeoutError) as error:
        raise Expired from error
    except exceptions.InvalidCommandError as error:
        raise (NeedsTls if TLS in str(error) else Nonsense)(str(error)) from error
    except (exceptions.InvalidChecksumError, exceptions.InvalidResponseError) as error:
        raise Nonsense(str(error)) from error
    except OSError as error:
        raise Gone(error.strerror or str(error)) from error
