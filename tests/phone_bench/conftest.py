"""A phone that is switched on, reached through a fake adbd that can be told to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostdeploy.benchmark.subject import Subject, subjects
from tests.conditions.shell_link import ShellLink
from tests.conditions.shell_link import phone as switched_on
from tests.phone_bench.bench import Bench


@pytest.fixture(scope="session")
def one_phone() -> Iterator[ShellLink]:
    with switched_on() as desk:
        yield desk


@pytest.fixture
def phone(one_phone: ShellLink) -> Iterator[Bench]:
    """A phone as new, with nothing of ours on it."""
    one_phone.as_new()
    with Bench(one_phone) as bench:
        yield bench


@pytest.fixture(scope="session")
def tflite(tiny_bundle: Path) -> Subject:
    """The small network's .tflite: under qemu its program takes 0.3 s, ExecuTorch's 0.8."""
    return next(found for found in subjects(tiny_bundle) if found.model.format == "tflite")
