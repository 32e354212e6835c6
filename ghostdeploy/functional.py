"""In-place operators, eval-time no-ops and composite views out of a traced graph, in one walk.

The rule for an in-place operator: its target must be memory that an operator of its own allocated and that no view
taken earlier is read from later. Then `x.relu_()` is `relu(x)` with every later reader of `x` moved to the result.
Wherever that is not plain, `NotFunctionalError` says so and the caller takes torch's own, slow way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from ghostdeploy import graph as graphs

aten = torch.ops.aten

# Composite operators that always return memory of their own. Others might hand their input through without saying so
# in their schema, as dropout does in evaluation mode.
FRESH_COMPOSITES = {
    aten.conv1d.default, aten.conv2d.default, aten.conv2d.padding, aten.conv3d.default, aten.conv_transpose2d.input,
    aten.batch_norm.default, aten.linear.default, aten.matmul.default, aten.layer_norm.default, aten.group_norm.default,
    aten.max_pool2d.default, aten.adaptive_avg_pool2d.default, aten.avg_pool1d.default, aten.instance_norm.default,
    aten.scaled_dot_product_attention.default, aten.upsample_nearest2d.vec, aten.upsample_bilinear2d.vec,
    aten.relu6.default,
}
# Identities on values, whatever their arguments say about memory.
IDENTITIES = {aten.alias.default, aten.clone.default, aten.detach.default, aten.detach_.default,
              aten.contiguous.default, aten.lift_fresh_copy.default, aten.lift_fresh.default}
DROPOUTS = {aten.dropout.default, aten.dropout_.default, aten.feature_dropout.default, aten.feature_dropout_.default,
            aten.alpha_dropout.default, aten.alpha_dropout_.default}
ASSERTIONS = {aten._assert_tensor_metadata.default, aten._assert_async.msg, aten._assert_scalar.default}
LEGACY_NORMS = {aten._native_batch_norm_legit_no_training.default}


class NotFunctionalError(Exception):
    """Raised when aliasing is not plain; the text names the node."""


def make_functional(module: GraphModule) -> GraphModule:
    """Rewrite `module` (ATen nodes with `meta["val"]`) in place into functional operators; returns it.

    Raises:
        NotFunctionalError: an operator writes memory that may be read under another name, or has no functional form.
    """
    for node in module.graph.nodes:             # the list may be edited on the way: what was erased is not visited
        if node.op != "call_function":
            continue
        if node.target in ASSERTIONS:
            module.graph.erase_node(node)
        elif node.target in LEGACY_NORMS:
            _plain_norm(node)
        elif _is_identity(node):
            _require_unwritten(node)
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)      # torch counts dropout as random, so as never dead
        elif isinstance(node.target, OpOverload):
            if node.target._schema.is_mutable:
                _out_of_place(node)
            elif node.target in VIEWS:
                VIEWS[node.target](node)
            elif node.target._schema.name.startswith("aten::") and _is_composite(node) and _annotated_alias(node):
                raise NotFunctionalError(f"{node.name} ({node.target}) is a composite view")
    graphs.clean(module)
    return module


# ---- what an operator does with memory ------------------------------------------------------------------------------


def _is_composite(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target.has_kernel_for_dispatch_key(
        torch._C.DispatchKey.CompositeImplicitAutograd)


def _annotated_alias(node: Node) -> bool:
    assert isinstance(node.target, OpOverload)
    return any(r.alias_info is not None and not r.alias_info.is_write for r in node.target._schema.returns)


def _may_view(node: Node) -> bool:
    """Might `node`'s result share memory with one of its inputs?"""
    if node.op != "call_function" or not isinstance(node.target, OpOverload):
        return True
    if node.target in FRESH_COMPOSITES:
        return False
    return _annotated_alias(node) or _is_composite(node)


def _is_identity(node: Node) -> bool:
    if node.target in IDENTITIES:              # a copy into another layout is one that later views rely on
        return bool(node.meta["val"].stride() == node.args[0].meta["val"].stride())  # type: ignore[union-attr]
    if node.target in DROPOUTS:
        return not node.args[2]
    if node.target == aten.to.dtype:
        return bool(node.meta["val"].dtype == node.args[0].meta["val"].dtype)  # type: ignore[union-attr]
    return False


def _require_unwritten(node: Node) -> None:
    """A copy that is dropped must not be what kept a later in-place operator off its source."""
    source = node.args[0]
    assert isinstance(source, Node)
    if any(_writes(user, alias) for alias in (node, source) for user in alias.users) and len(source.users) > 1:
        raise NotFunctionalError(f"{node.name} copies memory that is written later")


def _writes(user: Node, target: Node) -> bool:
    return (user.op == "call_function" and isinstance(user.target, OpOverload) and user.target._schema.is_mutable
            and bool(user.args) and user.args[0] is target and user.target not in IDENTITIES)


# ---- rewrites -------------------------------------------------------------------------------------------------------


def _out_of_place(node: Node) -> None:
    """`op_(x, ...)` -> `op(x, ...)`, later readers of x moved to the result."""
    target, functional = node.args[0], _functional_form(node)
    if functional is None or not isinstance(target, Node):
        raise NotFunctionalError(f"{node.name} ({node.target}) has no functional form")
    if _may_view(target) or target.op != "call_function":
        raise NotFunctionalError(f"{node.name} writes {target.name}, which may be a view or state")
    later = [user for user in target.users if node < user]
    for user in target.users:
        if user is not node and user not in later and _may_view(user) and user.users:
            raise NotFunctionalError(f"{node.name} writes {target.name}, which {user.name} may be a view of")
    if target.meta["val"].dtype != node.meta["val"].dtype or target.meta["val"].shape != node.meta["val"].shape:
        raise NotFunctionalError(f"{node.name} changes type or shape in place")
    node.target = functional
    for user in later:
        user.replace_input_with(target, node)


def _functional_form(node: Node) -> OpOverload | None:
    assert isinstance(node.target, OpOverload)
    namespace, _, name = node.target._schema.name.partition("::")
    if namespace != "aten" or not name.endswith("_"):
        return None
    packet = getattr(aten, name[:-1], None)
    form = getattr(packet, node.target._overloadname, None)
    if not isinstance(form, OpOverload):
        return None
    mine, theirs = node.target._schema.arguments, form._schema.arguments
    return form if [a.name for a in mine] == [a.name for a in theirs] else None


def _plain_norm(node: Node) -> None:
    """`_native_batch_norm_legit_no_training(...)[0]` -> `batch_norm(..., training=False)`."""
    x, gamma, beta, mean, variance, momentum, eps = node.args
    with node.graph.inserting_before(node):
        plain = node.graph.call_function(aten.batch_norm.default,
                                         (x, gamma, beta, mean, variance, False, momentum, eps, False))
    plain.meta = {**node.meta, "val": node.meta["val"][0]}
    for user in list(node.users):
        if user.target is not operator.getitem or user.args[1] != 0:
            raise NotFunctionalError(f"{node.name}: saved statistics are read")
        user.replace_all_uses_with(plain)
        node.graph.erase_node(user)
    node.graph.erase_node(node)


def _as_view(node: Node) -> None:
    """A composite reshape -> `view` on static sizes, after a contiguous copy where strides forbid it."""
    source = node.args[0]
    assert isinstance(source, Node)
    if not source.meta["val"].is_contiguous():
        with node.graph.inserting_before(node):
            copy = node.graph.call_function(aten.clone.default, (source,), {"memory_format": torch.contiguous_format})
        copy.meta = {**source.meta, "val": source.meta["val"].contiguous()}
        source = copy
    node.target, node.args, node.kwargs = aten.view.default, (source, [int(s) for s in node.meta["val"].shape]), {}


def _as_copy(node: Node) -> None:
    node.target, node.args, node.kwargs = aten.clone.default, node.args[:1], {"memory_format": torch.contiguous_format}


def _as_split(node: Node) -> None:
    """`chunk` -> `split` with the size that chunk's rule gives."""
    source, parts = node.args[0], node.args[1]
    axis = node.args[2] if len(node.args) > 2 else 0
    assert isinstance(source, Node)
    size = int(source.meta["val"].shape[axis])
    node.target, node.args = aten.split.Tensor, (source, -(-size // parts), axis)  # type: ignore[operator]


def _as_cast(node: Node) -> None:
    node.target, node.args, node.kwargs = aten._to_copy.default, (node.args[0],), {"dtype": node.meta["val"].dtype}


def _as_permute(node: Node) -> None:
    """Composite axis moves -> `permute`, read off the strides of a probe."""
    source = node.args[0]
    assert isinstance(source, Node)
    assert isinstance(node.target, OpOverload)
    rank = source.meta["val"].dim()
    probe = torch.empty([i + 2 for i in range(rank)], device="meta")
    moved = node.target(probe, *node.args[1:], **node.kwargs)
    order = [int(s) - 2 for s in moved.shape]
    node.target, node.args, node.kwargs = aten.permute.default, (source, order), {}


VIEWS: dict[Any, Callable[[Node], None]] = {
    aten.reshape.default: _as_view, aten.flatten.using_ints: _as_view, aten.view_as.default: _as_view,
    aten.reshape_as.default: _as_view, aten.unflatten.int: _as_view,
    aten.contiguous.default: _as_copy, aten.to.dtype: _as_cast, aten.chunk.default: _as_split,
    aten.swapaxes.default: _as_permute, aten.swapdims.default: _as_permute, aten.movedim.int: _as_permute,
    aten.movedim.intlist: _as_permute, aten.numpy_T.default: _as_permute, aten.mT.default: _as_permute,
}
