"""Training forms: what `reparam` makes of a model computes the same, trains, and fuses back."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from ghostdeploy import fuse, zoo
from ghostdeploy.architecture import build, deployed
from ghostdeploy.branching import reparam
from ghostdeploy.branching.branches import Branches, Shape
from ghostdeploy.errors import UsageError
from ghostdeploy.untrained import randomise_norms
from tests.rewriting import operators

SHORT = "the first six blocks of GhostNetV3 0.5x"


def trained(name: str) -> nn.Module:
    return randomise_norms(short_ghostnetv3() if name == SHORT else build(zoo.card(name)))


def short_ghostnetv3() -> nn.Module:
    """timm's own, with strides, gates and squeezes in it, and a third of the blocks: tracing all of them takes 8 s."""
    from timm.models.ghostnet import GhostNet

    torch.manual_seed(0)
    blocks = ((3, 16, 16, 0, 1), (3, 48, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 0.25, 2), (5, 120, 40, 0.25, 1),
              (3, 240, 80, 0, 2))
    made: nn.Module = GhostNet([[list(block)] for block in blocks], 10, 0.5, version="v3").eval()
    return made


def with_statistics(module: nn.Module, *batches: torch.Tensor) -> nn.Module:
    """In evaluation mode, with the statistics of `batches` or of some: sums of branches with any others grow without
    bound."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None        # a plain mean over all batches
            part.reset_running_stats()
    module.train()
    with torch.no_grad():
        for batch in batches or [torch.randn(8, 3, 64, 64) for _ in range(3)]:
            module(batch)
    return module.eval()


def largest(module: nn.Module, other: nn.Module, x: torch.Tensor) -> float:
    with torch.no_grad():
        return float((module(x) - other(x)).abs().max())


@pytest.mark.parametrize("name", ["mobilenetv2_100", "shufflenet_v2_x1_0"])
def test_a_trained_model_computes_bit_for_bit_what_it_did(name: str) -> None:
    """New branches begin silent; the module handed in is left alone."""
    module, x = trained(name), torch.randn(2, 3, 64, 64)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    made = reparam(module, x)
    assert made.module.training
    assert largest(made.module.eval(), module, x) == 0
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert len(made.sites) > 50
    assert {kept.why for kept in made.kept} == {"it is neither depthwise nor pointwise"}


@pytest.mark.parametrize("name", ["mobilenetv2_100", "shufflenet_v2_x1_0"])
def test_fusion_brings_a_training_form_back(name: str) -> None:
    """Branches with values of their own: as many convolutions as the plain model has after fusion."""
    module, x = trained(name), torch.randn(1, 3, 64, 64)
    form = reparam(module, x, silent=False).module
    back, plain = fuse(with_statistics(form), x).report, fuse(module, x).report
    assert (back.convs_after, back.norms_after) == (plain.convs_after, 0)
    assert back.convs_before > 3 * plain.convs_before


def test_deployed_ghostnetv3_goes_back_into_timms_training_form() -> None:
    module, x = trained("ghostnetv3_050"), torch.randn(1, 3, 64, 64)
    back = reparam(deployed(module), x).module
    assert set(back.state_dict()) == set(module.state_dict())
    assert {key: value.shape for key, value in back.state_dict().items()} == {
        key: value.shape for key, value in module.state_dict().items()}
    assert largest(back.eval(), module, x) < 1e-5
    loss = back.train()(torch.randn(2, 3, 64, 64)).square().mean()
    loss.backward()
    quiet = [name for name, value in back.named_parameters() if value.grad is None]
    assert not quiet


@pytest.mark.parametrize("name", ["mobilenetv2_100", SHORT])
@pytest.mark.parametrize(("branches", "scale", "identity"), [(3, True, True), (1, False, False), (3, True, False),
                                                             (0, True, True), (5, False, True)])
def test_branches_that_were_trained_are_merged_or_stay(name: str, branches: int, scale: bool, identity: bool) -> None:
    """Whatever branches are wanted next, the model computes what it did; of those that stay nothing is built anew."""
    x = torch.randn(2, 3, 64, 64)
    form = with_statistics(reparam(trained(name), x, silent=False).module)
    made = reparam(form, x, branches=branches, scale=scale, identity=identity).module
    with torch.no_grad():
        exact = copy.deepcopy(form).double()(x.double())
        wrong, noise = (float((module(x) - exact).abs().max()) for module in (made.eval(), form))
    assert wrong < 4 * noise
    if (branches, scale, identity) == (3, True, True):
        assert largest(made, form, x) == 0
        assert [key for key, _ in made.named_parameters()] == [key for key, _ in form.named_parameters()]
    else:
        plain = reparam(trained(name), x, branches=branches, scale=scale, identity=identity, silent=False).module
        assert sum(value.numel() for value in made.parameters()) == sum(value.numel() for value in plain.parameters())


def moved_by_training_mode(module: nn.Module, x: torch.Tensor) -> float:
    """How far, of its answers' spread: there BatchNorms normalise by the batch."""
    setattr(module, "drop_rate", 0.0)  # noqa: B010 - timm's own switch, untyped
    with torch.no_grad():
        settled = module.eval()(x)
        return float((module.train()(x) - settled).square().mean().sqrt() / settled.std())


@pytest.mark.parametrize("name", ["mobilenetv2_100", SHORT])
@pytest.mark.parametrize("branches", [0, 1, 5])
def test_what_was_merged_trains_on_from_where_it_was(name: str, branches: int) -> None:
    """BatchNorms that know nothing of what they see would move the answers by 0.76 of their spread."""
    x = torch.randn(32, 3, 64, 64)
    form = with_statistics(reparam(trained(name), x, silent=False).module, x)
    made = reparam(form, x, branches=branches, scale=False, identity=False).module
    assert moved_by_training_mode(made, x) < 2 * moved_by_training_mode(form, x) < 0.2


def test_a_deployed_ghostnetv3_trains_on_from_where_it_was() -> None:
    x = torch.randn(32, 3, 64, 64)
    module = with_statistics(trained(SHORT), x)
    made = reparam(deployed(module), x, branches=1).module
    assert moved_by_training_mode(made, x) < 2 * moved_by_training_mode(module, x) < 0.2


@pytest.mark.parametrize(("name", "branches", "scale", "identity"), [
    (SHORT, 0, True, True), (SHORT, 1, False, False), (SHORT, 1, True, False), (SHORT, 2, False, True),
    ("ghostnetv3_050", 5, True, True)])
def test_ghostnetv3_with_other_branches_fuses_to_the_same_network(name: str, branches: int, scale: bool,
                                                                  identity: bool) -> None:
    x = torch.randn(1, 3, 64, 64)
    made = reparam(trained(name), x, branches=branches, scale=scale, identity=identity, silent=False).module
    fused, plain = fuse(with_statistics(made), x), fuse(trained(name), x)
    assert (fused.report.convs_after, fused.report.norms_after) == (plain.report.convs_after, 0)
    assert operators(fused.module) == operators(plain.module)       # a branch that is left out leaves nothing behind
    names = [name for name, part in made.named_modules() if name.endswith("cheap_rpr_conv")]
    assert all(len(made.get_submodule(name)) == max(1, branches) for name in names)


def test_without_branches_only_the_plain_convolutions_are_left() -> None:
    module, x = trained("mobilenetv2_100"), torch.randn(1, 3, 64, 64)
    made = reparam(module, x, branches=0)
    assert not [part for part in made.module.modules() if isinstance(part, Branches)]
    assert set(made.module.state_dict()) == set(module.state_dict())


def test_a_negative_number_of_branches_is_refused() -> None:
    with pytest.raises(UsageError, match="-1 branches"):
        reparam(nn.Identity(), torch.zeros(1), branches=-1)


class _Twice(nn.Module):
    """One convolution called twice, one read by two, one without a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.read, self.other = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.bare = nn.Conv2d(4, 4, 3, padding=1, groups=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.read(self.norm(self.twice(self.twice(x))))
        return self.bare(self.other(y) + y)


def test_convolutions_that_cannot_become_branches_are_named_with_why() -> None:
    made = reparam(_Twice(), torch.randn(1, 4, 8, 8))
    assert not made.sites
    assert {kept.conv: kept.why for kept in made.kept} == {
        "twice": "it or its BatchNorm is called more than once",
        "read": "something besides a BatchNorm reads its output", "bare": "no BatchNorm follows it"}


@settings(max_examples=25, deadline=None)
@given(channels=st.integers(1, 9), kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 2), bias=st.booleans(),
       depthwise=st.booleans(), out=st.integers(1, 9), copies=st.integers(1, 4), scale=st.booleans(),
       identity=st.booleans(), seed=st.integers(0, 2 ** 31))
def test_any_convolution_comes_back_from_its_branches(channels: int, kernel: int, stride: int, bias: bool,
                                                      depthwise: bool, out: int, copies: int, scale: bool,
                                                      identity: bool, seed: int) -> None:
    """Algebra over shapes: silent branches change nothing; loud ones fuse into one convolution."""
    torch.manual_seed(seed)
    kernel, out, groups = (kernel, channels, channels) if depthwise else (1, out, 1)
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=bias)
    module = randomise_norms(nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU()), seed).eval()
    x = torch.randn(2, channels, 9, 8)
    made = reparam(module, x, branches=copies, scale=scale, identity=identity)
    assert largest(made.module.eval(), module, x) == 0
    loud = randomise_norms(made.module, seed + 1)
    fused = fuse(loud, x)
    assert (fused.report.convs_after, fused.report.norms_after) == (1, 0)
    assert largest(fused.module, loud, x) <= 1e-5 * float(loud(x).detach().abs().max() + 1)


@pytest.mark.parametrize(("kernel", "groups", "padding"), [(5, 6, 2), (5, 6, "same"), (1, 1, 0), (1, 1, "same")])
def test_branches_of_any_padding_are_merged(kernel: int, groups: int, padding: int | str) -> None:
    conv = nn.Conv2d(6, 6, kernel, padding=padding, groups=groups)
    form = randomise_norms(Branches(conv, nn.BatchNorm2d(6), Shape(), silent=False)).eval()
    x = torch.randn(2, 6, 9, 8)
    assert largest(nn.Sequential(*form.merged()).eval(), form, x) <= 1e-5 * float(form(x).detach().abs().max())
