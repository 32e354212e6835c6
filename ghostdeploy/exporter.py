"""Checkpoint in, proven bundle out: the whole way in one place, top to bottom."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy import collector
from ghostdeploy.bundle import Bundle, check_target, open_bundle, staged
from ghostdeploy.bundle.contents import Product, write_contents
from ghostdeploy.bundle.labels import Labels, labels_for
from ghostdeploy.bundle.staging import write
from ghostdeploy.calling import require_float32
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.embedding import Embedded
from ghostdeploy.errors import DelegationTooLow
from ghostdeploy.fusion import Fused, fuse
from ghostdeploy.heap import give_back
from ghostdeploy.loading import at_size
from ghostdeploy.lowering.artifact import CALIBRATED, Format, Lowered, Precision
from ghostdeploy.model import Model, Weights
from ghostdeploy.parity import ArtifactUnderTest, Parity, check, limit_for
from ghostdeploy.photos import real_photos
from ghostdeploy.plan import Plan
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.quantisation.images import CalibrationImages
from ghostdeploy.quantisation.images import read as calibration_images
from ghostdeploy.quantisation.quality import Quality
from ghostdeploy.reference import Reference, reference
from ghostdeploy.simulation import HalfPrecision, simulated_error
from ghostdeploy.trace import evaluating
from ghostdeploy.tuning import Target
from ghostdeploy.tuning.wanted import unknown_to, wanted_in
from ghostdeploy.writing import temporary_directory


def export(model: Model | nn.Module, directory: str | Path, *, formats: Sequence[Format] = ("pte", "tflite"),
           precisions: Sequence[Precision] = ("fp32",), input_size: int | None = None, labels: str | Path | None = None,
           embed_preprocessing: bool = False, preprocessing: Preprocessing | None = None,
           require_delegation: float | None = None, target: Target = "android", profile: str | Path | None = None,
           calibration: str | Path | None = None, agreement: float | None = None, allow: Sequence[str] = (),
           force: bool = False, progress: Progress = SILENT) -> Bundle:
    """Fuse, lower, verify and bundle a model.

    Args:
        model: what `ghostdeploy.load` returns, or any `nn.Module` that maps [1, 3, H, W] to [1, classes].
        directory: the bundle's directory; it appears whole or not at all.
        input_size: side of the square input in pixels; the model's own by default, 224 for a bare module.
        labels: a text file, one class name a line.
        embed_preprocessing: put normalisation and softmax inside, so that the artifact maps pixels in 0..1 to
            probabilities.
        preprocessing: how your training made inputs of photos; the card's by default, ImageNet's usual way is assumed
            for other models, and said so. Its own `input_size` counts where `input_size` is not given.
        require_delegation: fail if a smaller share of nodes runs in XNNPACK.
        target: where the artifacts will run; it chooses the profile that ships with this package: `android` counts ARM
            instructions, `host` times an x86 machine. Only the speed differs.
        profile: a file that `ghostdeploy tune` wrote, instead of that one.
        calibration: for int8, a directory of images like those that the app will see; one in four is kept back, and
            what int8 costs is measured on those.
        agreement: of int8: leave layers in float32, the worst first, until the highest class stays the same on this
            share of the images calibrated with.
        allow: `few-images` calibrates with fewer than 32.
        force: replace a bundle that stands there.

    Raises:
        UsageError, BundleExists, ModelRejected, ProfileInvalid: before any work is done.
        FileMissing, ImagesMissing, ImageUnreadable, CalibrationTooSmall: of the images for int8.
        InputSizeRejected, ExportFailed, LabelsMismatch: the checkpoint does not run, or has another number of classes.
        ExportFailed, UnsupportedOperator, LoweringFailed: the model cannot be traced or lowered.
        FusionInexact, ParityFailed, DelegationTooLow: a check failed; nothing is written.
        WriteFailed: the disk is full or the directory not writable; nothing is left behind.
    """
    plan = Plan(tuple(formats), tuple(precisions), None if labels is None else Path(labels), embed_preprocessing,
                require_delegation, target, None if profile is None else Path(profile),
                None if calibration is None else Path(calibration), agreement, tuple(allow))
    place = Path(directory)
    check_target(place, force=force)
    subject = _subject(model, preprocessing)
    require_float32(subject.module)
    subject = at_size(subject, input_size)
    give_back()                             # the model before this one, where a program exports many
    with staged(place, force=force) as staging, evaluating(subject.module), collector.set_aside():
        _build(subject, plan, staging, progress)
    return open_bundle(place)


def _subject(model: Model | nn.Module, preprocessing: Preprocessing | None) -> Model:
    if not isinstance(model, Model):
        model = Model(model, type(model).__name__, Weights("module"), Preprocessing())
    if preprocessing is None:
        return model
    return dataclasses.replace(model, preprocessing=preprocessing, preprocessing_from="user")


def _build(model: Model, plan: Plan, staging: Path, progress: Progress) -> None:
    progress.stage("run the checkpoint on real photos")
    truth = reference(model, real_photos(), embedded=plan.embed_preprocessing)
    labels = labels_for(model, plan.labels, classes=truth.outputs.shape[-1])
    images = None if plan.calibration is None else calibration_images(
        model, plan.calibration, embedded=plan.embed_preprocessing, allow_few="few-images" in plan.allow)
    module = Embedded(model.module, model.preprocessing) if plan.embed_preprocessing else model.module
    fused = fuse(module, truth.example, progress=progress)
    report = fused.report
    progress.note(f"{report.convs_before} convolutions and {report.norms_before} BatchNorms became "
                  f"{report.convs_after} and {report.norms_after}; relative error {report.rel_error:.1e} "
                  f"(float32's own: {report.noise:.1e})")
    if plan.profile_file is not None and (without := unknown_to(plan.profile, plan.formats, plan.precisions)):
        progress.note(f"{plan.profile_file} has no site of {', '.join(without)}: no rewrite there that pays at some "
                      "shapes only (ghostdeploy tune --precision measures them)")
    wanted = [(precision, format_) for precision in plan.precisions for format_ in plan.formats]
    # ExecuTorch last: what it leaves in memory would lie below the others' peaks (200 MiB of GhostNetV3 1.6x's).
    made = {(precision, format_): _product(model, fused, truth, labels, plan, precision, format_, staging, progress,
                                           images)
            for precision, format_ in sorted(wanted, key=lambda each: each[1] == "pte")}
    products = [made[each] for each in wanted]
    progress.stage("write the bundle")
    write_contents(staging, model, plan, truth, fused.report, fused.module, labels, products)


def _product(model: Model, fused: Fused, truth: Reference, labels: Labels | None, plan: Plan, precision: Precision,
             format_: Format, staging: Path, progress: Progress, images: CalibrationImages | None) -> Product:
    """One artifact: lowered, written, and run in its real runtime in a fresh process."""
    progress.stage(f"lower to .{format_} ({precision})")
    lowered = _lower(model, fused.module, truth.example, labels, plan, precision, format_, images, progress)
    give_back()
    _require_delegation(lowered, plan.require_delegation)
    file = staging / f"model.{precision}.{format_}"
    write(file, lowered.data)
    progress.stage(f"verify .{format_} ({precision}) on {len(truth.names)} photos")
    simulated = _simulated(lowered, fused.module, truth)
    parity = verify_artifact(file, lowered, truth, limit_for(precision, fused.report.noise, simulated))
    delegation = lowered.delegation
    where = f", {delegation.delegates} delegate(s), {delegation.nodes_outside} nodes outside" if delegation else ""
    progress.note(f"{len(lowered.data) / 1e6:.1f} MB{where}, max error {parity.max_abs_error:.1e}, "
                  f"top-1 agrees on {parity.top1_agreement:.0%}")
    quality = None
    int8 = lowered.int8
    if images is not None and int8 is not None and simulated is not None:
        progress.stage(f"compare .{format_} ({precision}) on {len(images.names)} images kept back")
        quality = Quality(simulated, len(images.calibration), check(
            _under_test(file, lowered), images.held_out, images.answers, LocalDevice(), limit=parity.limit,
            names=images.names, source="images kept back from calibration"), int8.kept_float, int8.losses)
        if int8.kept_float:
            progress.stage(f"measure what {len(int8.kept_float)} layers in float32 cost .{format_}")
            whole = _lower(model, fused.module, truth.example, labels, dataclasses.replace(plan, agreement=None),
                           precision, format_, images, SILENT)
            quality = dataclasses.replace(quality, latency_over_int8=_cost(file, lowered, whole, truth))
    # The file has the data now, and the simulation did its work.
    return Product(file.name, dataclasses.replace(lowered, data=b"", int8=None), parity, quality)


def _cost(file: Path, lowered: Lowered, whole: Lowered, truth: Reference) -> float:
    """Latency of an artifact over that of another form of it."""
    from ghostdeploy.tuning.float_cost import latency_over  # with the benchmark's modules

    with temporary_directory() as directory:
        other = Path(directory) / file.name
        write(other, whole.data)
        return latency_over(_under_test(file, lowered), _under_test(other, whole), truth.inputs[:1], SILENT)


def _simulated(lowered: Lowered, graph: GraphModule, truth: Reference) -> float | None:
    """What the precision costs in theory; None for float32."""
    if lowered.int8 is not None:
        return simulated_error(lowered.int8.simulation, truth.inputs, truth.outputs)
    if lowered.precision == "fp16":
        return simulated_error(HalfPrecision(graph).of, truth.inputs, truth.outputs)
    return None


def _under_test(file: Path, lowered: Lowered) -> ArtifactUnderTest:
    return ArtifactUnderTest(file, lowered.format, lowered.precision, lowered.inputs, lowered.outputs)


def verify_artifact(file: Path, lowered: Lowered, truth: Reference, limit: float) -> Parity:
    """Parity of one written artifact with the checkpoint, on this machine.

    Raises:
        ParityFailed: it is not what the checkpoint computes.
    """
    parity = check(_under_test(file, lowered), truth.inputs, truth.outputs, LocalDevice(), limit=limit,
                   names=truth.names, source="photos of scikit-image")
    parity.enforce(file.name)
    return parity


def _lower(model: Model, graph: GraphModule, example: torch.Tensor, labels: Labels | None, plan: Plan,
           precision: Precision, format_: Format, images: CalibrationImages | None, progress: Progress) -> Lowered:
    # Imported here: each backend takes a second or more to import, and an export may need only one.
    calibration = images.for_lowering(plan.agreement) if images is not None and precision in CALIBRATED else None
    wanted = wanted_in(plan.profile, format_, precision, example)
    told = SILENT if plan.agreement is None else progress      # minutes, where each layer is looked at
    if format_ == "pte":
        from ghostdeploy.lowering.executorch import lower_pte

        return lower_pte(graph, example, precision, told, wanted=wanted, calibration=calibration)
    if format_ == "onnx":
        from ghostdeploy.lowering.onnx import lower_onnx

        return lower_onnx(graph, example, precision)
    from ghostdeploy.bundle.tflite_metadata import metadata_for
    from ghostdeploy.lowering.tflite import lower_tflite

    metadata = metadata_for(model, labels, plan.embed_preprocessing)
    return lower_tflite(graph, example, precision, metadata, told, wanted=wanted, calibration=calibration,
                        phones=plan.target == "android")


def _require_delegation(lowered: Lowered, least: float | None) -> None:
    delegation = lowered.delegation
    if least is None or delegation is None or delegation.share >= least:
        return
    outside = ", ".join(f"{count} {op}" for op, count in sorted(delegation.outside.items()))
    raise DelegationTooLow(
        f"only {delegation.share:.1%} of the .{lowered.format} graph is delegated, {least:.1%} was required",
        f"outside XNNPACK: {outside}", "lower --require-delegation, or change the operators named")
