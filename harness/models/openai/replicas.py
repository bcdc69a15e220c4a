"""The servers at the addresses of one version: which of them is asked next, and which is left out for a while."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.models.openai.redaction import without_secrets
from harness.models.openai.retry import FAULTS, Clock, FaultName

_LEFT_OUT_S = 30.0
_REPEATED = 2
_DEAD_AT_ONCE = ("refused", "loading")
_OF_ONE_REQUEST = ("limited", "malformed")
_DESCRIBED = ("id", "root", "parent", "max_model_len", "owned_by", "meta")
"""What vLLM, SGLang and llama.cpp say of a model at /models that is not of one process alone, as its start is."""


@dataclass(slots=True, eq=False)
class Replica:
    """A server of the version.

    Attributes:
        shown: its address as it may be shown.
        is_described: whether it was asked what it serves since it was last left out; true of a server without others.
        description: what it says of its model; None where it says nothing.
        outstanding, sent: requests under way, and so far.
        failures: in a row. answered_s: when it last answered (`time.perf_counter`); 0 for never.
        out_until_s: by the clock; -inf for one that is not suspected.
    """

    address: str
    is_described: bool
    shown: str = field(init=False)
    description: Mapping[str, Any] | None = None
    outstanding: int = 0
    sent: int = 0
    failures: int = 0
    answered_s: float = 0.0
    out_until_s: float = -math.inf

    def __post_init__(self) -> None:
        self.shown = without_secrets(self.address)

    def describe(self, listed: Mapping[str, Any], model: str) -> None:
        """Note what it lists at /models of this model, or of the only one."""
        models = listed.get("data")
        entries = [each for each in models if isinstance(each, Mapping)] if isinstance(models, list) else []
        named = [each for each in entries if each.get("id") == model] or entries
        self.description = {name: named[0].get(name) for name in _DESCRIBED} if len(named) == 1 else None
        self.is_described = True

    def note_answer(self) -> None:
        """Trust it: it has answered."""
        self.failures, self.answered_s, self.out_until_s = 0, time.perf_counter(), -math.inf


class Replicas:
    """All servers of a version; one without others is never left out."""

    def __init__(self, addresses: Sequence[str], clock: Clock) -> None:
        self.every = [Replica(address, len(addresses) == 1) for address in addresses]
        self.shown = ", ".join(replica.shown for replica in self.every)
        self._clock = clock

    def next(self, failed: Replica | None) -> Replica:
        """The replica with the fewest outstanding requests; another than the one that has just failed, if it can be.

        One that was left out gets a single request, and others once that is answered. Where all are out, all are asked.
        """
        now_s = self._clock.seconds()
        trusted = [
            replica
            for replica in self.every
            if replica.out_until_s == -math.inf or (replica.out_until_s <= now_s and replica.outstanding == 0)
        ]
        others = [replica for replica in trusted if replica is not failed]
        return min(others or trusted or self.every, key=lambda replica: (replica.outstanding, replica.sent))

    @property
    def left_out(self) -> list[Replica]:
        """Those that get no request now."""
        return [replica for replica in self.every if replica.out_until_s > self._clock.seconds()]

    def note_failure(self, replica: Replica, fault: FaultName) -> None:
        """Leave a replica out for a while: it refuses connections or loads its model, has never answered, or fails
        repeatedly.
        """
        if not FAULTS[fault].again or fault in _OF_ONE_REQUEST:
            return
        replica.failures += 1
        if fault in _DEAD_AT_ONCE or replica.answered_s == 0 or replica.failures >= _REPEATED:
            replica.out_until_s = self._clock.seconds() + _LEFT_OUT_S
            replica.is_described = len(self.every) == 1

    def note_timeout(self, replica: Replica, since_s: float) -> bool:
        """Note a request that was not answered in time; True where it is the replica that is dead: it repeatedly
        answered no other meanwhile either, and there are more.
        """
        is_silent = replica.answered_s < since_s
        replica.failures += is_silent
        return is_silent and replica.failures >= _REPEATED and bool(set(self.every) - {replica, *self.left_out})

    def difference(self) -> str:
        """The first difference between two descriptions; "" where there is none."""
        first, *others = [each for each in self.every if each.description is not None] or self.every
        for other in others:
            for name, value in (first.description or {}).items():
                if value != (theirs := (other.description or {}).get(name)):
                    return f"{first.shown} has {name} {value!r}, and {other.shown} has {theirs!r}"
        return ""
