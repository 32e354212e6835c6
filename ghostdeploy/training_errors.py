"""The public errors of training: recipes, data sets and runs. Kinds and exit codes are those of `errors`."""

from __future__ import annotations

from ghostdeploy.errors import CheckFailed, InputError


class DataMissing(InputError):
    """Raised when a data set is named that is neither a directory nor one that was fetched."""

    code = "data-missing"


class DataUnusable(InputError):
    """Raised when a data set cannot train or test a model: no classes, or a class or a split without images."""

    code = "data-unusable"


class RecipeInvalid(InputError):
    """Raised when a recipe has an unknown entry, a value out of range, or a value without a source."""

    code = "recipe-invalid"


class ResumeMismatch(InputError):
    """Raised when a run cannot go on from what stands in its directory: another recipe, other data, a damaged file."""

    code = "resume-mismatch"


class TrainingDiverged(CheckFailed):
    """Raised when the loss is no longer a number; names the last good checkpoint."""

    code = "training-diverged"


class CompanionLost(CheckFailed):
    """Raised when one of several processes that train together ended."""

    code = "companion-lost"
