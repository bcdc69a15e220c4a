"""The plan of what is measured in blocks, and in which order: drawn from a seed before the first of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field, replace

from harness.errors import UsageError
from harness.records import Role
from harness.stages.inference.load.plan import LoadPlan

FEWEST_BLOCKS, MOST_BLOCKS = 5, 1_000
DEFAULT_BLOCKS = 12
DEFAULT_SECONDS = 2.5
DEFAULT_RATE = 8.0
WARM_UP = 2
"""Requests before each block: a server that stood still has cold caches."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Pairs of blocks, one of each version, both on the same prompts and arrivals.

    Attributes:
        blocks: how many of each version; each pair of them is a case of the statistics.
        load: what is sent in a block, and for how long.
        seed: of the order of the versions, and of the plan of each pair.
    """

    blocks: int = DEFAULT_BLOCKS
    load: LoadPlan = field(default_factory=lambda: LoadPlan(rate=DEFAULT_RATE, seconds=DEFAULT_SECONDS))
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a plan that measures nothing."""
        if not FEWEST_BLOCKS <= self.blocks <= MOST_BLOCKS:
            raise UsageError(
                f"blocks = {self.blocks!r} is outside [{FEWEST_BLOCKS}, {MOST_BLOCKS:,}]: all of four pairs point one "
                "way by chance in 1 of 16 gates, so that they show nothing."
            )

    @property
    def text(self) -> str:
        """The plan as canonical JSON: equal plans, equal texts."""
        return json.dumps(self, sort_keys=True, default=_plain)

    def load_of(self, pair: int) -> LoadPlan:
        """The load of both blocks of a pair: prompts and arrivals of its own, as no pair before it had."""
        return replace(self.load, seed=self._draw("load", pair))

    def order_of(self, pair: int) -> tuple[Role, Role]:
        """Return the two versions of a pair in the order in which they are measured.

        Chance decides it for the first of two pairs, and the second turns it round (ABBA or BAAB): what drifts evenly
        over the four blocks falls out, and nothing that knows the order can favour a version.
        """
        is_first = self._draw("order", pair // 2) % 2 == 0
        forth: tuple[Role, Role] = ("candidate", "baseline")
        back: tuple[Role, Role] = ("baseline", "candidate")
        return forth if is_first == (pair % 2 == 0) else back

    def _draw(self, what: str, number: int) -> int:
        digest = hashlib.blake2b(f"{self.seed}|{what}|{number}".encode(), digest_size=4).digest()
        return int.from_bytes(digest) >> 1


def _plain(value: object) -> object:
    """Values that JSON has no form for, as ones that it has."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value)  # type: ignore[call-overload]
