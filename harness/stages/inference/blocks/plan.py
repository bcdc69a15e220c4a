"""What is measured in blocks, and in which order: drawn from a seed before the first of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from harness.config import Settings
from harness.config.typed import Between, PathText, check, read
from harness.errors import MarkerError, choices
from harness.records import Role
from harness.stages.inference.load.plan import LoadPlan, read_prompts

FEWEST_BLOCKS, MOST_BLOCKS = 5, 1_000
"""All of four pairs point one way by chance in 1 of 16 gates, so that they show nothing."""
DEFAULT_BLOCKS = 12
DEFAULT_SECONDS = 2.5
DEFAULT_RATE = 8.0
WARM_UP = 2
"""Requests before each block: a server that stood still has cold caches."""
_Blocks = Annotated[int, Between(FEWEST_BLOCKS, MOST_BLOCKS)]


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
        is_first = self._draw("order", pair // 2) % 2 == pair % 2
        return ("candidate", "baseline") if is_first else ("baseline", "candidate")

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


LOAD_WORDS = ("blocks", *(each.name for each in dataclasses.fields(LoadPlan) if each.name != "seed"))
"""The words of `load` in a marker."""
_NOT_WITH_LOAD = (
    *("cases", "samples", "max_samples", "design", "per", "cluster", "review", "max_lost", "weighs"),
    *("slices", "slice_margin"),
)


def blocks_of(keywords: Mapping[str, Any], settings: Settings, *, where: str, loads: bool) -> BlockPlan | None:
    """The blocks of an evaluation whose body takes `load` (`loads`); None for another one.

    Args:
        keywords: what its marker was given.
        where: the test function, for messages.

    Raises:
        MarkerError: a word or a value that can't be.
    """
    if not loads:
        if "load" in keywords:
            raise MarkerError(f"{where}: load= is for a body that takes `load`, which is measured in blocks of time.")
        return None
    for name in _NOT_WITH_LOAD:
        if keywords.get(name) is not None:
            raise MarkerError(
                f"{where}: {name}= does not go with `load`: pairs of blocks of time are its cases. "
                'Say how many of them, and what is sent, by load={"blocks": 12, "rate": 8}.'
            )
    given = keywords.get("load", {})
    if not isinstance(given, Mapping):
        raise MarkerError(f'{where}: load = {given!r} is no table; write load={{"blocks": 12, "rate": 8}}.')
    for name in given:
        if name not in LOAD_WORDS:
            raise MarkerError(f"{where}: load: {choices('setting', str(name), LOAD_WORDS)}")
    given_values = {name: value for name, value in given.items() if value is not None}
    words = {"blocks": DEFAULT_BLOCKS, "warm_up": WARM_UP, **given_values}
    if "prompts" in words:
        path = check(PathText, words["prompts"], "prompts", where=where, error=MarkerError)
        words["prompts"] = read_prompts(settings.root / path, MarkerError)
    if not words.keys() & {"rate", "concurrency"}:
        words["rate"] = DEFAULT_RATE
    if not words.keys() & {"seconds", "requests"}:
        words["seconds"] = DEFAULT_SECONDS
    blocks = check(_Blocks, words.pop("blocks"), "blocks", where=where, error=MarkerError)
    return BlockPlan(blocks, read(LoadPlan, words, where=where, error=MarkerError), settings.seed)
