"""What goes wrong, where and when."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Stage = Literal["connect", "auth", "open", "shell", "push", "pull", "stat"]
What = Literal["cut", "hang", "close", "refuse", "garbage", "fail", "deaf", "flip"]

# What each stage can do wrong; anything else is a mistake in a test.
POSSIBLE: dict[Stage, tuple[What, ...]] = {
    "connect": ("cut", "hang", "garbage"),
    "auth": ("cut", "hang", "garbage"),
    "open": ("cut", "hang", "garbage", "refuse"),
    "shell": ("cut", "hang", "garbage", "close"),
    "push": ("cut", "hang", "garbage", "close", "fail", "deaf", "flip"),
    "pull": ("cut", "hang", "garbage", "close", "fail"),
    "stat": ("cut", "hang", "garbage", "close"),
}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        stage: connect (answering CNXN), auth (the token), open (of any service), shell (a command's output), and push,
            pull, stat (one request of the sync service each).
        what: cut (the connection breaks), hang (nothing more comes and nothing more is read), close (only this service
            ends), refuse (OPEN is refused), garbage (bytes that are not the protocol), fail (the phone answers FAIL
            `text`, and goes on reading), deaf (the same, and it reads no more), flip (one byte arrives changed).
        after: bytes of output or of the file that pass before it happens.
        nth: which of the stage's occurrences `only` matches, from 1; 0: every one.
        only: a part of the service's name, the command or the path.
        text: the phone's words, for fail and deaf.
    """

    stage: Stage
    what: What
    after: int = 0
    nth: int = 1
    only: str = ""
    text: str = "write failed: No space left on device"

    def __post_init__(self) -> None:
        if self.what not in POSSIBLE[self.stage]:
            raise ValueError(f"{self.stage} cannot {self.what}")


class Plan:
    """The faults of one phone, and how often each stage has come."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Fault, int] = dict.fromkeys(faults, 0)
        self.happened: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """One more; it counts from now."""
        with self._lock:
            self._seen[fault] = 0

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._seen.clear()

    def due(self, stage: Stage, name: str = "") -> Fault | None:
        """Called at each occurrence of a stage: the fault that shall happen at this one."""
        with self._lock:
            due = None
            for fault in self._seen:
                if fault.stage == stage and fault.only in name:
                    self._seen[fault] += 1
                    if fault.nth in (0, self._seen[fault]):
                        due = fault
            if due:
                self.happened.append(due)
            return due
