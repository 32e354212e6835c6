"""Channel shuffles inside the weights of their readers: exact, refused with a reason, gone where promised."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ghostdeploy import loading
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.passes import ShuffleIntoWeights, run
from ghostdeploy.lowering.passes.channel_routes import moves, route, runs
from ghostdeploy.trace import trace
from tests.rewriting import Function, operators, rewritten

EXAMPLE = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(0))
TURNS = {"transpose.int", "permute.default"}


def shuffle(x: torch.Tensor, groups: int = 2) -> torch.Tensor:
    batch, channels, height, width = x.shape
    return x.view(batch, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


def turned(x: torch.Tensor) -> torch.Tensor:
    """A square part with its axes exchanged: the same shape, each channel of one channel, and no pixel in place."""
    return x[..., :5, :].transpose(2, 3)


def one_outcome(function, example: torch.Tensor = EXAMPLE, **parts: nn.Module):
    graph, (outcome,) = rewritten(Function(function, **parts), example, ShuffleIntoWeights())
    return graph, outcome


def test_shufflenet_has_no_shuffle_left() -> None:
    module = loading.load(None, model="shufflenet_v2_x1_0", random_weights=True, input_size=64).module.eval()
    example = torch.randn(1, 3, 64, 64)
    graph = fuse(module, example, verify=False).module
    assert operators(graph)["transpose.int"] == 16
    (outcome,) = run((ShuffleIntoWeights(),), graph, example, prove=True)
    assert (outcome.changed, outcome.refused) == (16, ())
    assert not TURNS & operators(graph).keys()
    with torch.no_grad():
        expected = module(example)
        assert (graph(example) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("groups", [2, 4])
def test_a_convolution_reads_what_was_shuffled(groups: int) -> None:
    graph, outcome = one_outcome(lambda x, a, b: b(shuffle(a(x), groups)), a=nn.Conv2d(4, 8, 1), b=nn.Conv2d(8, 5, 3))
    assert outcome.changed == 1
    assert operators(graph) == {"conv2d.default": 2}, "all channels of one map, in their own order: nothing to join"


def test_activations_and_depthwise_convolutions_stand_between() -> None:
    def function(x, a, b, c):
        return c(F.relu(b(F.relu6(shuffle(torch.cat([a(x), x], 1))))))

    graph, outcome = one_outcome(function, a=nn.Conv2d(4, 4, 1), b=nn.Conv2d(8, 8, 3, 2, 1, groups=8),
                                 c=nn.Conv2d(8, 3, 1, bias=False))
    assert outcome.changed == 1 and not TURNS & operators(graph).keys()


def test_two_readers_of_one_map_share_what_is_joined() -> None:
    def function(x, a, b, c):
        shuffled = shuffle(torch.cat([a(x), x], 1))
        return b(shuffled) + c(shuffled)

    graph, outcome = one_outcome(function, a=nn.Conv2d(4, 4, 1), b=nn.Conv2d(8, 3, 1), c=nn.Conv2d(8, 3, 1))
    assert outcome.changed == 1 and operators(graph)["cat.default"] == 1


@pytest.mark.parametrize(("function", "parts", "why"), [
    (lambda x, a: (lambda y: a(y) + y[:, :3])(shuffle(x)), {"a": nn.Conv2d(4, 3, 1)}, "reads channels in their order"),
    (lambda x, a: a(shuffle(x)), {"a": nn.Conv2d(4, 4, 1, groups=2)}, "reads channels in their order"),
    (lambda x, a, b: b(a(shuffle(x))), {"a": nn.Conv2d(4, 8, 3, groups=4), "b": nn.Conv2d(8, 3, 1)},
     "reads channels in their order"),
    (lambda x, a: a(shuffle(x) + 1), {"a": nn.Conv2d(4, 3, 1)}, "reads channels in their order"),
    (lambda x, a: a(shuffle(torch.cat([x, x], 1))), {"a": nn.Conv2d(8, 3, 1)}, "one channel is read twice"),
    (lambda x, a: a(torch.cat([shuffle(x), *(F.relu(x + i)[:, 1:3] for i in range(16))], 1)),
     {"a": nn.Conv2d(36, 3, 1)}, "more than 16 pieces"),
    (lambda x, a: a(x.transpose(2, 3)), {"a": nn.Conv2d(4, 3, 1)}, "not whole channels"),
    (lambda x, a: a(x.transpose(1, 2).reshape(x.shape)), {"a": nn.Conv2d(4, 3, 1)}, "not whole channels"),
    (lambda x, a: a(shuffle(turned(x))), {"a": nn.Conv2d(4, 3, 1)}, "not whole channels"),
    (lambda x, a: a(turned(x)), {"a": nn.Conv2d(4, 3, 1)}, "not whole channels"),
    (lambda x, a: a(x.view(1, 4, 3, 2, 5).transpose(2, 3).reshape(x.shape)), {"a": nn.Conv2d(4, 3, 1)},
     "not whole channels"),
    (lambda x: F.conv2d(shuffle(x), x.mean((2, 3)).view(1, 4, 1, 1)), {}, "computed from the input")])
def test_what_cannot_be_done_is_refused(function, parts: dict[str, nn.Module], why: str) -> None:
    _, outcome = one_outcome(function, **parts)
    assert outcome.changed == 0
    assert outcome.refused and all(why in refusal.why for refusal in outcome.refused)


def test_an_output_of_the_graph_keeps_its_order() -> None:
    graph, outcome = one_outcome(lambda x, a: (lambda y: torch.cat([a(y).flatten(), y.flatten()]))(shuffle(x)),
                                 a=nn.Conv2d(4, 3, 1))
    assert outcome.changed == 0 and TURNS & operators(graph).keys()


def test_where_nothing_is_shuffled_nothing_is_done() -> None:
    _, outcome = one_outcome(lambda x, a: a(torch.cat([x, x[:, 1:3]], 1)), a=nn.Conv2d(6, 3, 1))
    assert (outcome.changed, outcome.refused) == (0, ())


KINDS = st.sampled_from(["shuffle", "join", "halve", "roll", "roll rows"])
STEPS = st.lists(st.tuples(KINDS, st.integers(0, 5)), max_size=8)


@settings(max_examples=60)
@given(steps=STEPS, batch=st.integers(1, 2))
def test_routes_say_where_channels_come_from(steps: list[tuple[str, int]], batch: int) -> None:
    """Random moves: following the route by hand gives what running them gives, and runs hold each channel once. There
    is none exactly where a channel of the result is none of a source, pixel by pixel."""
    def moved(x: torch.Tensor) -> torch.Tensor:
        maps = [F.silu(x)]
        for step, number in steps:
            y = maps[number % len(maps)]
            if step == "shuffle":
                maps.append(shuffle(y, 2 if y.shape[1] % 2 == 0 else 1))
            elif step == "join":
                maps.append(torch.cat([y, maps[-1]], 1))
            elif step == "halve" and y.shape[1] > 1:
                maps.append(y.chunk(2, 1)[number % 2])
            elif step == "roll rows":
                maps.append(torch.cat([y[:, :, 1:], y[:, :, :1]], 2))
            else:
                maps.append(torch.cat([y[:, 1:], F.silu(y[:, :1] + number)], 1))
        return torch.cat([shuffle(maps[-1], 1), maps[0]], 1)

    x = torch.randn(batch, 4, 2, 3)
    graph = trace(Function(moved), x)
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    node = output.args[0][0] if isinstance(output.args[0], list | tuple) else output.args[0]
    channels = route(node)
    values = _values(graph, x)
    if channels is None:
        computed = torch.cat([values[source] for source in values if source.op != "output" and not moves(source)], 1)
        assert any(not (channel[:, None] == computed).all((0, 2, 3)).any() for channel in values[node].unbind(1))
        return
    by_hand = torch.stack([values[source][:, channel] for source, channel in channels], 1)
    assert torch.equal(by_hand, values[node])
    pieces = runs(channels)
    covered = [(piece.source, channel) for piece in pieces for channel in range(piece.low, piece.high)]
    assert sorted(map(repr, covered)) == sorted(map(repr, channels))


def _values(graph: torch.fx.GraphModule, x: torch.Tensor) -> dict[torch.fx.Node, torch.Tensor]:
    kept: dict[torch.fx.Node, torch.Tensor] = {}

    class Keeping(torch.fx.Interpreter):
        def run_node(self, n: torch.fx.Node):
            kept[n] = super().run_node(n)
            return kept[n]

    Keeping(graph).run(x)
    return kept
