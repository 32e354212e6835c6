"""The phone of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conditions.shell_link import ShellLink, phone


@pytest.fixture(scope="session")
def switched_on() -> Iterator[ShellLink]:
    """One phone for all tests of a process: switching on takes longer than anything that they do."""
    with phone() as link:
        yield link


@pytest.fixture
def link(switched_on: ShellLink) -> ShellLink:
    """A phone as new: asleep, locked without a secret, battery saver on, a game in front."""
    switched_on.as_new()
    return switched_on
