"""The figures of one block of time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import StoreError


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """The figures of one version in one block.

    Attributes:
        load: what came of the load, with the keys of `steelyard load --json`.
        energy_j: what the machine's counters say it took from the end of the warm-up on; None where it has none.
    """

    load: Mapping[str, Any]
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
