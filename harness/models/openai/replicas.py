"""The servers at the addresses of one version: which of them is asked next, and which is left out for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.models.openai.redaction import without_secrets
from harness.models.openai.retry import FAULTS, Clock, FaultName

_LEFT_OUT_S, _REPEATED = 30.0, 2
_DESCRIBED = ("id", "root", "parent", "max_model_len", "owned_by", "meta")
"""What vLLM, SGLang and llama.cpp say of a model at /models that is not of one process alone, as its start is."""


@dataclass(slots=True, eq=False)
class Replica:
    """A server: its address, requests under way and so far, and failures in a row since it answered (0 for never).

    Attributes:
        description: what it says of its model; None where it is to be asked, which one without others never is.
        out_until_s: by the clock; 0 for one that has answered since.
        limited_until_s: until when it asked not to be asked.
    """

    address: str
    shown: str
    description: Mapping[str, Any] | None
    outstanding: int = 0
    sent: int = 0
    failures: int = 0
    answered_s: float = 0.0
    out_until_s: float = 0.0
    limited_until_s: float = 0.0

    def describe(self, listed: Mapping[str, Any], model: str) -> None:
        """Note what it lists at /models of this model, or of the only one."""
        models = listed.get("data")
        entries = [each for each in models if isinstance(each, Mapping)] if isinstance(models, list) else []
        named = [each for each in entries if each.get("id") == model] or entries
        self.description = {name: named[0].get(name) for name in _DESCRIBED} if len(named) == 1 else {}


class Replicas:
    """All servers of a version."""

    def __init__(self, addresses: Sequence[str], clock: Clock) -> None:
        self.every = [Replica(each, without_secrets(each), None if len(addresses) > 1 else {}) for each in addresses]
        self._clock = clock

    def next(self, failed: Replica | None) -> Replica:
        """The one with the fewest requests under way, not the one that has just failed if there is another. One that
        was left out gets a single request until it answers; all are asked where all are out.
        """
        free_s = self._clock.seconds()
        trusted = [each for each in self.every if each.out_until_s <= (0 if each.outstanding else free_s)]
        others = [each for each in trusted if each is not failed and each.limited_until_s <= free_s]
        return min(others or trusted or self.every, key=lambda each: (each.outstanding, each.sent))

    @property
    def left_out(self) -> list[Replica]:
        """Those that get no request now."""
        return [each for each in self.every if each.out_until_s > self._clock.seconds()]

    def note_failure(self, replica: Replica, fault: FaultName) -> None:
        """Leave out one that can't be reached, is loading its model, has never answered, or fails repeatedly."""
        if not FAULTS[fault].again or fault in ("limited", "malformed"):  # of this request
            return
        replica.failures += 1
        if fault in ("refused", "loading") or replica.answered_s == 0 or replica.failures >= _REPEATED:
            replica.out_until_s = self._clock.seconds() + _LEFT_OUT_S
            replica.description = None if len(self.every) > 1 else {}

    def note_limit(self, replica: Replica, asked_s: float) -> bool:
        """Ask one that wants a pause nothing until then; True where another may be asked meanwhile."""
        now_s = self._clock.seconds()
        replica.limited_until_s = now_s + asked_s
        return any(max(each.out_until_s, each.limited_until_s) <= now_s for each in self.every if each is not replica)

    def note_timeout(self, replica: Replica, since_s: float) -> bool:
        """True where it was not a slow request but a silent replica: it repeatedly answered none, and others may."""
        is_silent = replica.answered_s < since_s
        replica.failures += is_silent
        return is_silent and replica.failures >= _REPEATED and bool(set(self.every) - {replica, *self.left_out})

    def difference(self) -> str:
        """The first difference between two descriptions; "" where there is none."""
        first, *others = [each for each in self.every if each.description] or self.every
        for other in others:
            for name, value in (first.description or {}).items():
                if value != (theirs := (other.description or {}).get(name)):
                    return f"{first.shown} has {name} {value!r}, and {other.shown} has {theirs!r}"
        return ""
