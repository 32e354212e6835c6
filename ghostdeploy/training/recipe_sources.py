"""Who each value of a recipe comes from: somebody who published it, us, or the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ghostdeploy.training_errors import RecipeInvalid

NEXT = "see models/recipes/README.md"
UNSOURCED = frozenset({"run"})      # where a run saves and how often it looks up decides nothing that is published


def attributed(name: str, table: Mapping[str, Any], where: str) -> dict[str, str]:
    """The source of each value of a table that names one."""
    listed = table.get("from", {})
    if not isinstance(listed, dict) or not all(isinstance(keys, list) for keys in listed.values()):
        raise RecipeInvalid(f"{name}.from in {where} lists no sources", "",
                            'write it as from = { paper = ["lr"], ours = ["epochs"] }')
    return {str(key): source for source, keys in listed.items() for key in keys}


def sources(name: str, table: Any, named: Mapping[str, str], where: str) -> list[tuple[str, str]]:
    """Who each value of a table comes from.

    Raises:
        RecipeInvalid: a value has no source, or a source is not named under [sources].
    """
    if not isinstance(table, dict):
        raise RecipeInvalid(f"{name} in {where} is no table", "", NEXT)
    listed = attributed(name, table, where)
    values = [key for key in table if key != "from"]
    unsourced = [key for key in values if key not in listed and name not in UNSOURCED]
    if unsourced:
        raise RecipeInvalid(f"{name}.{unsourced[0]} in {where} has no source",
                            "who published a value, or that nobody did, is part of a recipe",
                            f"name it in [{name}.from], under a source of [sources] or under `ours`")
    idle = sorted(set(listed) - set(values))
    if idle:
        raise RecipeInvalid(f"{where} names a source of {name}.{idle[0]}, which has no value there", "", NEXT)
    unknown = sorted(set(listed.values()) - {"ours", "user", *named})
    if unknown:
        raise RecipeInvalid(f"the source {unknown[0]} of {name} in {where} is not described", "",
                            "describe it under [sources], or call it `ours`")
    return [(f"{name}.{key}", listed.get(key, "ours")) for key in values]


def defaults(kinds: Mapping[str, type], named: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a recipe of these parts leaves out has a default, which is our choice; `named` are the values it has."""
    there = {value for value, _ in named}
    every = [f"{name}.{field.name}" for name, kind in kinds.items()
             for field in dataclasses.fields(kind)]
    return [(value, "ours") for value in every if value not in there]
