"""What an export is to make, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import CALIBRATED, Format, Precision
from ghostdeploy.tuning import Profile, Target, shipped

FORMATS: tuple[Format, ...] = ("pte", "tflite", "onnx")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8", "mixed")
ALLOWANCES = ("few-images",)


@dataclass(frozen=True)
class Plan:
    """Formats and precisions, each with each, and how.

    Attributes:
        require_delegation: the least delegated share of an artifact's nodes, 0 to 1.
        target: where the artifacts will run; it chooses the profile that ships with this package.
        calibration: directory of images for int8 and mixed.
        agreement: of int8 and mixed: layers stay in float32 until the highest class does on this share of images.
        allow: what is done in spite of a good reason not to: `few-images` calibrates with fewer than 32.
        profile_file: what `ghostdeploy tune` measured, instead of that profile.

    Raises:
        UsageError: an unknown format, precision or target, or no share.
        FileMissing, FileUnreadable, ProfileInvalid: `profile_file` is no profile.
    """

    formats: tuple[Format, ...] = ("pte", "tflite")
    precisions: tuple[Precision, ...] = ("fp32",)
    labels: Path | None = None
    embed_preprocessing: bool = False
    require_delegation: float | None = None
    target: Target = "android"
    profile_file: Path | None = None
    calibration: Path | None = None
    agreement: float | None = None
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for given, known, what in ((self.formats, FORMATS, "format"), (self.precisions, PRECISIONS, "precision")):
            unknown = [v for v in given if v not in known]
            if unknown or not given:
                raise UsageError(f"no such {what}: {', '.join(unknown) or 'none named'}", "",
                                 f"choose from {', '.join(known)}")
        self._check_calibrated()
        if "mixed" in self.precisions and set(self.formats) != {"pte"}:
            raise UsageError("mixed is written to .pte alone",
                             "TFLite's XNNPACK computes a graph in half precision as a whole or not at all",
                             "add --format pte, or choose fp16 or int8")
        if self.require_delegation is not None and not 0 <= self.require_delegation <= 1:
            raise UsageError(f"--require-delegation {self.require_delegation} is no share", "",
                             "give a number from 0 to 1")
        if not set(self.allow) <= set(ALLOWANCES):
            raise UsageError(f"--allow {', '.join(self.allow)} is not known", "",
                             f"choose from {', '.join(ALLOWANCES)}")
        self.profile    # noqa: B018  (read now, so that a bad file is named before any work)

    def _check_calibrated(self) -> None:
        """What int8 and mixed need, and what is for them alone."""
        calibrated = [each for each in self.precisions if each in CALIBRATED]
        if calibrated and self.calibration is None:
            raise UsageError(f"{calibrated[0]} needs --calibration",
                             "the steps of every layer are read off real images",
                             "name a directory of images like those that the app will see")
        theirs = {"--calibration": self.calibration, "--keep-float": self.agreement,
                  "--allow few-images": "few-images" in self.allow or None}
        if stray := [option for option, given in theirs.items() if given is not None and not calibrated]:
            raise UsageError(f"{stray[0]} is for {' and '.join(CALIBRATED)}",
                             f"{', '.join(self.precisions)} needs no images to be made",
                             "add --precision int8, or leave it out")
        if self.agreement is not None and not 0 < self.agreement <= 1:
            raise UsageError(f"--agreement {self.agreement} cannot be", "it is a share of images",
                             "give a number up to 1")
        if "int8" in self.precisions and "onnx" in self.formats:
            raise UsageError("int8 is not written to .onnx", "", "export pte and tflite, or another precision")

    @cached_property
    def profile(self) -> Profile:
        """Where rewrites pay that pay at some shapes only."""
        return shipped(self.target) if self.profile_file is None else Profile.load(self.profile_file)
