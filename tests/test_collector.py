"""What is set aside stays so until the outermost block ends, and what is made meanwhile can be collected."""

from __future__ import annotations

import gc
import weakref

import pytest

from ghostdeploy.collector import set_aside


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.self = self


def test_an_inner_block_brings_nothing_back() -> None:
    with set_aside():
        with set_aside():
            pass
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_garbage_made_in_the_block_is_collected_in_it() -> None:
    with set_aside():
        made = weakref.ref(Ring())
        gc.collect()
        assert made() is None


def test_an_error_brings_everything_back() -> None:
    with pytest.raises(KeyError), set_aside():
        raise KeyError
    assert gc.get_freeze_count() == 0
