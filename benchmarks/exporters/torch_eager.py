"""torch's own interpreter: nothing is exported; the fused module is pickled with the faster memory format."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch
from torch import nn

from ghostdeploy.fusion import fuse

TRIES = 10      # a memory format loses by tens of per cent or not at all, which ten runs tell apart


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The fused graph as a module, and the memory format in which it was faster here."""
    graph = fuse(module, example).module
    torch.save({"module": graph, "channels_last": _channels_last_is_faster(graph, example)}, path)


def _channels_last_is_faster(graph: nn.Module, example: torch.Tensor) -> bool:
    contiguous = _median(graph, example, channels_last=False)
    try:
        return _median(graph, example, channels_last=True) < contiguous
    except RuntimeError:        # a view that was traced of a contiguous map is none there (MobileViT)
        return False


@torch.inference_mode()
def _median(graph: nn.Module, example: torch.Tensor, channels_last: bool) -> float:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    graph = graph.to(memory_format=layout)      # type: ignore[call-overload]
    image = example.contiguous(memory_format=layout)
    samples = []
    for _ in range(TRIES):
        start = time.perf_counter()
        graph(image)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)
