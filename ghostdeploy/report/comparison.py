"""A comparison in words: on a terminal, as Markdown for a pull request, as JUnit XML for a CI server."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape

from ghostdeploy.comparison.verdict import Comparison
from ghostdeploy.wording import counted

COLOURS = {"faster": "green", "same": "green", "slower": "red", "unstable": "yellow"}


def render_comparisons(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Verdict first, then the numbers behind it, then what to know about them."""
    for found in comparisons:
        console.print(f"[bold {COLOURS[found.verdict]}]{found.verdict}[/] {escape(_names(found))}: {_numbers(found)}",
                      highlight=False, soft_wrap=True)
        console.print(f"  [dim]{escape(_medians(found))}[/]", highlight=False, soft_wrap=True)
        for remark in found.reasons:
            console.print(f"  [dim]·[/] {escape(remark.text)}", highlight=False, soft_wrap=True)


def markdown(comparisons: Sequence[Comparison]) -> str:
    """A GitHub-flavoured table with what to know below it."""
    lines = ["| B over A | verdict | ratio | 95 % interval | A, ms | B, ms |", "|---|---|---:|---:|---:|---:|"]
    for found in comparisons:
        interval = "–" if not found.confidence else f"{found.interval[0]:.3f} to {found.interval[1]:.3f}"
        cells = (_names(found), f"**{found.verdict}**", f"{found.ratio:.3f}", interval, f"{found.a.median_ms:.2f}",
                 f"{found.b.median_ms:.2f}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    alone = len(comparisons) == 1
    lines += ["", *(f"- {'' if alone else _names(found) + ': '}{remark.text}"
                    for found in comparisons for remark in found.reasons)]
    return "\n".join(lines).rstrip() + "\n"


def junit(comparisons: Sequence[Comparison], fail_above: float | None) -> str:
    """One test case a comparison: failed where it regressed, skipped where nothing could be told."""
    suite = ElementTree.Element("testsuite", name="ghostdeploy compare", tests=str(len(comparisons)))
    failures = skipped = 0
    for found in comparisons:
        case = ElementTree.SubElement(suite, "testcase", classname="ghostdeploy.compare", name=_names(found),
                                      time=f"{found.b.median_ms / 1000:.6f}")
        if fail_above is not None and found.regressed(fail_above):
            failures += 1
            ElementTree.SubElement(case, "failure", type="regression", message=_numbers(found))
        elif found.verdict == "unstable":
            skipped += 1
            ElementTree.SubElement(case, "skipped", message="; ".join(r.text for r in found.reasons))
        ElementTree.SubElement(case, "system-out").text = f"{found.verdict}: {_numbers(found)}; {_medians(found)}"
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    suite.set("errors", "0")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, "unicode", xml_declaration=True) + "\n"


def _names(found: Comparison) -> str:
    """Of both sides; with the bundles where the files are named alike, and the threads where more than one is used."""
    a, b = ((side.file if found.a.file != found.b.file or side.bundle is None else f"{side.bundle}/{side.file}")
            for side in (found.a, found.b))
    return f"{b} over {a}" + (f" ×{found.b.threads}" if found.b.threads > 1 else "")


def _numbers(found: Comparison) -> str:
    if not found.confidence:
        return f"ratio {found.ratio:.3f}, without an interval"
    return (f"ratio {found.ratio:.3f} ({found.interval[0]:.3f} to {found.interval[1]:.3f} with "
            f"{found.confidence:.1%} confidence, p = {found.p_value:.3g}, threshold {found.threshold:.0%})")


def _medians(found: Comparison) -> str:
    how = "in turns in one process" if found.together else "interleaved" if found.interleaved else "measured apart"
    rounds = f"{counted(found.a.rounds, 'round')} each" if found.a.rounds == found.b.rounds \
        else f"{found.a.rounds} and {found.b.rounds} rounds"
    return f"medians {found.b.median_ms:.3f} ms over {found.a.median_ms:.3f} ms, {rounds}, {how}"
