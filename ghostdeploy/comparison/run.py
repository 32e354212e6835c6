"""The verb `compare`: two results, or two artifacts that are measured interleaved for it."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.result import Result, load_all
from ghostdeploy.benchmark.run import Setting, artifact_kind, opened
from ghostdeploy.benchmark.subject import Subject, subjects
from ghostdeploy.comparison import comparable
from ghostdeploy.comparison.matching import matched
from ghostdeploy.comparison.verdict import THRESHOLD, Comparison, judge
from ghostdeploy.errors import FileMissing, FileUnreadable, ResultInvalid, UsageError
from ghostdeploy.progress import SILENT, Progress

ROUNDS = 7      # a slowdown of 3 % is found in 9 of 10 comparisons with 7 rounds (tests/test_calibration.py)
INTERLEAVED = Setting(rounds=ROUNDS)
MOST_THRESHOLD = 1.0


def compare(a: Result | str | Path, b: Result | str | Path, *, threshold: float = THRESHOLD,
            allow_differences: bool = False, setting: Setting = INTERLEAVED, progress: Progress = SILENT) -> Comparison:
    """Compare two results, two result files, or two artifacts (then measured interleaved): B over A.

    Args:
        a, b: both results (objects or files of `bench -o`), or both bundles or artifact files.
        threshold: the smallest relative difference that matters; 0.02 is 2 %.
        allow_differences: compare in spite of another device, runtime, thread count or input size.
        setting: how artifacts are measured; not used for results.

    Raises:
        UsageError: a result against an artifact, or a threshold out of range.
        ResultsIncomparable: see `comparable.check`.
        ResultInvalid: they hold several pairs (`compare_all` takes those), or a file is no result.
        FileMissing, FileUnreadable, BundleInvalid, ArtifactRejected, DeviceError: see `bench`.
    """
    found = compare_all(a, b, threshold=threshold, allow_differences=allow_differences, setting=setting,
                        progress=progress)
    if len(found) != 1:
        raise ResultInvalid(f"there are {len(found)} pairs to compare", "one was expected", "use compare_all")
    return found[0]


def compare_all(a: Result | str | Path, b: Result | str | Path, *, threshold: float = THRESHOLD,
                allow_differences: bool = False, setting: Setting = INTERLEAVED, progress: Progress = SILENT
                ) -> list[Comparison]:
    """The same for everything that belongs together: the artifacts of two bundles by format and precision.

    Raises:
        As `compare`, but for several pairs.
    """
    if not 0 < threshold < MOST_THRESHOLD:
        raise UsageError(f"a threshold of {threshold} is out of range", "it is the smallest relative difference that "
                         "matters", "choose one between 0 and 1, such as 0.02")
    results = [_results(side) for side in (a, b)]
    if results[0] is not None and results[1] is not None:
        pairs = matched(results[0], results[1], _of_result, progress)
    elif results[0] is None and results[1] is None:
        pairs = _measured(Path(str(a)), Path(str(b)), setting, allow_differences, progress)
    else:
        raise UsageError("a result cannot be compared with an artifact", "one was measured and the other was not",
                         "name two results of `bench -o`, or two artifacts")
    return [judge(ours, theirs, threshold,
                  comparable.check(ours, theirs, allow_differences=allow_differences)) for ours, theirs in pairs]


def _results(side: Result | str | Path) -> list[Result] | None:
    """The results that it is or holds; None for a bundle or an artifact.

    Raises:
        FileMissing, FileUnreadable, ResultInvalid: there is no such thing, or a JSON file is no result.
    """
    if isinstance(side, Result):
        return [side]
    path = Path(side)
    if not path.exists():
        raise FileMissing(f"no such result, bundle or artifact: {path}", "", "make one with `ghostdeploy bench -o`, or "
                          "with `ghostdeploy export`")
    if path.is_dir():
        return None
    try:
        with path.open("rb") as file:
            begins = file.read(64).lstrip()
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check its permissions") from error
    return load_all(path) if begins.startswith(b"{") else None


def _measured(a: Path, b: Path, setting: Setting, allow_differences: bool, progress: Progress
              ) -> list[tuple[Result, Result]]:
    with opened(setting) as (target, protocol):
        progress.stage(f"open {a.name} and {b.name}")
        pairs = matched(subjects(a), subjects(b), _of_subject, progress)
        for ours, theirs in () if allow_differences else pairs:
            comparable.check_models(ours.model, theirs.model)
        everything = [each for pair in pairs for each in pair]
        for subject in everything:
            refusal = target.refusal(artifact_kind(subject))
            if refusal is not None:
                raise refusal
        alike = all(ours.model.format == theirs.model.format for ours, theirs in pairs)
        results = measure(everything, target, protocol, progress, setting.wishes, company=2 if alike else 1)
    counts = len(protocol.threads)
    grouped = [results[i:i + counts] for i in range(0, len(results), counts)]
    return [pair for ours, theirs in zip(grouped[::2], grouped[1::2], strict=True)
            for pair in zip(ours, theirs, strict=True)]


def _of_result(result: Result) -> Hashable:
    return result.model.format, result.model.precision, result.protocol.threads


def _of_subject(subject: Subject) -> Hashable:
    return subject.model.format, subject.model.precision
