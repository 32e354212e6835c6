"""Where the axes of a tensor lie in memory: the algebra behind NHWC, and behind every view and permutation.

A tensor of the graph is kept as a TFLite tensor whose axis i is the graph's axis `order[i]`. A map (N, C, H, W) out of
a convolution has the order (0, 2, 3, 1); tokens have the identity. `permute` then costs nothing, it only renames; a
view costs a RESHAPE where the axes that it splits or merges lie together, and one TRANSPOSE before it where they do
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]
Order = tuple[int, ...]

NHWC: Order = (0, 2, 3, 1)


def identity(rank: int) -> Order:
    """The order of a tensor stored as the graph has it."""
    return tuple(range(rank))


def stored(shape: Sequence[int], order: Order) -> Shape:
    """Shape in memory of a graph tensor of `shape` kept in `order`."""
    return tuple(shape[axis] for axis in order)


def permuted(order: Order, dims: Sequence[int]) -> Order:
    """Order of `permute(x, dims)` over the same memory, x being kept in `order`."""
    renamed = {axis: new for new, axis in enumerate(dims)}
    return tuple(renamed[axis] for axis in order)


def significant(shape: Sequence[int], order: Order) -> Order:
    """`order` without the axes of length 1: two orders equal in this differ by a RESHAPE, not by a TRANSPOSE."""
    return tuple(axis for axis in order if shape[axis] != 1)


def last(order: Order, axis: int) -> Order:
    """`order` with `axis` moved to the end, where TFLite's matrix operators and softmax want it."""
    return (*(a for a in order if a != axis), axis)


@dataclass(frozen=True)
class ViewPlan:
    """How to view a stored tensor: bring it to `before` (a TRANSPOSE if it is not there), then reshape to `after`."""

    before: Order
    after: Order


def plan_view(shape: Shape, target: Shape, order: Order) -> ViewPlan:
    """Plan the view of `shape`, kept in `order`, as `target` (row-major in the graph's axes, as ATen's view)."""
    groups = _groups(shape, target)
    owner = {axis: g for g, (sources, _) in enumerate(groups) for axis in sources}
    # By their last axes: attention's heads, which lie before the tokens, join behind them, where the next linear layer
    # wants them. By their first axes DeiT-tiny had 60 TRANSPOSEs instead of 48, Mobile-Former-52M 115 instead of 82.
    sequence = list(dict.fromkeys(owner[axis] for axis in reversed(significant(shape, order))))[::-1]
    if [axis for g in sequence for axis in groups[g][0]] == list(significant(shape, order)):
        before = order
    else:
        units = [axis for axis in order if shape[axis] == 1]
        before = (*units, *(axis for g in sequence for axis in groups[g][0]))
    return ViewPlan(before, _natural(target, [axis for g in sequence for axis in groups[g][1]]))


def _groups(shape: Shape, target: Shape) -> list[tuple[list[int], list[int]]]:
    """Smallest runs of source axes and target axes that hold the same elements; axes of length 1 left out."""
    sources = [a for a in range(len(shape)) if shape[a] != 1]
    targets = [a for a in range(len(target)) if target[a] != 1]
    groups = []
    i = j = 0
    while i < len(sources):
        left, right = [sources[i]], [targets[j]]
        i, j = i + 1, j + 1
        while (have := prod(shape[a] for a in left)) != (want := prod(target[a] for a in right)):
            if have < want:
                left.append(sources[i])
                i += 1
            else:
                right.append(targets[j])
                j += 1
        groups.append((left, right))
    return groups


def _natural(shape: Shape, sequence: list[int]) -> Order:
    """An order with the given sequence of significant axes, preferably one that operators ask for."""
    for candidate in (NHWC, identity(4)) if len(shape) == 4 else (identity(len(shape)),):
        if list(significant(shape, candidate)) == sequence:
            return candidate
    units = [axis for axis in range(len(shape)) if shape[axis] == 1]
    return (*units, *sequence)
