"""Rewrites whose worth depends on the shape: exact wherever they are applied, applied only where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from ghostdeploy.lowering.passes import (
    ConcatenationPastDepthwise,
    FiveTapsAsThreeAndThree,
    FullTiles,
    IdentityTaps,
    PointwiseOfConcatenation,
)
from ghostdeploy.lowering.passes import five_taps as five
from ghostdeploy.lowering.site import Site
from tests.ghosts import Ghost
from tests.rewriting import Function, operators, rewritten


def anywhere(site: Site) -> bool:
    return True


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("act", [None, nn.ReLU()])
def test_a_ghost_module_becomes_two_convolutions(kernel: int, act: nn.Module | None) -> None:
    graph, _ = rewritten(Ghost(5, 7, kernel, act), torch.randn(2, 5, 9, 6), IdentityTaps(anywhere))
    assert operators(graph) == {"conv2d.default": 2} | ({"relu.default": 2} if act else {})


@pytest.mark.parametrize("act", [nn.ReLU6(), nn.Sigmoid(), nn.Hardtanh()])
def test_identity_taps_leave_other_activations_alone(act: nn.Module) -> None:
    """Behind the copied half they would be applied twice, which only a relu survives."""
    graph, (outcome,) = rewritten(Ghost(5, 7, 3, act), torch.randn(1, 5, 6, 6), IdentityTaps(anywhere))
    assert outcome.changed == 0
    assert operators(graph)["cat.default"] == 1


def test_identity_taps_are_refused_where_the_map_is_needed_besides() -> None:
    ghost = Ghost(5, 7, 3, None)
    module = Function(lambda x, ghost: (joined := ghost(x)) + F.pad(joined[:, :7], (0, 0, 0, 0, 0, 7)), ghost=ghost)
    graph, _ = rewritten(module, torch.randn(1, 5, 6, 6), IdentityTaps(anywhere))     # slices of it are fine
    assert operators(graph)["cat.default"] == 0
    module = Function(lambda x, ghost: torch.cat([(y := ghost.primary(x)), ghost.cheap(y)], 1) + y.mean(),
                      ghost=ghost)
    _, (outcome,) = rewritten(module, torch.randn(1, 5, 6, 6), IdentityTaps(anywhere))
    assert "something else reads the map" in outcome.refused[0].why


class Joined(nn.Module):
    """A layer on two or three maps side by side."""

    def __init__(self, *layers: nn.Module, parts: tuple[int, ...] = (4, 6)) -> None:
        super().__init__()
        self.sources, self.layers = nn.ModuleList(nn.Conv2d(3, c, 1) for c in parts), nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([source(x) for source in self.sources], 1))


@pytest.mark.parametrize("layers", [
    (nn.Conv2d(10, 10, 3, 2, 1, groups=10), nn.ReLU()), (nn.Conv2d(10, 20, 3, padding=2, dilation=2, groups=10),),
    (nn.Conv2d(10, 10, (1, 5), bias=False, groups=10), nn.ReLU6())])
def test_depthwise_convolutions_do_not_need_the_concatenation(layers: tuple[nn.Module, ...]) -> None:
    graph, _ = rewritten(Joined(*layers), torch.randn(1, 3, 9, 8), ConcatenationPastDepthwise(anywhere))
    counts = operators(graph)
    assert counts["conv2d.default"] == 4
    assert graph.graph.output_node().all_input_nodes[0].target is torch.ops.aten.cat.default     # activation inside


@pytest.mark.parametrize("parts", [(4, 6), (1, 2, 7)])
@pytest.mark.parametrize("layer", [nn.Conv2d(10, 5, 1), nn.Conv2d(10, 5, 1, stride=2, bias=False)])
def test_pointwise_convolutions_add_instead(layer: nn.Module, parts: tuple[int, ...]) -> None:
    graph, _ = rewritten(Joined(layer, nn.ReLU(), parts=parts), torch.randn(1, 3, 9, 8),
                         PointwiseOfConcatenation(anywhere))
    counts = operators(graph)
    assert counts["cat.default"] == 0
    assert counts["add.Tensor"] == len(parts) - 1
    assert counts["conv2d.default"] == 2 * len(parts)


@pytest.mark.parametrize("rewrite", [ConcatenationPastDepthwise, PointwiseOfConcatenation])
def test_a_concatenation_that_others_read_stays(rewrite: type) -> None:
    layer = nn.Conv2d(10, 10, 1, groups=10 if rewrite is ConcatenationPastDepthwise else 1)
    module = Function(lambda x, layer: layer(joined := torch.cat([x[:, :4], x[:, 4:]], 1)) + joined, layer=layer)
    _, (outcome,) = rewritten(module, torch.randn(1, 10, 6, 6), rewrite(anywhere))
    assert "something else reads the concatenation" in outcome.refused[0].why


def test_identity_taps_want_a_convolution_before_its_depthwise_one() -> None:
    layer = nn.Conv2d(10, 10, 3, padding=1, groups=10)
    for module in (Function(lambda x, layer: torch.cat([x, layer(x)], 1), layer=layer),
                   Function(lambda x, layer: torch.cat([x.sigmoid(), layer(x)], 1), layer=layer)):
        _, (outcome,) = rewritten(module, torch.randn(1, 10, 6, 6), IdentityTaps(anywhere))
        assert outcome == type(outcome)("identity-taps", 0, ())


def test_grouped_and_dense_convolutions_are_others() -> None:
    for layer in (nn.Conv2d(10, 10, 3, groups=5), nn.Conv2d(10, 10, 3), nn.Conv2d(10, 10, 1, groups=2)):
        _, outcomes = rewritten(Joined(layer), torch.randn(1, 3, 6, 6), ConcatenationPastDepthwise(anywhere),
                                PointwiseOfConcatenation(anywhere))
        assert [outcome.changed for outcome in outcomes] == [0, 0]


@pytest.mark.parametrize("layer", [nn.Conv2d(3, 12, 1), nn.Conv2d(3, 7, 3, 2, 1, bias=False),
                                   nn.Conv2d(3, 20, (1, 3), dilation=2)])
@pytest.mark.parametrize("act", [None, nn.ReLU6(), nn.Sigmoid()])
def test_tiles_are_filled_and_cut(layer: nn.Conv2d, act: nn.Module | None) -> None:
    module = nn.Sequential(layer, act) if act else layer
    graph, _ = rewritten(module, torch.randn(2, 3, 9, 8), FullTiles(anywhere))
    (conv,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.conv2d.default)
    assert conv.meta["val"].shape[1] == -(-layer.out_channels // 8) * 8
    (cut,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.slice.Tensor)
    assert (cut.args[0] is conv) == (not isinstance(act, nn.ReLU6))       # behind what runs inside the convolution


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 16, 1), nn.Conv2d(6, 12, 1, groups=2), nn.Conv2d(6, 6, 3, groups=6),
                                   nn.Conv2d(6, 12, (9, 8))])
def test_full_tiles_groups_and_single_pixels_stay(layer: nn.Module) -> None:
    _, (outcome,) = rewritten(layer, torch.randn(1, 6, 9, 8), FullTiles(anywhere))
    assert (outcome.changed, outcome.refused) == (0, ())


def test_tiles_of_unknown_weights_stay() -> None:
    module = Function(lambda x: F.conv2d(x, x[:, :, :1, :1].reshape(3, 1, 1, 1).expand(3, 3, 1, 1)))
    _, (outcome,) = rewritten(module, torch.randn(1, 3, 6, 6), FullTiles(anywhere))
    assert outcome.refused[0].why == "its weights are computed from the input"


@pytest.mark.parametrize("kernel", [(1, 5), (5, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_five_taps_become_three_and_three(kernel: tuple[int, int], bias: bool) -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(6, 6, kernel, padding=(kernel[0] // 2, kernel[1] // 2), groups=6, bias=bias)
    graph, _ = rewritten(layer, torch.randn(2, 6, 7, 5), FiveTapsAsThreeAndThree(anywhere))
    assert [tuple(n.args[1].meta["val"].shape) for n in graph.graph.find_nodes(
        op="call_function", target=torch.ops.aten.conv2d.default)] == [(6, 1, *(min(k, 3) for k in kernel))] * 2


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 6, (1, 5), groups=6), nn.Conv2d(6, 6, 5, padding=2, groups=6),
                                   nn.Conv2d(6, 6, (1, 5), padding=(0, 2)),
                                   nn.Conv2d(6, 6, (1, 5), (1, 2), padding=(0, 2), groups=6)])
def test_other_kernels_keep_their_taps(layer: nn.Module) -> None:
    _, (outcome,) = rewritten(layer, torch.randn(1, 6, 9, 9), FiveTapsAsThreeAndThree(anywhere))
    assert outcome.changed == 0


LEAST = 1e-6     # of the largest tap: what is smaller and not 0 may be refused, see below
TAPS = st.lists(st.one_of(st.just(0.0), st.floats(-4, 4, width=32)), min_size=5, max_size=5)


@settings(deadline=None, max_examples=500)
@given(TAPS)
def test_any_five_taps_are_a_product_that_amplifies_at_most_16_fold(taps: list[float]) -> None:
    """Zeros, multiple roots and roots at infinity included."""
    row = np.array([taps])
    assume(all(tap == 0 or abs(tap) >= LEAST * np.abs(row).max() for tap in taps))
    first, second = five._factors(row)
    assert five._exact(row, first, second)
    assert np.abs(first).sum() * np.abs(second).sum() <= 16 * np.abs(taps).sum() * (1 + 1e-6)


def test_taps_that_float64_cannot_part_are_refused() -> None:
    """Found by the test above before it had a least: a root at 3e8 costs the one at -1 half of its digits."""
    layer = nn.Conv2d(2, 2, (1, 5), padding=(0, 2), groups=2)
    with torch.no_grad():
        layer.weight[0, 0, 0] = torch.tensor([0.0, 3.611221099930617e-09, 1.0, 1.0, 0.0])
    _, (outcome,) = rewritten(layer, torch.randn(1, 2, 6, 9), FiveTapsAsThreeAndThree(anywhere))
    assert (outcome.changed, outcome.refused[0].why) == (0, "some taps have no factors in float64")


def test_ordinary_taps_amplify_less() -> None:
    """Weights as training starts from them."""
    taps = np.random.default_rng(0).normal(size=(500, 5))
    first, second = five._factors(taps)
    gains = np.abs(first).sum(axis=1) * np.abs(second).sum(axis=1) / np.abs(taps).sum(axis=1)
    assert np.median(gains) == pytest.approx(1.6, abs=0.2)


def test_taps_without_factors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: with roots that are wrong, nothing is rewritten."""
    monkeypatch.setattr(five.np.linalg, "eigvals", lambda companions: np.ones(companions.shape[:-1]))
    layer = nn.Conv2d(2, 2, (1, 5), padding=(0, 2), groups=2)
    _, (outcome,) = rewritten(layer, torch.randn(1, 2, 6, 9), FiveTapsAsThreeAndThree(anywhere))
    assert (outcome.changed, outcome.refused[0].why) == (0, "some taps have no factors in float64")


@pytest.mark.parametrize("rewrite", [ConcatenationPastDepthwise, FiveTapsAsThreeAndThree, IdentityTaps,
                                     PointwiseOfConcatenation])
def test_without_a_measurement_nothing_changes(rewrite: type) -> None:
    module = nn.Sequential(Ghost(5, 7, 3, nn.ReLU()), nn.Conv2d(14, 14, (1, 5), padding=(0, 2), groups=14),
                           nn.Conv2d(14, 3, 1),
                           Joined(nn.Conv2d(10, 10, 3, groups=10), nn.Conv2d(10, 3, 1)), Joined(nn.Conv2d(10, 4, 1)))
    _, (outcome,) = rewritten(module, torch.randn(1, 5, 6, 6), rewrite())
    assert outcome == type(outcome)(rewrite.name, 0, ())


def test_sites_tell_what_the_cost_depends_on() -> None:
    seen: list[Site] = []
    module = nn.Sequential(Ghost(5, 7, 3, nn.ReLU()), nn.Conv2d(14, 14, 3, 2, 1, groups=14), nn.Conv2d(14, 14, (1, 5),
                           padding=(0, 2), groups=14))
    rewrites = [kind(lambda site: bool(seen.append(site))) for kind in
                (ConcatenationPastDepthwise, FiveTapsAsThreeAndThree, IdentityTaps)]
    rewritten(module, torch.randn(1, 5, 8, 6), *rewrites)
    assert set(seen) == {Site("concatenation-past-depthwise", (8, 6, 3, 3, 2, 2, 7, 7)),
                         Site("five-taps-as-three-and-three", (4, 3, 1, 5, 14)),
                         Site("identity-taps", (8, 6, 3, 3, 5, 7))}
