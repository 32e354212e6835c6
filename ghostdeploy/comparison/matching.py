"""Which of A belongs to which of B, where both hold several artifacts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from ghostdeploy.errors import ResultsIncomparable
from ghostdeploy.progress import Progress

T = TypeVar("T")


def matched(ours: Sequence[T], theirs: Sequence[T], key: Callable[[T], Hashable], progress: Progress
            ) -> list[tuple[T, T]]:
    """Pairs in the order of `ours`: the only two there are, else those of the same key. What stays alone is named.

    Raises:
        ResultsIncomparable: nothing of one belongs to anything of the other, or a key stands twice on one side.
    """
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    mine, other = ({key(item): item for item in side} for side in (ours, theirs))
    if len(mine) < len(ours) or len(other) < len(theirs):
        raise ResultsIncomparable("several artifacts of one side are alike",
                                  "format, precision and threads do not tell them apart", "name single artifacts")
    pairs = [(item, other[name]) for name, item in mine.items() if name in other]
    if not pairs:
        raise ResultsIncomparable("nothing of A belongs to anything of B",
                                  "no two have the same format, precision and threads", "name single artifacts")
    if alone := sorted(_told(name) for name in mine.keys() ^ other.keys()):
        progress.note(f"only on one side, and left out: {', '.join(alone)}")
    return pairs


def _told(name: Hashable) -> str:
    """A key in words: format, precision and threads, as far as it has them."""
    return " ".join(str(part) for part in name if part is not None) if isinstance(name, tuple) else str(name)
