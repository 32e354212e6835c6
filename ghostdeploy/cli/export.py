"""`ghostdeploy export`: a checkpoint becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from ghostdeploy.cli.options import (
    AGREEMENT,
    AgreementOption,
    AllowFewOption,
    BundleOption,
    CalibrationOption,
    CheckpointOption,
    CropOption,
    DelegationOption,
    EmbedOption,
    ForceOption,
    FormatOption,
    InputSizeOption,
    InterpolationOption,
    KeepFloatOption,
    LabelsOption,
    MeanOption,
    ModelOption,
    PrecisionOption,
    ProfileOption,
    RandomOption,
    StdOption,
    TargetOption,
    WeightsOption,
    changed,
    names,
    which_weights,
)
from ghostdeploy.cli.output import JsonFlag, emit, heading, stages
from ghostdeploy.errors import UsageError
from ghostdeploy.report.columns import columns

if TYPE_CHECKING:
    from ghostdeploy.bundle import Bundle
    from ghostdeploy.model import Model
    from ghostdeploy.progress import Progress
    from ghostdeploy.tuning import Target

WORST = 5       # layers named on the terminal; the manifest has all

def export(
    target: TargetOption = "android", checkpoint: CheckpointOption = None, model: ModelOption = None,
    formats: FormatOption = "pte,tflite", precision: PrecisionOption = "fp32", labels: LabelsOption = None,
    input_size: InputSizeOption = None, weights: WeightsOption = "auto", random_weights: RandomOption = False,
    mean: MeanOption = None, std: StdOption = None, crop: CropOption = None, interpolation: InterpolationOption = None,
    embed_preprocessing: EmbedOption = False, require_delegation: DelegationOption = None,
    calibration: CalibrationOption = None, keep_float: KeepFloatOption = None,
    agreement: AgreementOption = None, allow: AllowFewOption = "", profile: ProfileOption = None,
    output: BundleOption = None, force: ForceOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Turn a trained checkpoint into proven .pte and .tflite artifacts.

    Example: [bold]ghostdeploy export --target android --checkpoint ghostnetv3-1.0.pth.tar -o dist/ghostnet[/]
    """
    copy = which_weights(weights)
    if keep_float not in (None, "auto"):
        raise UsageError(f"--keep-float {keep_float} is not known", "", "say --keep-float auto, or leave it out")
    if agreement is not None and keep_float is None:
        raise UsageError("--agreement is for --keep-float auto", "nothing else looks for layers to leave in float32",
                         "add --keep-float auto, or leave it out")
    wanted = None if keep_float is None else AGREEMENT if agreement is None else agreement
    with stages(quiet=as_json) as progress:
        from ghostdeploy.bundle import check_target
        from ghostdeploy.plan import Plan

        plan = Plan(names(formats), names(precision), labels, embed_preprocessing, require_delegation,
                    cast("Target", target), profile, calibration, wanted, names(allow))
        if output is not None:
            check_target(output, force=force)
        progress.stage("load the checkpoint" if checkpoint else "build the model")
        from ghostdeploy.exporter import export as run  # with torch: seconds
        from ghostdeploy.loading import load

        subject = load(checkpoint, model=model, weights=copy, random_weights=random_weights, input_size=input_size)
        beware(progress, subject, model)
        directory = output or Path("dist") / subject.name
        bundle = run(subject, directory, formats=plan.formats, precisions=plan.precisions, labels=labels,
                     embed_preprocessing=embed_preprocessing, require_delegation=require_delegation,
                     target=plan.target, profile=profile, calibration=calibration, agreement=wanted,
                     allow=plan.allow, force=force, progress=progress,
                     preprocessing=changed(subject.preprocessing, mean, std, crop, interpolation))
    document = {"bundle": str(directory), "manifest": bundle.manifest}
    emit(document, lambda console: render(console, bundle), as_json=as_json)


def beware(progress: Progress, subject: Model, named: str | None) -> None:
    """Say what the file cannot tell: a lookalike of the recognised architecture, unless it was named."""
    if named is None and subject.card is not None and subject.card.lookalikes:
        progress.note(f"taken for {subject.card.title}; {', '.join(subject.card.lookalikes)} has the same tensors "
                      "and computes something else: no file can tell them apart")


def render(console: Console, bundle: Bundle) -> None:
    """The artifacts of a bundle with what was proven about them."""
    if bundle.random_weights:
        console.print("[yellow]Random weights:[/] this bundle is for latency only.")
    heading(console, f"{bundle.name} -> {bundle.path}")
    table = columns("artifact", "MB", "max error", "SNR dB", "top-1", "delegates")
    table.add_column("outside", overflow="fold")
    for entry in bundle.manifest["artifacts"]:
        table.add_row(*row(entry))
    console.print(table)
    for entry in bundle.manifest["artifacts"]:
        if "quantisation" in entry:
            console.print(quality(entry), highlight=False)


def quality(entry: dict[str, Any]) -> str:
    """What int8 costs one artifact: a sentence on its answers, and one on its layers where they were looked at."""
    told, found = entry["quantisation"], entry["quantisation"]["held_out"]
    said = (f"{entry['file']}: on {found['images']} images that it was not calibrated with, top-1 agrees with the "
            f"checkpoint on {found['top1_agreement']:.1%}, top-5 on {found['top5_agreement']:.1%}")
    if found["snr_db"] is not None:
        said += f"; {found['snr_db']:.1f} dB"
    if told["sensitivity"]:
        cost = (f" ({told['latency_over_int8']:.2f} of the latency without, on this machine)"
                if "latency_over_int8" in told else "")
        worst = ", ".join(f"{loss['layer']} ({loss['snr_db']:.0f} dB)" for loss in told["sensitivity"][:WORST]
                          if loss["snr_db"] is not None)
        said += (f"\n  {len(told['kept_float'])} of {len(told['sensitivity'])} layers stay in float32{cost}; "
                 f"alone in int8 lose most: {worst}")
    return said


def row(entry: dict[str, Any]) -> tuple[str, ...]:
    """One artifact of a manifest as table cells."""
    delegation, parity, runtime = entry["delegation"], entry["parity"], entry["runtime"]
    outside = "-" if delegation is None else ", ".join(
        f"{count} {op}" for op, count in sorted(delegation["outside"].items())) or "nothing"
    return (f"{entry['file']}\n[dim]{runtime['name']} >= {runtime['minimum']}[/]", f"{entry['size'] / 1e6:.1f}",
            f"{parity['max_abs_error']:.1e}", "exact" if parity["snr_db"] is None else f"{parity['snr_db']:.0f}",
            f"{parity['top1_agreement']:.0%}", "-" if delegation is None else str(delegation["delegates"]), outside)
