"""Our measured latencies beside what was published of the same models: the paper's table 9, and its figure 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ghostdeploy import zoo
from ghostdeploy.benchmark.result import Result
from ghostdeploy.errors import UnknownModel
from ghostdeploy.zoo import Card, Published


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

    def lowest_ms(self, device: str | None = None) -> float | None:
        """The lowest latency in float32 with one thread that may be quoted; on the device of this title, or on any."""
        return min((r.summary.median_ms for r in self.results if r.summary.valid and r.model.precision == "fp32"
                    and r.protocol.threads == 1 and not r.device.emulated and device in (None, r.device.title)),
                   default=None)


def standings(results: Sequence[Result]) -> tuple[Standing, ...]:
    """One for every model of the zoo among the results, in the order of the zoo."""
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.model.card is not None:
            found.setdefault(result.model.card, []).append(result)
    return tuple(_standing(card, found[card.name]) for card in _known(found) if card is not None)


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
