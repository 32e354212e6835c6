"""What torch.fx remembers of every node, kept from growing while ExecuTorch retraces a graph thirty times.

Each retrace deep-copies the whole history of each node into the next, and records the Python stack besides. Nothing in
a program depends on either: the bytes are the same. GhostNetV3 1.0x, interleaved: 27 instead of 34 s of CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.fx import GraphModule, config
from torch.fx.traceback import NodeSource


def forget(module: GraphModule) -> None:
    """Keep shapes only, of what was remembered so far."""
    for node in module.graph.nodes:
        node.meta = {"val": node.meta["val"]} if "val" in node.meta else {}


@contextmanager
def frugal() -> Iterator[None]:
    """For the length of the block, histories are shared instead of copied (nobody changes one) and stacks left out."""
    before = config.do_not_emit_stack_traces
    config.do_not_emit_stack_traces = True
    NodeSource.__deepcopy__ = _itself    # type: ignore[attr-defined]
    try:
        yield
    finally:
        del NodeSource.__deepcopy__    # type: ignore[attr-defined]
        config.do_not_emit_stack_traces = before


def _itself(history: NodeSource, memo: dict[int, Any]) -> NodeSource:
    return history
