"""Sites: found in a graph, cut out of it, lowered alone and measured."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ghostdeploy.device.lookup import opened
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.lowering.passes import alternatives, run
from ghostdeploy.lowering.site import Site
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.progress import SILENT
from ghostdeploy.trace import trace
from ghostdeploy.tuning.meters import TimeMeter
from ghostdeploy.tuning.profile import Unit
from ghostdeploy.tuning.sites import sites, sites_left
from ghostdeploy.tuning.tune import tune
from tests.ghosts import five_taps, small
from tests.rewriting import Function

EXAMPLE = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_every_site_is_found_once_also_those_that_other_rewrites_make() -> None:
    found = {site.site for site in sites(trace(small(), EXAMPLE), EXAMPLE)}
    assert found == {Site("identity-taps", (32, 32, 3, 3, 3, 6)), Site("identity-taps", (16, 16, 3, 3, 12, 8)),
                     Site("concatenation-past-depthwise", (32, 32, 3, 3, 2, 2, 6, 6)),
                     Site("concatenation-past-depthwise", (16, 16, 1, 5, 1, 1, 8, 8)),
                     Site("five-taps-as-three-and-three", (16, 16, 1, 5, 16)),
                     # once the concatenation has moved past a depthwise convolution, or five taps are three and three
                     Site("five-taps-as-three-and-three", (16, 16, 1, 5, 8)),
                     Site("pointwise-of-concatenation", (16, 16, 1, 1, 8, 6, 6)),
                     Site("concatenation-past-depthwise", (16, 16, 1, 3, 1, 1, 8, 8)),
                     Site("full-tiles", (32, 32, 1, 1, 3, 6)),
                     # once identity taps have doubled it
                     Site("full-tiles", (32, 32, 1, 1, 3, 12))}


def test_what_the_wanted_rewrites_make_together_are_sites() -> None:
    """A sum in place of the concatenation comes up once that has moved past the depthwise convolution."""
    past = Site("concatenation-past-depthwise", (32, 32, 3, 3, 2, 2, 6, 6))
    left = {site.site for site in sites_left(trace(small(), EXAMPLE), EXAMPLE, lambda site: site == past)}
    assert past not in left
    assert Site("pointwise-of-concatenation", (16, 16, 1, 1, 8, 6, 6)) in left


def test_what_is_left_of_a_shuffle_is_a_site() -> None:
    def halves(x: torch.Tensor, a: nn.Module, b: nn.Module) -> torch.Tensor:
        both = torch.cat([F.relu(a(x)), a(x)], 1)
        return b(both.view(1, 2, 4, 32, 32).transpose(1, 2).reshape(both.shape).chunk(2, 1)[1])

    graph = trace(Function(halves, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 5, 1)).eval(), EXAMPLE)
    found = [each.site for each in sites(graph, EXAMPLE)]
    assert Site("pointwise-of-concatenation", (32, 32, 1, 1, 5, 2, 2)) in found


def test_both_forms_of_a_site_compute_the_same_and_lower_alone() -> None:
    for site in sites(trace(small(), EXAMPLE), EXAMPLE):
        changed = copy.deepcopy(site.module)
        outcomes = run(alternatives(lambda other, site=site: other == site.site), changed, site.inputs)
        assert sum(outcome.changed for outcome in outcomes) == 1
        (plain,), (rewritten,) = site.module(*site.inputs), changed(*site.inputs)
        torch.testing.assert_close(rewritten, plain, rtol=1e-5, atol=1e-6)
        assert len(lower_tflite(site.module, site.inputs).inputs) == len(site.inputs)


def test_wanted_sites_are_rewritten_and_no_others() -> None:
    graph = trace(small(), EXAMPLE)
    site = Site("identity-taps", (16, 16, 3, 3, 12, 8))
    passes = dict(lower_tflite(graph, EXAMPLE, wanted=lambda other: other == site).passes)
    assert passes["identity-taps"] == 1
    assert passes["five-taps-as-three-and-three"] == passes["concatenation-past-depthwise"] == 0


def test_tuning_measures_both_forms_on_the_device(tmp_path: Path) -> None:
    module = five_taps()
    example = torch.randn(1, 3, 16, 16)
    with opened("local") as device:
        known = tune([(module, example)], TimeMeter(device), formats=("tflite",))
    (cost,) = known.sites
    assert cost.site == Site("five-taps-as-three-and-three", (16, 16, 5, 1, 8))
    assert cost.plain > 0
    assert cost.rewritten > 0
    assert known.unit == "ns"
    assert known.measured.runtimes["tflite"].startswith("litert 2.")
    with opened("local") as device:     # nothing is measured again
        assert tune([(module, example)], TimeMeter(device), formats=("tflite",), known=known).sites == known.sites


def test_costs_are_those_of_the_forms_in_whatever_order_they_are_opened(tmp_path: Path) -> None:
    """The heavy form is ten times the work of the light one."""
    example, forms = torch.zeros(1, 8, 32, 32), {}
    for name, module in (("light", nn.Conv2d(8, 16, 3, padding=1)), ("heavy", nn.Conv2d(8, 160, 3, padding=1))):
        made = lower_tflite(trace(module, example), example)
        (tmp_path / name).write_bytes(made.data)
        forms[name] = ArtifactUnderTest(tmp_path / name, "tflite", "fp32", made.inputs, made.outputs)
    given = [forms[name] for name in ("light", "heavy", "heavy", "light")]
    with opened("local") as device, TimeMeter(device).measuring(given, SILENT) as costs:
        light, heavy, heavy_too, light_too = costs(given, [example.numpy()])
    assert 3 * max(light, light_too) < min(heavy, heavy_too)


class Paying:
    """A device on which a rewrite pays wherever it is that one."""

    unit: Unit = "instructions"
    device = "made up for a test"

    def __init__(self, pays: str) -> None:
        self.pays = pays

    def measuring(self, artifacts, progress):
        def costs(forms, inputs):
            return [2.0, 1.0 if self.pays in self.stage else 3.0]
        return nullcontext(costs)

    def runtimes(self, formats):
        return {}

    def __call__(self, name: str) -> None:
        self.stage = name


class Staged:
    """Progress that tells what is measured."""

    def __init__(self, meter: Paying) -> None:
        self.stage = meter

    def note(self, text: str) -> None:
        """Nothing."""


def test_tuning_goes_on_with_what_the_rewrites_that_pay_make() -> None:
    """Of 16 channels, with the concatenation in front of it, the sum is there only when two others were applied."""
    module = Function(lambda x, a, b, dw, last: last(dw(torch.cat([a(x), b(x)], 1))), a=nn.Conv2d(3, 6, 1),
                      b=nn.Conv2d(3, 6, 1), dw=nn.Conv2d(12, 12, 3, 2, 1, groups=12), last=nn.Conv2d(12, 12, 1)).eval()

    def found(pays: str) -> set[Site]:
        meter = Paying(pays)
        return {cost.site for cost in tune([(module, EXAMPLE)], meter, formats=["tflite"],
                                           progress=Staged(meter)).sites}

    either = found("concatenation-past-depthwise") | found("full-tiles")
    assert found(" ") - either == {Site("pointwise-of-concatenation", (16, 16, 1, 1, 16, 6, 6))}


class Partial:
    """A device on which only the first `runs` sites run."""

    unit: Unit = "ns"
    device = "made up for a test"

    def __init__(self, runs: int) -> None:
        self.left = runs

    def measuring(self, artifacts, progress):
        return nullcontext(self._costs)

    def _costs(self, artifacts, inputs):
        self.left -= 1
        if self.left < 0:
            raise RunnerFailed("it crashed", "", "")
        return [2.0, 1.0]

    def runtimes(self, formats):
        return {}


def test_a_site_that_does_not_run_is_left_out_and_a_device_that_runs_none_is_an_error() -> None:
    modules = [(small(), EXAMPLE)]
    assert len(tune(modules, Partial(1), formats=["tflite"]).sites) == 1
    with pytest.raises(RunnerFailed, match="crashed"):
        tune(modules, Partial(0), formats=["tflite"])


@pytest.mark.phones
def test_instructions_of_a_site_are_the_same_every_time(tmp_path: Path) -> None:
    from ghostdeploy.tuning.meters import InstructionMeter

    graph = trace(small(), EXAMPLE)
    path = tmp_path / "small.tflite"
    path.write_bytes(lower_tflite(graph, EXAMPLE).data)
    artifact = ArtifactUnderTest(path, "tflite", "fp32")
    with InstructionMeter("cortex-a76").measuring([artifact], SILENT) as costs:
        first, second = costs([artifact, artifact], [np.zeros((1, 3, 32, 32), np.float32)])
    assert first == pytest.approx(second, rel=1e-3)
