"""Numbers in other people's text: what is none, or absurdly large, is None."""

from __future__ import annotations

import re

# Longer ones are no measurement; Python also refuses to read numbers of more than 4300 digits.
MOST_DIGITS = 18
INTEGER = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}")
DECIMAL = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}(\.[0-9]{{0,{MOST_DIGITS}}})?([eE][+-]?[0-9]{{1,2}})?")


def integer(text: str | None) -> int | None:
    """`text` as a decimal integer."""
    return int(text) if text is not None and INTEGER.fullmatch(text := text.strip()) else None


def decimal(text: str | None) -> float | None:
    """`text` as a finite decimal number; Java writes `1.0E-4` too."""
    return float(text) if text is not None and DECIMAL.fullmatch(text := text.strip()) else None


def celsius(value: float | None) -> float | None:
    """A temperature that something in a phone can have. Broken sensors report 0 K, -127, or a raw count."""
    return value if value is not None and -40 < value < 150 and value != 0 else None
