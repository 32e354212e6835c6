"""Other people's exceptions, and counts, in our sentences."""

from __future__ import annotations


def first_sentence(error: BaseException) -> str:
    """The type and first line of an exception: torch's and the backends' messages go on for pages, others are empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
