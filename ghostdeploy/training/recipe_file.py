"""Reads recipes: every entry known, of its type and in its range, and with a source."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ghostdeploy import zoo
from ghostdeploy.errors import FileMissing, FileUnreadable
from ghostdeploy.resources import folder
from ghostdeploy.training import recipe as parts
from ghostdeploy.training import recipe_sources
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.recipe_sources import NEXT
from ghostdeploy.training_errors import RecipeInvalid

TABLES: dict[str, type] = {
    "model": parts.ModelPart, "data": parts.DataPart, "augmentation": parts.AugmentationPart,
    "optimisation": parts.OptimisationPart, "average": parts.AveragePart, "distillation": parts.DistillationPart,
    "run": parts.RunPart}
Range = Callable[[Any], bool]


def _share(value: float) -> bool:
    return 0 <= value <= 1


def _positive(value: float) -> bool:
    return value > 0


def _at_least_0(value: float) -> bool:
    return value >= 0


RANGES: dict[str, Range] = {
    "model.branches": lambda n: 0 <= n <= 16, "model.drop": lambda p: 0 <= p < 1, "data.size": _positive,
    "data.limit": _at_least_0, "data.crop": lambda c: 0 < c <= 1, "data.std": lambda values: all(v > 0 for v in values),
    "augmentation.scale": lambda s: 0 < s[0] <= s[1] <= 1, "augmentation.flip": _share,
    "augmentation.colour_jitter": _share, "augmentation.erasing": _share, "augmentation.mixup": _at_least_0,
    "augmentation.cutmix": _at_least_0, "optimisation.epochs": _positive, "optimisation.batch": _positive,
    "optimisation.lr": _positive, "optimisation.beta1": lambda b: 0 <= b < 1, "optimisation.weight_decay": _at_least_0,
    "optimisation.clip": _at_least_0, "optimisation.warmup_epochs": _at_least_0, "optimisation.warmup_lr": _at_least_0,
    "optimisation.min_lr": _at_least_0, "optimisation.decay_epochs": _positive,
    "optimisation.decay_rate": lambda r: 0 < r <= 1, "optimisation.label_smoothing": lambda s: 0 <= s < 1,
    "average.decay": lambda d: 0 <= d < 1, "distillation.alpha": _share, "distillation.temperature": _positive,
    "run.seed": _at_least_0, "run.evaluate_every": _positive, "run.save_minutes": _positive}

Part = TypeVar("Part")


def read(path: Path, settings: Iterable[str] = ()) -> Recipe:
    """The recipe in `path`, with values replaced by `settings` (`optimisation.epochs=3`), whose source is the user.

    Raises:
        FileMissing, FileUnreadable: about the file.
        RecipeInvalid: about what stands in it, or in a setting.
        UnknownModel: the card is none of the zoo's.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileMissing(f"no such recipe: {path}", "", "those that come along are in models/recipes/") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "name a recipe in TOML") from error
    return parse(text, str(path), settings)


def parse(text: str, where: str, settings: Iterable[str] = ()) -> Recipe:
    """The recipe that `text` is; `where` names it in errors. See `read`."""
    tables = _tables(text, where)
    for setting in settings:
        _set(tables, setting)
    _known(tables, {"name", "title", "sources", *TABLES}, where)
    named = tables.get("sources", {})
    if not isinstance(named, dict):
        raise RecipeInvalid(f"sources in {where} is no table", "", "describe each source under [sources]")
    sources = [entry for name, table in tables.items() if name in TABLES
               for entry in recipe_sources.sources(name, table, named, where)]
    found: dict[str, Any] = {name: _part(TABLES[name], name, table, where)
                             for name, table in tables.items() if name in TABLES}
    missing = [name for name in ("model", "data", "optimisation") if name not in found]
    missing += [name for name in ("name", "title") if not isinstance(tables.get(name), str)]
    if missing:
        raise RecipeInvalid(f"{where} has no {missing[0]}", "", NEXT)
    zoo.card(found["model"].card)
    _agree(found, where)
    kinds = {name: kind for name, kind in TABLES.items() if name in found or name != "distillation"}
    sources += recipe_sources.defaults(kinds, sources)
    return Recipe(name=tables["name"], title=tables["title"], sources=tuple(sources), **found)


def _tables(text: str, where: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The tables of a recipe, over those of the recipe that it extends; `above` are those that extend this one."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeInvalid(f"{where} is no TOML", str(error), NEXT) from error
    base = tables.pop("extends", None)
    if base is None:
        return tables
    beside = Path(where).parent / str(base)
    path = beside if beside.is_file() else find(str(base))
    if str(path) in (where, *above) or not path.is_file():
        raise RecipeInvalid(f"{where} extends {base}, which is no other recipe", "", "name one of models/recipes/")
    merged = _tables(path.read_text(encoding="utf-8"), str(path), (where, *above))
    for name, table in tables.items():
        if name not in TABLES or not isinstance(table, dict):
            merged[name] = {**merged.get(name, {}), **table} if isinstance(table, dict) else table
            continue
        attributed = recipe_sources.attributed(name, table, where)
        for key, value in table.items():
            if key != "from":
                _put(merged, name, key, value, attributed.get(key))
    return merged


def _put(tables: dict[str, Any], name: str, key: str, value: Any, source: str | None) -> None:
    """Replace one value of a table, and who it comes from."""
    entry = tables.setdefault(name, {})
    if not isinstance(entry, dict):
        raise RecipeInvalid(f"{name} is no table", "", NEXT)
    entry[key] = value
    recipe_sources.attributed(name, entry, "the recipe")
    attributed = entry.setdefault("from", {})
    for keys in attributed.values():
        if key in keys:
            keys.remove(key)
    if source is not None:
        attributed.setdefault(source, []).append(key)


def _agree(found: Mapping[str, Any], where: str) -> None:
    """Raises RecipeInvalid where parts contradict each other."""
    mixes = "augmentation" in found and (found["augmentation"].mixup or found["augmentation"].cutmix)
    if mixes and "distillation" in found and found["distillation"].cached:
        raise RecipeInvalid(f"{where} mixes images and keeps the teacher's answers",
                            "a kept answer is to one image, not to a mixture", "set distillation.cached = false")
    rates = found["optimisation"]
    if rates.warmup_epochs > rates.epochs:
        raise RecipeInvalid(f"{where} warms up for {rates.warmup_epochs:g} of {rates.epochs} epochs", "",
                            "set optimisation.warmup_epochs to fewer")
    if rates.schedule == "cosine" and rates.min_lr > rates.lr:
        raise RecipeInvalid(f"{where} falls from a rate of {rates.lr:g} to {rates.min_lr:g}", "",
                            "set optimisation.min_lr below optimisation.lr")


def _set(tables: dict[str, Any], setting: str) -> None:
    """Put `table.key=value` in place, its value as TOML or else as text; `table=none` leaves a table out."""
    name, equals, value = setting.partition("=")
    if name in TABLES and value == "none":
        tables.pop(name, None)
        return
    table, dot, key = name.partition(".")
    if not (equals and dot and table in TABLES):
        raise RecipeInvalid(f"--set {setting} names no value", "", "write it as --set optimisation.epochs=3")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    _put(tables, table, key, parsed, "user")


def _part(kind: type[Part], name: str, table: Mapping[str, Any], where: str) -> Part:
    hints = typing.get_type_hints(kind)
    values = {key: value for key, value in table.items() if key != "from"}
    _known(values, set(hints), where, f"{name}.")
    converted = {key: _value(f"{name}.{key}", value, hints[key], where) for key, value in values.items()}
    missing = [field.name for field in dataclasses.fields(kind)  # type: ignore[arg-type]
               if field.default is dataclasses.MISSING and field.name not in values]
    if missing:
        raise RecipeInvalid(f"{where} has no {name}.{missing[0]}", "", NEXT)
    return kind(**converted)


def _known(found: Iterable[str], known: set[str], where: str, prefix: str = "") -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise RecipeInvalid(f"{where} has an unknown entry {prefix}{key}",
                                f"the nearest known is {prefix}{near[0]}" if near else "", NEXT)


def _value(name: str, value: Any, hint: Any, where: str) -> Any:
    converted = _typed(value, hint)
    if converted is None or not RANGES.get(name, lambda _: True)(converted):
        raise RecipeInvalid(f"{name} = {value!r} in {where} is not possible", f"wanted: {_wanted(hint)}", NEXT)
    return converted


def _typed(value: Any, hint: Any) -> Any:
    """`value` as what `hint` wants; None where it is something else."""
    if typing.get_origin(hint) is typing.Literal:
        return value if value in typing.get_args(hint) else None
    if typing.get_origin(hint) is tuple:
        wanted = typing.get_args(hint)
        if not isinstance(value, list) or len(value) != len(wanted):
            return None
        entries = tuple(_typed(entry, kind) for entry, kind in zip(value, wanted, strict=True))
        return None if None in entries else entries
    if hint is float and type(value) in (int, float):
        return float(value) if math.isfinite(value) else None
    return value if type(value) is hint else None


def _wanted(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"{len(typing.get_args(hint))} numbers in their range"
    return {int: "a whole number in its range", float: "a number in its range", bool: "true or false"}.get(hint, "text")


def find(name: str) -> Path:
    """The recipe file that `name` is, or that comes along under that name."""
    path = Path(name)
    along = folder("models") / "recipes" / f"{name}.toml"
    return along if not path.exists() and along.exists() else path
