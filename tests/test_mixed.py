"""Mixed precision as a user makes it: large maps in half, small ones in int8, in one delegate of one real .pte."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.device.half_arithmetic import CPU_FEATURES
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import UnsupportedOperator, UsageError
from ghostdeploy.exporter import export
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Lowered
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.mixed import by_map, in_half, largest_in_int8
from ghostdeploy.lowering.site import Site
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.plan import Plan
from ghostdeploy.quantisation import Calibration
from tests.commands import ghostdeploy
from tests.crops import crops
from tests.ghosts import descending

SIZE = 32


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    for i, piece in enumerate(crops(40)):
        piece.save(directory / f"{i:02}.png")
    return directory


@pytest.fixture(scope="module")
def samples() -> tuple[torch.Tensor, ...]:
    arrays = [np.asarray(piece.resize((SIZE, SIZE)), np.float32).transpose(2, 0, 1) for piece in crops(12)]
    return tuple(torch.from_numpy(np.ascontiguousarray(array[None] - 118) / 58) for array in arrays)


def graph_of(module: nn.Module, example: torch.Tensor) -> GraphModule:
    return fuse(module, example, verify=False).module


def run(made: Lowered, path: Path, x: torch.Tensor) -> np.ndarray:
    path.write_bytes(made.data)
    ran = LocalDevice().run(Job(path, "pte", "infer", made.inputs, made.outputs), [[x.numpy()]])
    return ran.outputs[0][0]


def test_large_maps_and_their_gates_are_in_half_and_nothing_goes_back(samples: tuple[torch.Tensor, ...]) -> None:
    graph = graph_of(descending(), samples[0])
    half = in_half(graph, largest_in_int8(samples[0]))
    convolutions = [node for node in graph.graph.nodes if node.target is torch.ops.aten.conv2d.default]
    assert largest_in_int8(samples[0]) == 2
    # stem, the two of its gate on a map of one pixel, 8x8 and 4x4; then 2x2 twice
    assert [node in half for node in convolutions] == [True] * 5 + [False] * 2
    for node in half:
        assert all(source in half or source.op != "call_function" for source in node.all_input_nodes)


def test_one_delegate_that_computes_what_it_should(samples: tuple[torch.Tensor, ...], tmp_path: Path) -> None:
    module = descending()
    graph = graph_of(module, samples[0])
    made = lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples))
    assert made.delegation is not None and made.int8 is not None
    assert (made.delegation.delegates, made.delegation.nodes_outside) == (1, 0)
    assert [weights.values.shape for weights in made.int8.plan.weights.values()] == [
        (48, 24, 3, 3), (48, 48, 1, 1), (7, 48)]
    x = samples[0]
    found = run(made, tmp_path / "mixed.pte", x)
    with torch.no_grad():
        simulated, exact = made.int8.simulation(x).numpy(), module(x).numpy()
    *_, result = made.int8.plan.params.values()
    assert np.abs(found - simulated).max() < 2.01 * result.scale     # half's own rounding may turn a step or two
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_the_large_maps_are_really_computed_in_half(samples: tuple[torch.Tensor, ...]) -> None:
    """A weight that float16 does not hold is refused by name, on a large map and not on a small one."""
    module = descending()
    with torch.no_grad():
        module.small[0].weight[0] = 1e5
    graph = graph_of(module, samples[0])
    assert lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples)).int8 is not None
    with torch.no_grad():
        module.stem[0].weight[0] = 1e5
    graph = graph_of(module, samples[0])
    with pytest.raises(UnsupportedOperator, match="stem_0_weight does not fit into float16"):
        lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples))


def test_without_the_plug_in_casts_stay_outside(samples: tuple[torch.Tensor, ...], tmp_path: Path) -> None:
    module = descending()
    graph = graph_of(module, samples[0])
    made = lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples), plugin=False)
    assert made.delegation is not None
    assert set(made.delegation.outside) == {"dim_order_ops._to_dim_order_copy.default"}
    with torch.no_grad():
        exact = module(samples[0]).numpy()
    assert np.abs(run(made, tmp_path / "mixed.pte", samples[0]) - exact).max() < 0.05 * np.abs(exact).max()


def test_where_no_map_is_small_there_is_nothing_for_int8(samples: tuple[torch.Tensor, ...]) -> None:
    graph = graph_of(nn.Conv2d(3, 4, 3).eval(), samples[0])
    with pytest.raises(UsageError, match="nothing is left to be computed in int8"):
        lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples))


def test_where_no_map_is_large_there_is_nothing_for_half(samples: tuple[torch.Tensor, ...]) -> None:
    """Patches of a transformer, whose heads of 4 by 8 are no maps though they have four dimensions."""
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Conv2d(3, 16, 16, 16), nn.Linear(16, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.embed(x).flatten(2).transpose(1, 2)
            heads = tokens.reshape(1, 4, 2, 8).transpose(1, 2)
            return self.head(heads.relu().transpose(1, 2).reshape(1, 4, 16).mean(1))

    torch.manual_seed(0)
    graph = graph_of(Patches().eval(), samples[0])
    assert not in_half(graph, largest_in_int8(samples[0]))
    with pytest.raises(UsageError, match="nothing to be computed in half precision"):
        lower_pte(graph, samples[0], "mixed", calibration=Calibration(samples))


def test_it_is_for_pte_alone_and_needs_images(samples: tuple[torch.Tensor, ...], images: Path) -> None:
    with pytest.raises(UsageError, match=r"mixed is written to \.pte alone"):
        Plan(formats=("pte", "tflite"), precisions=("mixed",), calibration=images)
    with pytest.raises(UsageError, match="mixed needs --calibration"):
        Plan(formats=("pte",), precisions=("mixed",))
    with pytest.raises(UsageError, match=r"precision mixed is not written to \.tflite"):
        lower_tflite(graph_of(descending(), samples[0]), samples[0], "mixed", calibration=Calibration(samples))


def test_alternatives_are_those_of_the_precision_of_their_map() -> None:
    large, small = Site("made-up", (28, 28, 3)), Site("made-up", (14, 7, 3))
    wanted = by_map(half=lambda site: site is large, int8=lambda site: site is small, above=14)
    assert wanted(large) and wanted(small)
    wanted = by_map(half=lambda site: site is small, int8=lambda site: site is large, above=14)
    assert not wanted(large) and not wanted(small)


def test_a_bundle_says_which_cpus_can_run_it(images: Path, tmp_path: Path) -> None:
    done = ghostdeploy("export", "--model", "tests.ghosts:descending", "--random-weights", "--input-size", str(SIZE),
                       "--format", "pte", "--precision", "mixed", "--calibration", str(images),
                       "-o", str(tmp_path / "bundle"))
    assert done.code == 0, done.stderr
    (entry,) = json.loads((tmp_path / "bundle/manifest.json").read_text())["artifacts"]
    assert (entry["file"], entry["precision"]) == ("model.mixed.pte", "mixed")
    assert entry["arithmetic"] == {"dtype": "float16", "by": "file", "cpu_features": list(CPU_FEATURES)}
    assert entry["quantisation"]["held_out"]["images"] == 10
    assert entry["delegation"]["nodes_outside"] == 0
    card = (tmp_path / "bundle/MODEL_CARD.md").read_text()
    assert "`model.mixed.pte` computes in half precision, on ARM CPUs with asimdhp" in card
    assert "On 10 images that it was not calibrated with its highest class is the checkpoint's on " in card
    assert ghostdeploy("verify", str(tmp_path / "bundle")).code == 0


def test_the_worst_layers_can_stay_in_float_there_too(images: Path, samples: tuple[torch.Tensor, ...],
                                                      tmp_path: Path) -> None:
    """A channel that nothing reads is so large that the steps of its small map say little of the others."""
    module = descending()
    with torch.no_grad():
        module.small[0].bias[0] = 1000
        module.small[2].weight[:, 0] = 0
        module.head.bias -= module(torch.cat(samples)).mean(0)      # so that photos decide, not biases
    bundle = export(module, tmp_path / "bundle", formats=("pte",), precisions=("mixed",), calibration=images,
                    agreement=1.0, input_size=SIZE)
    (entry,) = bundle.manifest["artifacts"]
    layers = [loss["layer"] for loss in entry["quantisation"]["sensitivity"]]
    kept = entry["quantisation"]["kept_float"]
    assert kept and kept == layers[:len(kept)], "the worst"
    assert entry["delegation"]["delegates"] >= 1
