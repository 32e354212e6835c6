"""How the library says what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told the name of each stage as it begins, and lines worth keeping."""

    def stage(self, name: str) -> None:
        """A stage begins; the one before it is done."""

    def note(self, text: str) -> None:
        """Something that the user should read."""


class Silent:
    """The default listener."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


SILENT: Progress = Silent()
