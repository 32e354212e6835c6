"""What it takes to bring one thing about a phone under control: to ask for it, set it, and put it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ghostdeploy.device.phone.questions import Question

Words = tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One thing about a phone. Its value is a word, the same in the record, the journal and the code.

    Attributes:
        name: in the result and in the journal.
        wanted: the value it should have while measuring.
        question: how to ask for its value.
        read: the value in the answer; None for what is not told.
        commands: what makes it a value; nothing for a value that nothing makes.
        assumed: what to put back where the phone does not tell; None: what is not told is not touched.
        lasting: it cannot be put back, and need not be.
    """

    name: str
    wanted: str
    question: Question
    read: Callable[[str], str | None]
    commands: Callable[[str], tuple[Words, ...]]
    assumed: str | None = None
    lasting: bool = False


def switch(text: str) -> str | None:
    """`on` or `off` in what `settings get` prints of a switch; one that was never touched is `null`, which is off."""
    return {"1": "on", "0": "off", "null": "off"}.get(text.strip())
