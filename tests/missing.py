"""What a test needs and does not find: it is skipped and says why, and fails in CI, which has everything."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(sentence: str) -> NoReturn:
    """End the test, or the file that calls it while it is imported.

    `sentence` says what is missing and how to get it; pytest prints it (-ra).
    """
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence, allow_module_level=True)
