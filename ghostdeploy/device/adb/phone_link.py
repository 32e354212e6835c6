"""What both transports share: commands and files over the services that they open; see `Link`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

from ghostdeploy.device.adb import command, shell1, shell2, sync
from ghostdeploy.device.adb.broken import Broken, Expired, Gone, Nonsense, Refused, Said
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import QUICK_S, Completed, Stat
from ghostdeploy.device.adb.stream import Stream
from ghostdeploy.errors import DeviceError, FileUnreadable
from ghostdeploy.phone_errors import AdbProblem, DeviceHung, DeviceLost, PullFailed, PushFailed

ATTEMPT_S = 5.0     # for one attempt to reach a phone again; a busy one answers within 5 s
PAUSE_S = 0.2       # between attempts


class PhoneLink(ABC):
    """A `Link` over whatever opens services. Subclasses say how to open one and what a refusal means."""

    @property
    @abstractmethod
    def serial(self) -> str:
        """See `Link.serial`."""

    @property
    @abstractmethod
    def features(self) -> frozenset[str]:
        """See `Link.features`."""

    @abstractmethod
    def _open(self, service: str, deadline: Deadline) -> Stream:
        """Open a service of the phone. Raises `Broken`s, and the public errors of an unreachable phone."""

    @abstractmethod
    def _again(self, deadline: Deadline, *, hung: bool) -> None:
        """One attempt to reach a phone that was lost. Raises like `_open`.

        Args:
            hung: the attempt before got no answer, so a connection that seems to be there is dead.
        """

    @abstractmethod
    def _broke(self) -> None:
        """Called after a conversation broke off; a transport whose connection is spoilt by that drops it."""

    def _refused(self, service: str, refusal: Refused) -> NoReturn:
        """Turn the refusal of a service into the public error for it."""
        raise AdbProblem(f"{self.serial} refuses the service {service.partition(':')[0]}", str(refusal),
                         "restart the phone; if it stays so, its adbd lacks what ghostdeploy needs") from refusal

    def run(self, words: Sequence[str], *, deadline_s: float = QUICK_S) -> Completed:
        """See `Link.run`."""
        deadline, line = Deadline.after(deadline_s), command.line(words)
        with self._talking(f"running {_short(words)}", deadline):
            return self._run(line, deadline)

    def _run(self, line: command.Line, deadline: Deadline) -> Completed:
        if shell2.FEATURE in self.features:
            with self._service(shell2.service(line), deadline) as stream:
                return shell2.converse(stream, line, deadline)
        return self._run_marked(line, deadline)

    def _run_marked(self, line: command.Line, deadline: Deadline) -> Completed:
        service, mark = shell1.marked(shell1.BINARY, line)
        try:
            stream, terminal = self._open(service, deadline), False
        except Refused:
            service, mark = shell1.marked(shell1.TERMINAL, line)
            try:
                stream, terminal = self._open(service, deadline), True
            except Refused as refusal:
                self._refused(service, refusal)
        with closing(stream):
            return shell1.converse(stream, line, mark, deadline, terminal=terminal)

    def push(self, source: bytes | Path, path: str, *, mode: int = 0o644, deadline_s: float) -> None:
        """See `Link.push`.

        Raises:
            FileUnreadable: `source` is a file of this machine that cannot be read.
        """
        deadline = Deadline.after(deadline_s)
        with _chunks(source) as chunks, self._talking(f"pushing {path}", deadline):
            try:
                with self._service(sync.SERVICE, deadline) as stream:
                    sync.push(stream, chunks, path, mode, deadline)
            except Said as said:
                raise PushFailed(f"{self.serial} does not take {path}", str(said), _advice(str(said))) from said

    def pull(self, path: str, *, deadline_s: float, most: int = 256 << 20) -> bytes:
        """See `Link.pull`."""
        deadline = Deadline.after(deadline_s)
        with self._talking(f"pulling {path}", deadline):
            try:
                with self._service(sync.SERVICE, deadline) as stream:
                    return sync.pull(stream, path, most, deadline)
            except Said as said:
                raise PullFailed(f"{self.serial} does not give {path}", str(said),
                                 f"look at it with: adb -s {self.serial} shell ls -lZ {path}") from said
            except sync.TooLong as error:
                raise PullFailed(f"{path} on {self.serial} is longer than {most} bytes",
                                 "it is not what was expected there", "remove it on the phone and run again") from error

    def stat(self, path: str, *, deadline_s: float = QUICK_S) -> Stat | None:
        """See `Link.stat`."""
        deadline = Deadline.after(deadline_s)
        with self._talking(f"looking at {path}", deadline), self._service(sync.SERVICE, deadline) as stream:
            return sync.stat(stream, path, deadline, wide=sync.STAT2_FEATURE in self.features)

    def reconnect(self, deadline_s: float) -> None:
        """See `Link.reconnect`."""
        deadline, hung = Deadline.after(deadline_s), False
        while True:
            attempt = deadline.sooner(min(ATTEMPT_S, deadline_s / 4))
            try:
                with self._talking("reconnecting", attempt):
                    self._again(attempt, hung=hung)
                    # The adb server knows features by heart: only a command shows that the phone itself is back.
                    self._run(command.line(("true",)), attempt)
                    return
            except DeviceError as error:
                last, hung = error, isinstance(error, DeviceHung)
            if deadline.at - time.monotonic() <= PAUSE_S:
                raise type(last)(f"{self.serial} did not come back within {deadline_s:g} s", last.what, last.next)
            time.sleep(PAUSE_S)

    @contextmanager
    def _service(self, service: str, deadline: Deadline) -> Iterator[Stream]:
        try:
            stream = self._open(service, deadline)
        except Refused as refusal:
            self._refused(service, refusal)
        with closing(stream):
            yield stream

    @contextmanager
    def _talking(self, doing: str, deadline: Deadline) -> Iterator[None]:
        """Turn the ways in which a conversation breaks off into public errors."""
        try:
            yield
        except Broken as broken:
            self._broke()
            raise self._public(broken, doing, deadline) from broken

    def _public(self, broken: Broken, doing: str, deadline: Deadline) -> Exception:
        where = f"while {doing}"
        match broken:
            case Expired():
                return DeviceHung(f"{self.serial} did not finish within {deadline.seconds:g} s", where,
                                  "look whether the phone itself still reacts; replug or restart it, then run again")
            case Gone():
                return DeviceLost(f"the connection to {self.serial} broke", f"{where}: {broken}",
                                  "check the cable or the Wi-Fi, then run again")
            case Nonsense():
                return AdbProblem(f"{self.serial} does not speak ADB as expected", f"{where}: {broken}",
                                  "replug the phone and run again; please report it if it stays so")
        return AdbProblem(f"{self.serial} refuses", f"{where}: {broken}", "replug the phone and run again")


@contextmanager
def _chunks(source: bytes | Path) -> Iterator[Iterable[bytes]]:
    """The bytes to send, in pieces that fit memory; a file is opened here so that its errors are not the phone's."""
    if isinstance(source, bytes):
        yield (source,)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise FileUnreadable(f"could not read {source}", error.strerror or str(error), "check the path") from error
    with file:
        yield iter(lambda: file.read(sync.RECORD), b"")


def _short(words: Sequence[str]) -> str:
    """A command in a message: scripts are long, their beginning names them."""
    said = " ".join(words)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _advice(said: str) -> str:
    if "No space left" in said:
        return "free some space on the phone (Settings, Storage), then run again"
    if "Read-only" in said or "Permission denied" in said:
        return "only /data/local/tmp can be written without root; check that the phone's storage is healthy"
    return "check the path on the phone, then run again"
