"""Our measured latencies beside what was published of the same models: the paper's table 9, and its figure 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ghostdeploy import zoo
from ghostdeploy.benchmark.result import Result
from ghostdeploy.errors import UnknownModel
from ghostdeploy.zoo import Card, Published


@dataclass(frozen=True)
class Lowest:
    """A latency in milliseconds, and whether it may be quoted."""

    ms: float
    valid: bool


@dataclass(frozen=True)
class Standing:
    """A model of the zoo with what was published of it, and the results that are its own. Nothing is made up: None is
    what no source gives."""

    title: str
    family: str
    params: int
    macs: int
    top1: Published | None
    phone_ms: Published | None
    cpu_ms: Published | None
    results: tuple[Result, ...]

    def lowest(self, device: str) -> Lowest | None:
        """The lowest latency in float32 with one thread on the device of this title, of those that may be quoted; if
        there are none, of the others."""
        own = [Lowest(r.summary.median_ms, r.summary.valid) for r in self.results
               if r.model.precision == "fp32" and r.protocol.threads == 1 and not r.device.emulated
               and r.device.title == device]
        return min(own, key=lambda found: (not found.valid, found.ms), default=None)


def standings(results: Sequence[Result]) -> tuple[Standing, ...]:
    """One for every model of the zoo among the results, in the order of the zoo.

    Results at another input size than the card's do not stand beside what was published, and are left out.
    """
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.model.card is not None:
            found.setdefault(result.model.card, []).append(result)
    alike = ((card, [result for result in found[card.name] if _at_its_size(result, card)]) for card in _known(found))
    return tuple(_standing(card, own) for card, own in alike if own)


def _at_its_size(result: Result, card: Card) -> bool:
    side = card.preprocessing.input_size
    return result.model.inputs is None or sorted(result.model.inputs[0].shape) == sorted((1, 3, side, side))


def _known(names: dict[str, list[Result]]) -> list[Card]:
    cards = []
    for name in sorted(names):
        try:
            cards.append(zoo.card(name))
        except UnknownModel:        # a result of another version of ghostdeploy
            continue
    return sorted(cards, key=lambda card: (card.family.lower(), card.macs))


def _standing(card: Card, results: Sequence[Result]) -> Standing:
    return Standing(card.title, card.family, card.params, card.macs, card.first("top1"), card.first("phone_ms"),
                    card.first("cpu_ms"), tuple(results))
