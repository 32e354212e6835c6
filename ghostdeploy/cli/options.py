"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ghostdeploy.errors import UsageError

if TYPE_CHECKING:
    from ghostdeploy.preprocessing import Interpolation, Preprocessing  # imports numpy, which --help can do without

ModelOption = Annotated[str | None, typer.Option(
    "--model", metavar="NAME",
    help="A card of the zoo (see `ghostdeploy models`), or your own `package.module:factory`.")]
WeightsOption = Annotated[str, typer.Option(
    "--weights", metavar="raw|ema", help="Which copy to take where a checkpoint holds both; EMA by default.")]
CheckpointOption = Annotated[Path | None, typer.Option(
    "--checkpoint", metavar="FILE", help=".pth, .pt, .pth.tar or .safetensors.")]
TargetOption = Annotated[str, typer.Option(
    "--target", help="Where the artifacts will run: android (forms chosen by ARM instructions) or host (x86 times).")]
ProfileOption = Annotated[Path | None, typer.Option(
    "--profile", metavar="FILE", help="What `ghostdeploy tune` measured, instead of the target's own profile.")]
FormatOption = Annotated[str, typer.Option("--format", help="Of pte, tflite, onnx; comma-separated.")]
PrecisionOption = Annotated[str, typer.Option(
    "--precision", help="Of fp32, fp16, int8, mixed; comma-separated. fp16 halves a .tflite; a .pte hardly shrinks. "
                      "mixed: a .pte with large maps in half precision, small ones in int8.")]
LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="FILE", help="Class names, one a line.")]
InputSizeOption = Annotated[int | None, typer.Option(
    "--input-size", min=1, help="Side of the square input in pixels; the model's own by default.", show_default=False)]
RandomOption = Annotated[bool, typer.Option(
    "--random-weights", help="No checkpoint: for latency only, and labelled so.")]
EmbedOption = Annotated[bool, typer.Option(
    "--embed-preprocessing", help="Put normalisation and softmax inside the artifact.")]
DelegationOption = Annotated[float | None, typer.Option(
    "--require-delegation", metavar="SHARE",
    help="Fail (exit 5) if a smaller share of nodes runs in XNNPACK; 1.0 is all.")]
CalibrationOption = Annotated[Path | None, typer.Option(
    "--calibration", metavar="DIR", help="Images for int8 and mixed, like those that the app will see; 32 and more.")]
KeepFloatOption = Annotated[str | None, typer.Option(
    "--keep-float", metavar="auto", help="int8: leave the layers that lose most in float32; prints what each loses.")]
AGREEMENT = 0.99
AgreementOption = Annotated[float | None, typer.Option(
    "--agreement", metavar="SHARE", show_default=False, help="Of images on which --keep-float auto wants the same "
                                                            f"highest class; {AGREEMENT} by default.")]
AllowFewOption = Annotated[str, typer.Option(
    "--allow", metavar="few-images", help="Calibrate int8 with fewer than 32 images.")]
BundleOption = Annotated[Path | None, typer.Option(
    "--output", "-o", metavar="DIR", help="The bundle's directory; dist/MODEL by default.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a bundle that stands there.")]
# How training made inputs of photos. The zoo's cards know; of another architecture only its user does.
MeanOption = Annotated[str | None, typer.Option(
    "--mean", metavar="R,G,B", help="Subtracted from pixels in 0..1; one number for all three.")]
StdOption = Annotated[str | None, typer.Option("--std", metavar="R,G,B", help="What pixels are then divided by.")]
CropOption = Annotated[float | None, typer.Option(
    "--crop", metavar="SHARE", help="Of the resized shorter side, how much the input keeps, e.g. 0.875.")]
InterpolationOption = Annotated[str | None, typer.Option(
    "--interpolation", help="bilinear, bicubic or nearest, for the resize.")]


def changed(known: Preprocessing, mean: str | None, std: str | None, crop: float | None,
            interpolation: str | None) -> Preprocessing | None:
    """`known` with what the options say instead; None where they say nothing.

    Raises:
        UsageError: a value that no preprocessing has.
    """
    if mean is None and std is None and crop is None and interpolation is None:
        return None
    return replace(known, mean=known.mean if mean is None else _channels("--mean", mean),
                   std=known.std if std is None else _channels("--std", std), crop=known.crop if crop is None else crop,
                   interpolation=known.interpolation if interpolation is None else cast("Interpolation", interpolation))


def _channels(option: str, text: str) -> tuple[float, float, float]:
    try:
        values = tuple(float(part) for part in text.split(","))
        red, green, blue = values * 3 if len(values) == 1 else values
    except ValueError:
        raise UsageError(f"{option} {text} is not one number a channel", "",
                         f"write it as {option} 0.5,0.5,0.5") from None
    return red, green, blue


def names(text: str) -> tuple[Any, ...]:
    """A comma-separated option as a tuple, without blanks or repeats."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def which_weights(value: str) -> Literal["auto", "raw", "ema"]:
    """The value of `--weights`.

    Raises:
        UsageError: it is another word.
    """
    if value not in ("auto", "raw", "ema"):
        raise UsageError(f"--weights {value} is not known", "", "choose raw or ema, or leave it out")
    return cast(Literal["auto", "raw", "ema"], value)


def counts(text: str) -> tuple[int, ...] | Literal["auto"]:
    """Thread counts as users write them.

    Raises:
        UsageError: it is no such list.
    """
    if text.strip() == "auto":
        return "auto"
    found: tuple[str, ...] = names(text)
    if not found or not all(part.isdecimal() for part in found):
        raise UsageError(f"--threads {text} is no list of thread counts", "", "for example --threads 1,2,4, or auto")
    return tuple(dict.fromkeys(int(part) for part in found))
