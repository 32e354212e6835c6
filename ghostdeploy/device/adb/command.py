"""From words to the one line that a phone's shell reads."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

# A service's name must fit one packet, and phones up to Android 5 take 4096 bytes with its final zero. adb's own server
# ends with a failed CHECK_LE on a longer one (sockets.cpp, connect_to_remote), so nobody may be sent more.
LONGEST_SERVICE = 4095
ROOM = 128      # for the service's own name, and for what `Sentinel` puts around the line


@dataclass(frozen=True)
class Line:
    """A line for the phone's shell, and what it has to be given on stdin."""

    text: str
    stdin: bytes


def line(words: Sequence[str]) -> Line:
    """Quote each word once. stdin is empty, so that no command waits for input that never comes.

    A line too long for a service's name goes through stdin: `dd` takes exactly its bytes, since `exec:` has no way to
    say that input has ended, and a block size over 1 would lose what comes in pieces.

    Raises:
        ValueError: no words, or one holds a zero byte, which no command line can.
    """
    if not words or any("\0" in word for word in words):
        raise ValueError(f"no command line: {words!r}")
    text = f"{shlex.join(words)} </dev/null"
    raw = text.encode()
    if len(raw) + ROOM <= LONGEST_SERVICE:
        return Line(text, b"")
    return Line(f'ghost=$(dd bs=1 count={len(raw)} 2>/dev/null); eval "$ghost"', raw)


def sentinel() -> str:
    """A mark that no output holds by chance."""
    return f"ghost-{secrets.token_hex(8)}"
