"""A profile while its sites are measured: whole after each of them, and honest about what was there before."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.tuning.meters import Meter
from ghostdeploy.tuning.profile import Measured, Profile, SiteCost

Keep = Callable[[Profile], None]


def forget(profile: Profile) -> None:
    """Keep nothing on the way."""


class Growing:
    """The sites of `known`, if there are any, and those that are added; each time handed to `keep`."""

    def __init__(self, meter: Meter, formats: Sequence[Format], known: Profile | None, keep: Keep) -> None:
        """Raises: UsageError: `known` is of other runtimes, as far as the meter knows its own."""
        self._meter, self._formats, self._known, self._keep = meter, formats, known, keep
        self._new: list[SiteCost] = []
        self._require_same_runtimes()

    @property
    def nothing_new(self) -> bool:
        """Was no site added yet?"""
        return not self._new

    @property
    def profile(self) -> Profile:
        """As it stands; of today, if anything is new."""
        if self._known is not None and self.nothing_new:
            return self._known
        before = Profile(self._meter.unit, Measured("", {}, ""), ()) if self._known is None else self._known
        runtimes = {**before.measured.runtimes, **self._meter.runtimes(self._formats)}
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        measured = Measured(self._meter.device, runtimes, today, self._note(before, today))
        return Profile(self._meter.unit, measured, (*before.sites, *self._new))

    def add(self, cost: SiteCost) -> None:
        """One site more.

        Raises:
            UsageError: it was measured in another runtime than the known ones of its format.
        """
        self._require_same_runtimes()
        self._new.append(cost)
        self._keep(self.profile)

    def _require_same_runtimes(self) -> None:
        then = {} if self._known is None else self._known.measured.runtimes
        for format, now in self._meter.runtimes(self._formats).items():
            if then.get(format, now) != now:
                raise UsageError(f"the known sites of .{format} were measured in {then[format]}",
                                 f"this is {now}, and costs in two runtimes do not compare",
                                 "begin a profile of its own")

    def _note(self, before: Profile, today: str) -> str:
        """The words of the known profile, and of which day its sites are."""
        then = before.measured
        older = f"{len(before.sites)} of the sites were known before {today}, from {then.date} or earlier."
        return " ".join(filter(None, (then.note, older if before.sites and then.date != today else "")))
