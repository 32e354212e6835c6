"""The blocks of a bundle's model as artifacts of their own, for runtimes that do not tell what they do inside.

A bundle has no graph, so the model is built anew from its card: with random weights, which take the same time.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.blocks import blocks, cut, examples
from ghostdeploy.bundle import Bundle, open_bundle
from ghostdeploy.cost import cost
from ghostdeploy.embedding import Embedded
from ghostdeploy.errors import UsageError
from ghostdeploy.fusion import fuse
from ghostdeploy.progress import Progress
from ghostdeploy.tuning import Profile, shipped
from ghostdeploy.untrained import randomise_norms
from ghostdeploy.writing import writing


@dataclasses.dataclass(frozen=True)
class Parts:
    """Files of the blocks in their order, the blocks' names, and what should be said about them."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def parts(subject: Subject, directory: Path, progress: Progress) -> Parts:
    """Every block of the subject's model as an fp32 `.pte` in `directory`. Equal blocks are lowered once.

    Raises:
        UsageError: the card makes another model today than the one in the bundle.
        WriteFailed: no room in `directory`.
    """
    from ghostdeploy.lowering.executorch import lower_pte  # imports exir: seconds

    bundle = open_bundle(subject.path.parent)
    progress.stage(f"build {bundle.name} again, for its blocks")
    graph = _graph(bundle)
    found = blocks(graph)
    wanted, notes = _profile(bundle)
    lowered: dict[str, bytes] = {}
    files = []
    for number, block in enumerate(found):
        progress.stage(f"lower block {number + 1} of {len(found)}, {block.name}")
        part = cut(graph, block.nodes)
        key = _key(part)
        if key not in lowered:
            lowered[key] = lower_pte(part, examples(part), wanted=wanted.wanted("pte", "fp32")).data
        files.append(directory / f"{number}.pte")
        with writing("a temporary file", "free some space, or name another directory in TMPDIR"):
            files[-1].write_bytes(lowered[key])
    return Parts(tuple(files), tuple(block.name for block in found), notes)


def _graph(bundle: Bundle) -> GraphModule:
    entry, prep = bundle.manifest["model"], bundle.preprocessing
    module = randomise_norms(build(zoo.card(entry["card"]), entry["classes"])).eval()
    example = torch.rand(1, 3, prep.input_size, prep.input_size, generator=torch.Generator().manual_seed(0))
    graph = fuse(Embedded(module, prep) if bundle.normalisation_inside else module, example, verify=False).module
    now = cost(graph, example)
    if (now.params, now.macs) != (entry["params"], entry["macs"]):
        raise UsageError(f"{bundle.path} cannot be profiled by blocks",
                         f"its model is not what the card {entry['card']} makes today: {entry['params']} parameters "
                         f"and {entry['macs']} multiply-adds there, {now.params} and {now.macs} here",
                         "export it again with this version")
    return graph


def _profile(bundle: Bundle) -> tuple[Profile, tuple[str, ...]]:
    """Where rewrites pay, as the export was told."""
    kept, told = shipped(bundle.manifest["target"]), bundle.manifest.get("profile")
    note = "blocks are the card's, built anew with random weights"
    if told is not None and (kept.measured.device, kept.measured.date) == (told["device"], told["date"]):
        return kept, (note,)
    return kept, (note, "the bundle was exported with another profile than the one that ships today, with which its "
                        "blocks were lowered")


def _key(part: GraphModule) -> str:
    """What makes two blocks equal: operators, shapes, how they hang together, and what is read outside."""
    places = {node: place for place, node in enumerate(part.graph.nodes)}
    return "\n".join(f"{node.target if node.op == 'call_function' else node.op} "
                     f"{map_arg((node.args, node.kwargs), places.__getitem__)} {_shapes(node)}" for node in places)


def _shapes(node: Node) -> str:
    return str(pytree.tree_map_only(torch.Tensor, lambda value: tuple(value.shape), node.meta.get("val")))
