"""Bytes that are no protocol: every reader ends with a `Broken`, whatever comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostdeploy.device.adb import command, shell1, shell2, sync
from ghostdeploy.device.adb.broken import Broken, Gone, Said
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import Completed
from ghostdeploy.device.adb.stream import Stream

LINE = command.line(("true",))
SOON = Deadline.after(3600)


class Spoken(Stream):
    """A phone that says these bytes in pieces, and hangs up."""

    def __init__(self, said: bytes, piece: int) -> None:
        super().__init__()
        self._pieces = [said[at:at + piece] for at in range(0, len(said), piece)]

    def send(self, data: bytes, deadline: Deadline) -> bool:
        return not self._pieces

    def receive(self, deadline: Deadline) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self._pieces.clear()


READERS: list[Callable[[Stream], object]] = [
    lambda stream: shell2.converse(stream, LINE, SOON),
    lambda stream: shell1.converse(stream, LINE, "ghost-0", SOON, terminal=True),
    lambda stream: sync.push(stream, (b"x",), "/x", 0o644, SOON),
    lambda stream: sync.pull(stream, "/x", 1000, SOON),
    lambda stream: sync.stat(stream, "/x", SOON, wide=True),
    lambda stream: sync.stat(stream, "/x", SOON, wide=False),
]
IDENTS = st.sampled_from([b"OKAY", b"FAIL", b"DATA", b"DONE", b"STAT", b"STA2", b"\1", b"\2", b"\3", b"ghost-0:1\n"])
BYTES = st.lists(st.one_of(st.binary(max_size=80), IDENTS, st.just(b"\5\0\0\0")), max_size=12).map(b"".join)


@pytest.mark.parametrize("reader", READERS, ids=["shell2", "shell1", "push", "pull", "stat2", "stat1"])
@given(said=BYTES, piece=st.integers(1, 100))
def test_whatever_comes(reader: Callable[[Stream], object], said: bytes, piece: int) -> None:
    try:
        reader(Spoken(said, piece))
    except (Broken, Said, sync.TooLong):
        return


@given(out=st.binary(max_size=300), err=st.binary(max_size=300), status=st.integers(0, 255), piece=st.integers(1, 50))
def test_shell_2_in_pieces_of_any_size(out: bytes, err: bytes, status: int, piece: int) -> None:
    frames = b"".join(shell2.HEADER.pack(kind, len(data)) + data
                      for kind, data in ((1, out), (2, err), (3, bytes([status]))))
    assert shell2.converse(Spoken(frames, piece), LINE, SOON) == Completed(status, out, err)
    with pytest.raises(Gone):
        shell2.converse(Spoken(frames[:-1], piece), LINE, SOON)


@given(out=st.binary(max_size=300), status=st.integers(0, 255), piece=st.integers(1, 50))
def test_shell_1_in_pieces_of_any_size(out: bytes, status: int, piece: int) -> None:
    said = out + b"ghost-0:%d\n" % status
    assert shell1.converse(Spoken(said, piece), LINE, "ghost-0", SOON, terminal=False) == Completed(status, out, b"")
