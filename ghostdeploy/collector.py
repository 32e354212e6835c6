"""Python's garbage collector, kept from walking through everything while a compiler makes millions of small objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def set_aside() -> Iterator[None]:
    """Take what exists out of the collector's sight for the length of the block: torch alone is a million objects, and
    every full collection would visit them all.

    Nothing is collected first: with each small graph that would take longer than all the rest (86 % of the time of the
    tests that trace one operator). A block within another one sets more aside, and the outer one's end brings all of it
    back. So collections between the stages of a fusion or an export, held from its first stage to its last, visit what
    was made since and no more.
    """
    outermost = not gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if outermost:
            gc.unfreeze()
