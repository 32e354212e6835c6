"""What an export is to make, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.tuning import Profile, Target, shipped

FORMATS: tuple[Format, ...] = ("pte", "tflite", "onnx")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


@dataclass(frozen=True)
class Plan:
    """Formats and precisions, each with each, and how.

    Attributes:
        require_delegation: the least delegated share of an artifact's nodes, 0 to 1.
        target: where the artifacts will run; it chooses the profile that ships with this package.
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

    def __post_init__(self) -> None:
        for given, known, what in ((self.formats, FORMATS, "format"), (self.precisions, PRECISIONS, "precision")):
            unknown = [v for v in given if v not in known]
            if unknown or not given:
                later = " (int8 is not built yet)" if "int8" in unknown else ""
                raise UsageError(f"no such {what}: {', '.join(unknown) or 'none named'}{later}", "",
                                 f"choose from {', '.join(known)}")
        if self.require_delegation is not None and not 0 <= self.require_delegation <= 1:
            raise UsageError(f"--require-delegation {self.require_delegation} is no share", "",
                             "give a number from 0 to 1")
        self.profile    # noqa: B018  (read now, so that a bad file is named before any work)

    @cached_property
    def profile(self) -> Profile:
        """Where rewrites pay that pay at some shapes only."""
        return shipped(self.target) if self.profile_file is None else Profile.load(self.profile_file)
