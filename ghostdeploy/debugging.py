"""What `GHOSTDEPLOY_DEBUG=1` turns on: tracebacks of errors, and a proof after every rewrite of a lowering."""

from __future__ import annotations

import os


def debugging() -> bool:
    """Is it set?"""
    return os.environ.get("GHOSTDEPLOY_DEBUG") == "1"
