"""Where a rewrite pays that pays at some shapes only; profiles speak of such places, and need no graph for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A place where an alternative applies, as far as its cost depends on it: equal sites cost the same.

    `pass_name` is the pass's name, `shape` the numbers that its `site` documents: height and width of a map, then more.
    """

    pass_name: str
    shape: tuple[int, ...]

    @property
    def side(self) -> int:
        """The larger side of its map."""
        return max(self.shape[:2])


Wanted = Callable[[Site], bool]


def nowhere(site: Site) -> bool:
    """Without a measurement no alternative is applied."""
    return False
