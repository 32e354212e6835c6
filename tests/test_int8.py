"""int8 as a user makes it: both formats through their real runtimes, from a directory of images."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch.fx import Node

from ghostdeploy.cli.export import quality
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import ParityFailed
from ghostdeploy.exporter import export
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Format, Lowered
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import linear, lower_tflite
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.parity import ArtifactUnderTest, check, compare_outputs
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.quantisation import Calibration
from tests.commands import ghostdeploy
from tests.crops import crops
from tests.ghosts import gated

SIZE = 32
LOWERINGS = {"pte": lower_pte, "tflite": lower_tflite}
EXPORT = ("export", "--model", "tests.ghosts:gated", "--random-weights", "--input-size", str(SIZE))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    for i, piece in enumerate(crops(40)):
        piece.save(directory / f"{i:02}.png")
    return directory


def inputs(count: int) -> np.ndarray:
    prep = Preprocessing(SIZE)
    return np.concatenate([prep.normalise(prep.pixels(piece)) for piece in crops(count)])


def lowered(format: Format, agreement: float | None = None, module: torch.nn.Module | None = None) -> Lowered:
    samples = torch.from_numpy(inputs(24)).split(1)
    graph = fuse(module or gated(), samples[0], verify=False).module
    return LOWERINGS[format](graph, samples[0], "int8", calibration=Calibration(samples, agreement))


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_everything_in_one_delegate_and_as_simulated(format: Format, tmp_path: Path) -> None:
    made = lowered(format)
    assert made.delegation is not None and made.int8 is not None
    assert (made.delegation.delegates, made.delegation.nodes_outside) == (1, 0)
    path = tmp_path / f"gated.{format}"
    path.write_bytes(made.data)
    every = inputs(36)[24:]
    with torch.no_grad():
        simulation = np.concatenate([made.int8.simulation(torch.from_numpy(x[None])).numpy() for x in every])
        exact = np.concatenate([gated()(torch.from_numpy(x[None])).numpy() for x in every])
    ran = check(ArtifactUnderTest(path, format, "int8", made.inputs, made.outputs), every, simulation, LocalDevice(),
                limit=1.0)
    assert ran.snr_db is None or ran.snr_db > 30        # other roundings of sums, nothing else
    against = compare_outputs(exact, simulation, limit=1.0)
    assert against.snr_db is not None and against.snr_db > 25


def made_and_run(module: torch.nn.Module, format: Format, path: Path,
                 **options: bool) -> tuple[np.ndarray, Lowered, torch.Tensor]:
    """A module lowered to int8 and run on the first of its four calibration inputs: the answer, and both."""
    samples = torch.from_numpy(inputs(4)).split(1)
    graph = fuse(module.eval(), samples[0], verify=False).module
    made = LOWERINGS[format](graph, samples[0], "int8", calibration=Calibration(samples), **options)
    path.write_bytes(made.data)
    run = LocalDevice().run(Job(path, format, "infer", made.inputs, made.outputs), [[samples[0].numpy()]])
    return run.outputs[0][0], made, samples[0]


class ShutGate(torch.nn.Module):
    """Squeeze-and-excitation whose ReLU lets nothing, or next to nothing, through, as training may leave it."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.down, self.up = (torch.nn.Conv2d(a, b, 1) for a, b in ((3, 8), (8, 4), (4, 8)))
        with torch.no_grad():
            self.down.weight.mul_(1e-3)
            self.down.bias.fill_(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.conv(x))
        gate = self.up(torch.relu(self.down(y.mean((2, 3), keepdim=True))))
        return (y * torch.nn.functional.hardsigmoid(gate)).mean((2, 3))


@pytest.mark.parametrize("format", get_args(Format)[:2])
@pytest.mark.parametrize("bias", [-10.0, -2e-4])
def test_a_value_that_is_never_seen_stops_no_runtime(bias: float, format: Format, tmp_path: Path) -> None:
    """With steps of 1e-38 for it, LiteRT ended the process: a trained GhostNetV3 had two such layers."""
    module = ShutGate(bias)
    answer, made, sample = made_and_run(module, format, tmp_path / f"shut.{format}")
    with torch.no_grad():
        exact = module(sample).numpy()
    assert np.abs(answer - exact).max() < 0.03 * np.abs(exact).max()
    assert made.delegation is not None
    assert made.delegation.delegates == 1


class Joined(torch.nn.Module):
    """A rectified map beside one with negative values: equal steps for both, which do not end at zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(3, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.nn.functional.hardtanh(self.right(x), 0.0, 1.0)
        return torch.cat([self.left(x), self.right(x).relu(), gate], 1)


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_activations_hold_where_steps_reach_further(format: Format, tmp_path: Path) -> None:
    found, _, x = made_and_run(Joined(), format, tmp_path / "model")
    with torch.no_grad():
        exact = Joined()(x).numpy()
    assert found[:, 8:].min() >= 0 and found[:, 16:].max() <= 1.02 and exact[:, :8].min() < -0.2
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


class Gated(torch.nn.Module):
    """A map times what is computed of a parameter alone: no steps are known of it, and none are needed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.gate = torch.nn.Conv2d(3, 8, 1), torch.nn.Parameter(torch.randn(1, 8, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).relu() * self.gate.sigmoid()


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_products_with_what_is_known_beforehand_load_and_are_right(format: Format, tmp_path: Path) -> None:
    found, made, x = made_and_run(Gated(), format, tmp_path / "model")
    with torch.no_grad():
        exact = Gated()(x).numpy()
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()
    assert made.delegation is not None and made.delegation.delegates == 1


class Sliced(torch.nn.Module):
    """A part of a value, read beside the whole: XNNPACK wants equal steps on both sides of a slice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.part = torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(4, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x) * torch.tensor([0.3] * 4 + [1.0] * 4).view(1, -1, 1, 1)
        return self.part(y[:, :4]) + y


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_slices_load_and_are_right(format: Format, tmp_path: Path) -> None:
    found, made, x = made_and_run(Sliced(), format, tmp_path / "model")
    assert made.int8 is not None
    with torch.no_grad():
        simulation = made.int8.simulation(x).numpy()
    assert np.abs(found - simulation).max() < 0.02 * np.abs(simulation).max()


class Stems(torch.nn.Module):
    """An image, and a map that is never negative, through convolutions that TFLite pads by an operator of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.Conv2d(8, 8, 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).relu())


def test_a_padded_image_is_stored_around_zero_for_a_tflite_alone(tmp_path: Path) -> None:
    zeros = {}
    for format in get_args(Format)[:2]:
        found, made, x = made_and_run(Stems(), format, tmp_path / "model")
        assert made.int8 is not None
        zeros[format] = [steps.zero_point for steps in made.int8.plan.params.values()]
        with torch.no_grad():
            exact = Stems()(x).numpy()
        assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()
    assert zeros["tflite"][0] == 0 and zeros["pte"][0] != 0         # the image
    assert zeros["tflite"][1] == zeros["pte"][1] == -128            # half of the steps would be lost


@pytest.mark.parametrize("phones", [True, False])
def test_a_stem_is_int8_for_phones_and_float32_for_x86(phones: bool, tmp_path: Path) -> None:
    """Where an image is read by a depthwise convolution too, which stays int8."""
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, groups=3), Stems())
    found, made, x = made_and_run(module, "tflite", tmp_path / "model", phones=phones)
    assert made.int8 is not None and made.delegation is not None
    weights = [int8.values.shape for int8 in made.int8.plan.weights.values()]
    assert weights == [(3, 1, 3, 3), *([(8, 3, 3, 3)] if phones else []), (8, 8, 3, 3)]
    assert (made.delegation.delegates, made.delegation.nodes_outside) == (1, 0)
    with torch.no_grad():
        simulated, exact = made.int8.simulation(x).numpy(), module(x).numpy()
    *_, result = made.int8.plan.params.values()
    assert np.abs(found - simulated).max() < 1.01 * result.scale        # one step: sums are rounded in another order
    assert np.abs(found - exact).max() < 0.03 * np.abs(exact).max()


class NarrowGate(torch.nn.Module):
    """A gate with a waist of four channels, as narrow as an image, like EfficientNet-B0's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Conv2d(3, 8, 1)
        self.reduce, self.expand = torch.nn.Conv2d(8, 4, 1), torch.nn.Conv2d(4, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        return y * self.expand(self.reduce(y.mean((2, 3), keepdim=True)).relu()).sigmoid()


def test_a_narrow_gate_is_no_stem_and_stays_int8_for_x86(tmp_path: Path) -> None:
    _, made, _ = made_and_run(NarrowGate(), "tflite", tmp_path / "model", phones=False)
    assert made.int8 is not None and made.delegation is not None
    assert [int8.values.shape for int8 in made.int8.plan.weights.values()] == [(4, 8, 1, 1), (8, 4, 1, 1)]
    assert (made.delegation.delegates, made.delegation.nodes_outside) == (1, 0)


class Padded(torch.nn.Module):
    """A frame of zeros between two values in int8, wider than any convolution would pad."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(8, 8, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.nn.functional.pad(self.first(x), (2, 1, 0, 3)))


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_pads_load_and_are_right(format: Format, tmp_path: Path) -> None:
    found, made, x = made_and_run(Padded(), format, tmp_path / "model")
    with torch.no_grad():
        exact = Padded()(x).numpy()
    assert made.delegation is not None and made.delegation.nodes_outside == 0
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


class Pooled(torch.nn.Module):
    """The maximum over windows that reach beyond a map with negative values."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.nn.functional.max_pool2d(self.first(x) - 3, 3, 2, 1))


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_padded_maxima_of_negative_values_load_and_are_right(format: Format, tmp_path: Path) -> None:
    found, made, x = made_and_run(Pooled(), format, tmp_path / "model")
    with torch.no_grad():
        exact = Pooled()(x).numpy()
    assert made.delegation is not None and made.delegation.delegates == 1
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


class Upsampled(torch.nn.Module):
    """Maps times doubled gates (one by itself, one that something else reads, doubled, too), and a SiLU."""

    def __init__(self, shared: bool, act: torch.nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.gate, self.last = (torch.nn.Conv2d(a, b, 1) for a, b in ((3, 8), (3, 8), (8, 4)))
        self.shared, self.act = shared, act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.gate(torch.nn.functional.avg_pool2d(x, 2)))
        wide = torch.nn.functional.interpolate(gate, scale_factor=2, mode="nearest")
        y = self.act(self.conv(x) * wide)
        return self.last(torch.nn.functional.silu(y - wide if self.shared else y))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("act", [torch.nn.Identity(), torch.nn.ReLU()])
@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_gates_are_int8_where_only_a_product_reads_them(format: Format, act: torch.nn.Module, shared: bool,
                                                        tmp_path: Path) -> None:
    module = Upsampled(shared, act)
    found, made, x = made_and_run(module, format, tmp_path / "model")
    assert made.int8 is not None and made.delegation is not None
    with torch.no_grad():
        simulation, exact = made.int8.simulation(x).numpy(), module(x).numpy()
    assert np.abs(found - simulation).max() < 0.02 * np.abs(simulation).max()
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
    int8 = {node.target for node in made.int8.plan.int8}
    fuses = format == "tflite" or isinstance(act, torch.nn.Identity)    # ExecuTorch has no int8 product with a relu
    assert (torch.ops.aten.upsample_nearest2d.vec in int8) == (not shared and fuses)
    assert (torch.ops.aten.sigmoid.default in int8) == (format == "tflite")     # XNNPACK makes a table of the other
    assert (made.delegation.delegates, made.delegation.outside) == (1, {})


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_sums_of_rows_stand_for_wide_depthwise_convolutions(format: Format, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(8, 8, 7, padding=3, groups=8))
    found, made, x = made_and_run(module, format, tmp_path / "model")
    with torch.no_grad():
        exact = module(x).numpy()
    assert dict(made.passes)["wide-depthwise-as-sum"] == 1
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_int8_is_a_quarter_of_the_size() -> None:
    wide = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 1), torch.nn.ReLU(), torch.nn.Conv2d(64, 512, 3),
                               torch.nn.Flatten()).eval()
    x = torch.randn(1, 3, 4, 4)
    graph = fuse(wide, x, verify=False).module
    full, small = (len(lower_tflite(graph, x, precision, calibration=Calibration((x,))).data)
                   for precision in ("fp32", "int8"))
    assert small < 0.27 * full


def test_export_verify_and_bench_from_the_command_line(images: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "out"
    ended = ghostdeploy(*EXPORT, "--precision", "fp32,int8", "--calibration", images, "-o", bundle, "--json")
    assert ended.code == 0, ended.stderr
    entries = [entry for entry in ended.json["manifest"]["artifacts"] if entry["precision"] == "int8"]
    assert {entry["format"] for entry in entries} == {"pte", "tflite"}
    for entry in entries:
        told = entry["quantisation"]
        assert (told["calibrated_with"], told["held_out"]["images"]) == (30, 10)
        assert entry["parity"]["limit"] == 2 * told["simulated_error"] > 0
        assert entry["inputs"][0]["dtype"] == entry["outputs"][0]["dtype"] == "float32"
    assert ghostdeploy("verify", bundle).code == 0
    benched = ghostdeploy("bench", bundle / "model.int8.tflite", "--device", "local", "--runs", "3", "--rounds", "1",
                          "--json")
    assert benched.json["model"]["file"] == "model.int8.tflite"
    shown = ghostdeploy(*EXPORT, "--precision", "int8", "--format", "tflite", "--calibration", images, "-o",
                        tmp_path / "two")
    assert "images that it was not calibrated with" in shown.stdout, shown.stderr


class Lopsided(torch.nn.Module):
    """One channel that nothing reads is so large that the steps of its map say little of the others."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.large = torch.nn.Conv2d(3, 8, 3, 2), torch.nn.Conv2d(8, 8, 1)
        self.deaf, self.last = torch.nn.Conv2d(8, 16, 1), torch.nn.Conv2d(16, 16, 3, 2)
        self.head = torch.nn.Linear(16, 50)
        with torch.no_grad():
            self.large.weight[0] = 1000 * self.large.weight[0].abs()
            self.deaf.weight[:, 0] = 0
            self.head.bias -= self(torch.from_numpy(inputs(24))).mean(0)    # so that photos decide, not biases

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.deaf(self.large(self.stem(x).relu()).relu()).relu()
        return self.head(self.last(y).relu().mean((2, 3)))


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_the_worst_layers_stay_in_float_until_answers_agree(format: Format) -> None:
    """The two that stand around the map with the large channel, and perhaps more; not all."""
    made = lowered(format, 0.9, Lopsided().eval())
    assert made.int8 is not None and made.delegation is not None
    losses = [loss.snr_db for loss in made.int8.losses]
    assert len(losses) == 5 and losses == sorted(losses)
    assert 2 <= len(made.int8.kept_float) < 5
    assert made.int8.kept_float == tuple(loss.layer for loss in made.int8.losses[:len(made.int8.kept_float)])
    assert len(made.int8.plan.weights) == len(losses) - len(made.int8.kept_float)
    samples = torch.from_numpy(inputs(24))
    with torch.no_grad():
        ours = torch.cat([made.int8.simulation(x) for x in samples.split(1)])
        truth = Lopsided()(samples)
        whole = lowered(format, None, Lopsided().eval()).int8
        assert whole is not None
        worse = torch.cat([whole.simulation(x) for x in samples.split(1)])
    agreeing, agreed_before = ((each.argmax(1) == truth.argmax(1)).float().mean() for each in (ours, worse))
    assert agreed_before < 0.5 and agreeing >= 0.9
    assert (made.delegation.delegates, made.delegation.nodes_outside) == (1, 0)


def test_layers_in_float_are_named_with_their_cost(images: Path, tmp_path: Path) -> None:
    bundle = export(Lopsided().eval(), tmp_path / "bundle", precisions=("int8",), formats=("tflite", "pte"),
                    calibration=images, agreement=0.9, input_size=SIZE)
    for entry in bundle.manifest["artifacts"]:
        assert entry["quantisation"]["kept_float"]
        assert entry["quantisation"]["latency_over_int8"] > 0
        assert "of the latency without, on this machine" in quality(entry)


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for i, piece in enumerate(crops(5)):
        piece.save(few / f"{i}.png")
    words = (*EXPORT, "--precision", "int8", "--format", "tflite", "--calibration", few, "-o", tmp_path / "out")
    ended = ghostdeploy(*words)
    ended.assert_clean_error("calibration-too-small", 3)
    assert "5 images" in ended.stderr and "noise" in ended.stderr
    assert ghostdeploy(*words, "--allow", "few-images").code == 0


def test_what_cannot_be_is_named_before_any_work(images: Path, tmp_path: Path) -> None:
    int8 = ("--precision", "int8", "--calibration", images)
    for words, what in ((("--precision", "int8"), "int8 needs --calibration"),
                        (("--calibration", images), "--calibration is for int8 and mixed"),
                        ((*int8, "--format", "onnx"), "not written to .onnx"),
                        ((*int8, "--allow", "everything"), "--allow everything is not known"),
                        ((*int8, "--keep-float", "some"), "--keep-float some is not known"),
                        ((*int8, "--agreement", "0.9"), "--agreement is for --keep-float auto"),
                        ((*int8, "--keep-float", "auto", "--agreement", "7"), "--agreement 7.0 cannot be"),
                        (("--allow", "few-images"), "--allow few-images is for int8 and mixed"),
                        (("--keep-float", "auto"), "--keep-float is for int8 and mixed")):
        ended = ghostdeploy(*EXPORT, *words, "-o", tmp_path / "out")
        ended.assert_clean_error("usage", 2)
        assert what in " ".join(ended.stderr.split())
    ghostdeploy(*EXPORT, "--precision", "int8", "--calibration", tmp_path / "none", "-o",
                tmp_path / "out").assert_clean_error("file-missing", 3)
    (images / "zz.png").write_bytes(b"no image")
    try:
        ghostdeploy(*EXPORT, "--precision", "int8", "--calibration", images, "-o",
                    tmp_path / "out").assert_clean_error("image-unreadable", 3)
    finally:
        (images / "zz.png").unlink()
    assert os.listdir(tmp_path) == []


def test_a_wrong_scale_does_not_pass(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the limit of twice the simulation's error is for: one layer's weights lowered with another scale."""
    real = linear.parameters

    def wrong(e: Emission, node: Node, *others: Any) -> tuple[int, int]:
        found = e.plan.weights[node]
        assert len(found.scales) == 7
        spoilt = copy.copy(e)
        spoilt.plan = replace(e.plan, weights={node: replace(found, scales=found.scales * np.float32(1.5))})
        return real(spoilt, node, *others)

    monkeypatch.setattr(linear, "parameters", wrong)
    with pytest.raises(ParityFailed):
        export(gated(), tmp_path / "out", formats=("tflite",), precisions=("int8",), calibration=images,
               input_size=SIZE)
    assert os.listdir(tmp_path) == []
