"""Every public error: a stable code, what happened, why, and what to do next.

The exit code of a command is the error's kind: 2 usage, 3 bad input, 4 device, 5 a check failed (DESIGN.md). Codes are
part of the contract: scripts may match on them; the sentences may improve.
"""

from __future__ import annotations

from typing import ClassVar


class GhostdeployError(Exception):
    """Base of all errors that a user can meet.

    Attributes:
        what: one sentence: what happened, naming the file, model or node.
        why: one sentence: the cause, as far as it is known; may be empty.
        next: one sentence: what to do now, best a command; may be empty.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, why: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.next = what, why, next

    def as_dict(self) -> dict[str, str | int]:
        """The error as `--json` prints it."""
        return {"code": self.code, "exit_code": self.exit_code, "what": self.what, "why": self.why, "next": self.next}


class Interrupted(GhostdeployError):
    """Raised when the user stops a command with Ctrl-C."""

    code, exit_code = "interrupted", 130


# ---- kinds: one per exit code -----------------------------------------------------------------------------------


class UsageError(GhostdeployError):
    """Raised when options contradict each other or a value is out of range."""

    code, exit_code = "usage", 2


class InputError(GhostdeployError):
    """Raised when something that the user handed in cannot be used."""

    code, exit_code = "input", 3


class DeviceError(GhostdeployError):
    """Raised when the machine or phone that should run a model does not."""

    code, exit_code = "device", 4


class CheckFailed(GhostdeployError):
    """Raised when a result was computed and did not pass its check."""

    code, exit_code = "check", 5


# ---- models and checkpoints -------------------------------------------------------------------------------------


class UnknownModel(InputError):
    """Raised when no model card has the given name."""

    code = "model-unknown"


class ModelFactoryError(InputError):
    """Raised when `--model package.module:factory` cannot be imported or does not return an `nn.Module`."""

    code = "model-factory"


class InputSizeRejected(InputError):
    """Raised when a model cannot take images of the requested size."""

    code = "model-input-size"


class ModelRejected(InputError):
    """Raised when a module is no classifier of images in float32: [1, 3, H, W] to [1, classes]."""

    code = "model-contract"


class WeightsMissing(InputError):
    """Raised when an export is asked for without a checkpoint and without `--random-weights`."""

    code = "weights-missing"


class FileMissing(InputError):
    """Raised when a named file does not exist."""

    code = "file-missing"


class FileUnreadable(InputError):
    """Raised when a named file exists and cannot be read (a directory, no permission)."""

    code = "file-unreadable"


class CheckpointFormat(InputError):
    """Raised when a file is no checkpoint that we read (empty, truncated, TorchScript, another kind of file)."""

    code = "checkpoint-format"


class CheckpointUnsafe(InputError):
    """Raised when a checkpoint holds pickled objects other than plain tensors, or unpacks to far more than its size."""

    code = "checkpoint-unsafe"


class CheckpointContent(InputError):
    """Raised when a readable checkpoint holds no usable weights (optimiser only, NaN or Inf, no tensors)."""

    code = "checkpoint-content"


class CheckpointMismatch(InputError):
    """Raised when weights do not fit the named architecture."""

    code = "checkpoint-mismatch"


class CheckpointUnrecognised(InputError):
    """Raised when weights fit no architecture of the zoo, or more than one."""

    code = "checkpoint-unrecognised"


# ---- fusion and lowering ----------------------------------------------------------------------------------------


class ExportFailed(InputError):
    """Raised when torch.export cannot trace a model."""

    code = "trace-failed"


class FusionInexact(CheckFailed):
    """Raised when the fused graph departs from the original by more than twice float32's own noise."""

    code = "fusion-inexact"


class UnsupportedOperator(InputError):
    """Raised when a format or backend has no lowering for an operator of the graph."""

    code = "operator-unsupported"


class LoweringFailed(InputError):
    """Raised when a backend's own converter fails, or a pass does not ensure what it promised."""

    code = "lowering-failed"


class DelegationTooLow(CheckFailed):
    """Raised when less of a graph is delegated than `--require-delegation` asks for."""

    code = "delegation-low"


class ParityFailed(CheckFailed):
    """Raised when an artifact does not compute what its checkpoint computes."""

    code = "parity-failed"


# ---- bundles, images, labels ------------------------------------------------------------------------------------


class LabelsMismatch(InputError):
    """Raised when the number of labels is not the number of classes."""

    code = "labels-mismatch"


class ImageUnreadable(InputError):
    """Raised when a file given as an image cannot be decoded."""

    code = "image-unreadable"


class ImagesMissing(InputError):
    """Raised when a directory that should hold images is empty."""

    code = "images-missing"


class BundleExists(InputError):
    """Raised when the output directory exists and `--force` was not given."""

    code = "bundle-exists"


class BundleInvalid(InputError):
    """Raised when a directory is no bundle, or a file in it differs from its manifest."""

    code = "bundle-invalid"


class ProfileInvalid(InputError):
    """Raised when a file given with `--profile` is none that `ghostdeploy tune` wrote."""

    code = "profile-invalid"


class CalibrationTooSmall(InputError):
    """Raised when there are too few images to calibrate int8 with."""

    code = "calibration-too-small"


class WriteFailed(InputError):
    """Raised when output cannot be written (disk full, no permission)."""

    code = "write-failed"


class ArtifactRejected(InputError):
    """Raised when a runtime refuses to load an artifact."""

    code = "artifact-rejected"


class ResultInvalid(InputError):
    """Raised when a file is no result of `ghostdeploy bench`."""

    code = "result-invalid"


class ResultsIncomparable(InputError):
    """Raised when two results differ in more than what is to be compared (device, threads, runtime, input size)."""

    code = "results-incomparable"


# ---- devices and measurement ------------------------------------------------------------------------------------


class DeviceNotFound(DeviceError):
    """Raised when no attached device can be used, or the named one is not there."""

    code = "device-not-found"


class RunnerFailed(DeviceError):
    """Raised when the process that runs an artifact crashes, hangs or answers nonsense."""

    code = "runner-failed"


class AffinityRefused(DeviceError):
    """Raised when the wanted CPUs cannot be used; a measurement on others would be another measurement."""

    code = "affinity-refused"


class MeasurementInvalid(CheckFailed):
    """Raised when a measurement may not be quoted: too noisy, or of an artifact whose output is wrong."""

    code = "measurement-invalid"


class TableIncomplete(CheckFailed):
    """Raised when some models of a table could not be exported or measured; the table was written, and names them."""

    code = "table-incomplete"


class FetchFailed(DeviceError):
    """Raised when a pinned package cannot be fetched, or its bytes are not the pinned ones."""

    code = "fetch-failed"


class Undecided(CheckFailed):
    """Raised by `compare --fail-unstable` where no verdict could be reached."""

    code = "undecided"


class Regression(CheckFailed):
    """Raised when a comparison found a slowdown above `--fail-above`."""

    code = "regression"
