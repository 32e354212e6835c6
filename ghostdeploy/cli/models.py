"""`ghostdeploy models`: the zoo."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ghostdeploy.cli.output import JsonFlag, emit
from ghostdeploy.errors import UsageError
from ghostdeploy.report.cited import cited, mark

if TYPE_CHECKING:
    from ghostdeploy.zoo import Card, Published

SCHEMA_VERSION = 1


def models(
    family: Annotated[str | None, typer.Option(metavar="NAME", help="Only this family, e.g. MobileOne.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the models that are recognised by themselves, with the numbers published about them.

    Example: [bold]ghostdeploy models --family GhostNetV3[/]
    """
    chosen = select(family)
    document = {"schema_version": SCHEMA_VERSION, "macs_input_size": 224, "models": [describe(card) for card in chosen]}
    emit(document, lambda console: render(console, chosen), as_json=as_json)


def select(family: str | None) -> tuple[Card, ...]:
    """The cards of one family, whatever its capitals; all without one.

    Raises:
        UsageError: there is no such family.
    """
    from ghostdeploy.zoo import cards

    if family is None:
        return cards()
    chosen = tuple(card for card in cards() if card.family.lower() == family.lower())
    if not chosen:
        names = dict.fromkeys(card.family for card in cards())
        raise UsageError(f"there is no family {family}", "", f"choose from {', '.join(names)}")
    return chosen


def describe(card: Card) -> dict[str, Any]:
    """A card as JSON. Figures without a source are ours, computed from the architecture."""
    return {
        "name": card.name, "title": card.title, "family": card.family, "licence": card.licence,
        "params": card.params, "macs": card.macs,
        "forms": {name: {"params": form.params, "macs": form.macs} for name, form in card.forms.items()},
        "preprocessing": asdict(card.preprocessing), "published": [asdict(entry) for entry in card.published],
        "weights": [asdict(source) for source in card.weights], "lookalikes": list(card.lookalikes),
    }


def render(console: Console, chosen: tuple[Card, ...]) -> None:
    """A table by family, its sources below; where the weights are in full where there is room for it."""
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for column, right in (("model", False), ("params M", True), ("MACs M", True), ("top-1 %", True), ("phone ms", True),
                          ("weights", False)):
        table.add_column(column, justify="right" if right else "left", no_wrap=right or column == "model")
    sources: dict[str, int] = {}
    for family, members in groupby(chosen, key=lambda card: card.family):
        table.add_row(f"[bold]{family}[/]")
        for card in members:
            table.add_row(f" {card.name}", f"{card.params / 1e6:.2f}", f"{card.macs / 1e6:.0f}", _top1(card, sources),
                          _published(card.first("phone_ms"), sources), _places(card))
    console.print(table)
    console.print("Params and MACs are those of the deployed form, computed at 224x224 with 1000 classes; "
                  "~ marks a value that its source gives as a difference.", style="dim", highlight=False)
    for source, number in sources.items():
        console.print(f"[{number}] {source}", style="dim", markup=False, highlight=False)
    if len({card.family for card in chosen}) > 1:
        console.print("Where the weights are exactly: --family NAME, or --json.", style="dim", highlight=False)
        return
    for card in chosen:
        for place in card.weights:
            console.print(f"{card.name}: {place.where} ({place.form} form, {place.licence})", markup=False,
                          highlight=False, soft_wrap=True)


def _places(card: Card) -> str:
    """Who hosts trained weights, without the path."""
    return ", ".join(source.where.partition(":")[0] for source in card.weights) or "-"


def _top1(card: Card, sources: dict[str, int]) -> str:
    """The accuracy published with the model; where there is none, that of the first weights that can be had."""
    published = card.first("top1")
    if published is not None:
        return _published(published, sources)
    source = next((source for source in card.weights if source.top1 is not None), None)
    if source is None or source.top1_source is None:
        return "-"
    return escape(f"{source.top1:.1f}{mark(source.top1_source, sources)}")


def _published(entry: Published | None, sources: dict[str, int]) -> str:
    return "-" if entry is None else escape(cited(entry, sources))
