"""Asking a phone several things in one round trip: one fixed script whose answers are told apart by a marker."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ghostdeploy.device.adb.link import QUICK_S, Link

# A round trip over USB takes 5 to 30 ms, and one over Wi-Fi up to 100; a description asks a dozen things.
PER_QUESTION_S = 3.0    # added to the deadline for each: `dumpsys` gives up on a service after 10 s, most take 0.1 s


@dataclass(frozen=True)
class Question:
    """Something that a fixed piece of shell prints on stdout. `script` never holds anything that a user typed."""

    name: str
    script: str


@dataclass(frozen=True)
class Answers:
    """What the phone said, by the name of the question. A question that it did not get to has an empty answer."""

    texts: dict[str, str]
    statuses: dict[str, int]

    def __getitem__(self, question: Question) -> str:
        return self.texts.get(question.name, "")

    def status(self, question: Question) -> int | None:
        """The exit status of the question's script; None if the phone did not get to its end."""
        return self.statuses.get(question.name)


def ask(link: Link, questions: Sequence[Question], *parameters: str) -> Answers:
    """Ask `questions` in one command. `parameters` reach every script as `$1`, `$2`, ...

    Raises:
        DeviceError: see `Link`.
    """
    marker = f"@{secrets.token_hex(4)}"     # random, so that nothing a phone prints can be taken for it
    words = ("sh", "-c", script(questions), marker, *parameters)
    completed = link.run(words, deadline_s=QUICK_S + PER_QUESTION_S * len(questions))
    return split(completed.text, marker)


def script(questions: Sequence[Question]) -> str:
    """The script; its `$0` is the marker. What goes wrong is no answer, so stderr is not kept."""
    return "\n".join(f'echo; echo "$0 {question.name}"; {{ {question.script}\n}} </dev/null 2>/dev/null; '
                     's=$?; echo; echo "$0 = $s"' for question in questions)


def split(text: str, marker: str) -> Answers:
    """The answers in what the script printed."""
    texts: dict[str, str] = {}
    statuses: dict[str, int] = {}
    parts = re.split(rf"^{re.escape(marker)} (.*)$\n?", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    name = ""
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        if not head.startswith("= "):
            name = head
            texts[name] = body.removesuffix("\n")
        elif head[2:].isdigit():
            statuses[name] = int(head[2:])
    return Answers(texts, statuses)
