"""The figures of one block of time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import StoreError
from harness.stages.inference.load.figures import is_good, is_told
from harness.stages.inference.load.result import LoadResult, RequestRecord

HELD = 0.9
"""The share of requests that must keep the objective at a rate that is held."""


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """The figures of one version in one block.

    Attributes:
        load: what came of the load, with the keys of `steelyard load --json`.
        rate_held: the highest rate up to which 9 of 10 requests kept the objective; None where that is not known.
        start_up_s: how long the server took to start before this block; None where it was not started anew.
        memory_bytes: what the server's processes held of the machine's memory at the end; None where it is not known.
        energy_j: what the machine's counters say it took from the end of the warm-up on; None where it has none.
    """

    load: Mapping[str, Any]
    rate_held: float | None = None
    start_up_s: float | None = None
    memory_bytes: int | None = None
    energy_j: float | None = None

    @property
    def invalid_reasons(self) -> tuple[str, ...]:
        """The reasons not to trust its figures; () where there are none."""
        return tuple(self.load["invalid_reasons"])

    @property
    def is_kept(self) -> bool:
        """True where a gate that is run again has it again: it can be trusted, or that it can't is the server's own
        doing. Who measured that anew until it could be trusted would choose among the version's own blocks.
        """
        return not self.invalid_reasons or (self.load["by_server"] and not self.load["interrupted"])

    def as_text(self) -> str:
        """As the store keeps it."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, sort_keys=True)


def block_from(text: str) -> LoadBlock:
    """The block that `as_text` wrote.

    Raises:
        StoreError: it is none.
    """
    try:
        plain = json.loads(text)
        return LoadBlock(**{name: plain[name] for name in LoadBlock.__slots__})
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"A block of the store can't be read: {error}. Measure anew with --fresh.") from None


def rate_held(result: LoadResult, objective: Mapping[str, float]) -> float | None:
    """The highest rate up to which so many requests kept the objective as must; None without an objective, and where
    answers do not tell whether they keep it.

    Requests are taken in the order of their plan. In a ramp each comes at a higher rate than those before it: the rate
    at a request is that of the gaps around it, by the arrivals planned up to then.
    """
    records = sorted(result.records, key=lambda record: record.index)
    if not objective or len(records) < 2 or not is_told(records, objective):
        return None
    kept, held = 0, 0.0
    for number, record in enumerate(records, 1):
        kept += is_good(record, objective)
        if kept >= HELD * number:
            held = _rate_at(records, number - 1)
    return held


_AROUND = 5


def _rate_at(records: list[RequestRecord], place: int) -> float:
    """Requests a second around one of them, by plan."""
    first, last = max(0, place - _AROUND), min(len(records) - 1, place + _AROUND)
    passed_s = records[last].scheduled_s - records[first].scheduled_s
    return (last - first) / passed_s if passed_s > 0 else 0.0
