"""torch eager as a peer: in the memory format that it can take, and never left out for the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.exporters.torch_eager import export
from benchmarks.runtimes.torch_eager import RUNTIME


class _Patches(nn.Module):
    """Looks at a map as rows of 16, which only a contiguous one is."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.head(self.convolution(x).view(1, -1, 16))
        return rows.mean(1)


def test_a_graph_that_cannot_take_channels_last_is_run_without(tmp_path: Path) -> None:
    module, image = _Patches().eval(), torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(RuntimeError, match="view size"):
        module(image.contiguous(memory_format=torch.channels_last))
    export(module, image, path := tmp_path / "model.pt")
    session = RUNTIME.load(path, 1)
    session.feed([image.numpy()])
    session.invoke()
    with torch.no_grad():
        np.testing.assert_allclose(session.read()[0], module(image).numpy(), rtol=1e-6)
