"""Random networks: whatever is fused computes what it did, to float64, and within the proof in float32."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from ghostdeploy.fusion import fuse
from tests.randomise import randomise_norms

SIZE = 9
KINDS = ["conv", "conv", "conv", "norm", "norm", "relu", "add", "add", "cat", "pool", "scale", "shift", "sub",
         "pad_conv", "neg"]


class RandomNet(nn.Module):
    """A program of steps; each appends a tensor made of earlier ones. All maps are [1, C, 9, 9], C any."""

    def __init__(self, data: st.DataObject) -> None:
        super().__init__()
        self.channels, self.steps, self.layers = [4], list[tuple[str, list[int], int]](), nn.ModuleDict()
        for i in range(data.draw(st.integers(3, 9), label="steps")):
            kind = data.draw(st.sampled_from(KINDS), label="kind")
            source = data.draw(st.integers(max(0, len(self.channels) - 4), len(self.channels) - 1), label="source")
            self._append(i, kind, source, data)

    def _append(self, i: int, kind: str, source: int, data: st.DataObject) -> None:
        c, sources = self.channels[source], [source]
        if kind in ("conv", "pad_conv"):
            out = data.draw(st.sampled_from([2, 3, 4, 6, c]))
            groups = data.draw(st.sampled_from([g for g in (1, 2, 3, c) if c % g == out % g == 0]))
            k, d = data.draw(st.sampled_from([1, 1, 3, 5])), data.draw(st.sampled_from([1, 1, 2]))
            padding = 0 if kind == "pad_conv" else k // 2 * d
            self.layers[str(i)] = nn.Conv2d(c, out, k, 1, padding, d, groups, bias=data.draw(st.booleans()))
            self.steps.append((kind, sources, k // 2 * d))
            self.channels.append(out)
            return
        if kind == "norm":
            self.layers[str(i)] = nn.BatchNorm2d(c, affine=data.draw(st.booleans()))
        elif kind in ("scale", "shift"):
            self.layers[str(i)] = nn.Conv2d(c, 1, 1)                         # holds one random number per channel
        elif kind in ("add", "sub"):
            alike = [j for j, other in enumerate(self.channels) if other == c]
            sources.append(data.draw(st.sampled_from(alike)))
        elif kind == "cat":
            sources.append(data.draw(st.integers(0, len(self.channels) - 1)))
            c += self.channels[sources[1]]
        self.steps.append((kind, sources, 0))
        self.channels.append(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for i, (kind, sources, extra) in enumerate(self.steps):
            layer = self.layers[str(i)] if str(i) in self.layers else nn.Identity()
            values.append(step(kind, layer, [values[j] for j in sources], extra))
        return torch.cat([values[-1], values[-2]], 1)


def step(kind: str, layer: nn.Module, inputs: list[torch.Tensor], extra: int) -> torch.Tensor:
    a, b = inputs[0], inputs[-1]
    match kind:
        case "conv" | "norm":
            return layer(a)
        case "pad_conv":
            return layer(functional.pad(a, [extra] * 4))
        case "relu":
            return torch.relu(a)
        case "neg":
            return -a
        case "scale":
            return a * layer.weight.view(-1, 1, 1)
        case "shift":
            return a + layer.weight.view(1, -1, 1, 1)
        case "add":
            return a + b
        case "sub":
            return a - b
        case "cat":
            return torch.cat([a, b], 1)
        case "pool":
            return functional.avg_pool2d(a, 3, 1, 1)
    raise AssertionError(kind)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_random_network(data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 99), label="seed"))
    net = randomise_norms(RandomNet(data)).eval()
    x = torch.randn(1, 4, SIZE, SIZE)
    report = fuse(net, x).report
    assert report.norms_after == 0
    net = net.double()
    exact = fuse(net, x.double(), verify=False).module
    with torch.no_grad():
        reference = net(x.double())
        scale = max(1.0, float(reference.abs().max()))
        torch.testing.assert_close(exact(x.double()) / scale, reference / scale, rtol=0, atol=1e-12)
