"""From a module to the graph that everything else reads: functional ATen operators on static shapes.

`torch.export` gives ATen operators, some of them in place. Its own way to a functional graph (`run_decompositions({})`)
traces everything a second time: 18.5 s of CPU for GhostNetV3 1.6x on a loaded two-core machine, beside 6.7 s for the
first trace. `functional.make_functional` does the same by renaming in milliseconds where aliasing is plain to see, and
the second trace is kept for the graphs where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Graph, GraphModule, Node, config
from torch.utils import _pytree as pytree

from ghostdeploy import blocks, collector
from ghostdeploy.calling import call
from ghostdeploy.errors import ExportFailed, GhostdeployError
from ghostdeploy.functional import NotFunctionalError, make_functional
from ghostdeploy.late_code import late_code
from ghostdeploy.wording import first_sentence

STATE_KINDS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


def trace(module: nn.Module, example: torch.Tensor) -> GraphModule:
    """Trace `module`, as it behaves in evaluation mode, into a functional ATen graph.

    Args:
        module: any module of one tensor argument; never modified (its training flags are put back).
        example: a floating-point input of the wanted shape, batch first; the graph holds for this shape alone.

    Returns:
        A module callable like the original. Parameters, buffers and lifted constants are `get_attr` nodes on flat
        names that share storage with the original; BatchNorm is `aten.batch_norm`; every tensor node carries its fake
        value in `meta["val"]`, and every `get_attr` node the original's own name in `meta["origin"]`.

    Raises:
        InputSizeRejected: the module itself refuses an input of this shape; its own words are the reason.
        ExportFailed: torch cannot trace it (data-dependent control flow, state written in forward, custom classes).
    """
    with evaluating(module), torch.no_grad(), collector.set_aside(), _without_stacks(), late_code():
        traced = _traced(module, example)
    traced.recompile()
    return traced


def _traced(module: nn.Module, example: torch.Tensor) -> GraphModule:
    """`trace`, without a care for time."""
    try:
        program = torch.export.export(module, (example,), strict=False)
    except Exception as error:
        raise _explained(module, example, error) from None
    try:
        return _marked(make_functional(_lifted(program)))
    except NotFunctionalError:
        pass
    try:
        return _marked(make_functional(_lifted(program.run_decompositions({}))))
    except NotFunctionalError as error:
        raise ExportFailed(f"{type(module).__name__} cannot become a functional graph", str(error)) from None


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Every submodule in evaluation mode for the length of the block.

    Flags are set one by one, and put back: `eval()` may be overridden, and the module is the caller's.
    """
    flags = [(m, m.training) for m in module.modules()]
    try:
        for m, _ in flags:
            m.training = False
        yield
    finally:
        for m, flag in flags:
            m.training = flag


@contextmanager
def _without_stacks() -> Iterator[None]:
    """Nodes without the Python stack that made each: nothing here reads it. Together with the collector set aside,
    5.3 instead of 7.1 s of CPU for GhostNetV3 1.6x (medians of three, interleaved)."""
    before = config.do_not_emit_stack_traces
    config.do_not_emit_stack_traces = True
    try:
        yield
    finally:
        config.do_not_emit_stack_traces = before


def _marked(module: GraphModule) -> GraphModule:
    blocks.mark(module)
    return module


def _explained(module: nn.Module, example: torch.Tensor, error: Exception) -> GhostdeployError:
    """The error for the user: what the module refuses by itself too is not a failure of the tracer."""
    try:
        call(module, example)
    except GhostdeployError as refusal:
        return refusal
    return ExportFailed(f"torch.export cannot trace {type(module).__name__}", first_sentence(error),
                        "make the forward pass a fixed sequence of tensor operations")


def _lifted(program: ExportedProgram) -> GraphModule:
    """The program's graph with its state as buffers under flat names, read by `get_attr`; one input, plain outputs."""
    signature = program.graph_signature
    kinds = {spec.arg.name: spec for spec in signature.input_specs if hasattr(spec.arg, "name")}
    root, copy, env = nn.Module(), Graph(), dict[Node, Node]()
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec = kinds[node.name]
            if spec.kind == InputKind.USER_INPUT:
                env[node] = copy.node_copy(node)
            elif spec.kind in STATE_KINDS and spec.target is not None:
                env[node] = _state(root, copy, node, spec.target, program)
            else:
                raise ExportFailed(f"the traced graph takes a {spec.kind.name.lower()} as input, which no format has")
        elif node.op == "output":
            copy.output(_outputs(program, [env[a] if isinstance(a, Node) else a for a in node.args[0]]))
        else:
            env[node] = copy.node_copy(node, env.__getitem__)
    return GraphModule(root, copy)


def _state(root: nn.Module, copy: Graph, node: Node, name: str, program: ExportedProgram) -> Node:
    value = program.state_dict[name] if name in program.state_dict else program.constants[name]
    flat = name.replace(".", "_")
    while hasattr(root, flat):
        flat += "_"
    root.register_buffer(flat, value.detach())
    lifted = copy.get_attr(flat)
    lifted.meta = {"val": node.meta["val"], "origin": name}
    return lifted


def _outputs(program: ExportedProgram, values: list[Any]) -> Any:
    """The graph's outputs in the structure that the original returns."""
    for spec in program.graph_signature.output_specs:
        if spec.kind != OutputKind.USER_OUTPUT:
            raise ExportFailed("the model writes its own state in its forward pass",
                               f"the traced graph has an output of kind {spec.kind.name.lower()}: {spec.target}")
    structure = program.call_spec.out_spec
    if structure is None:
        return tuple(values)
    nested = pytree.tree_unflatten(values, structure)
    try:
        torch.fx.node.map_arg(nested, lambda n: n)
    except Exception as error:
        raise ExportFailed("the model returns a structure that a graph cannot", first_sentence(error),
                           "return tensors, or tuples, lists and dictionaries of tensors") from None
    return nested
