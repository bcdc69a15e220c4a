"""Content addresses of samples: what an answer depends on, as sixteen bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from harness.records.samples import Request

_DEFAULTS = Request()
_STEM_BYTES = 12
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def fields_set(request: Request) -> dict[str, Any]:
    """The fields of a request that differ from the default."""
    return {name: value for name in Request.__slots__ if (value := getattr(request, name)) != getattr(_DEFAULTS, name)}


def request_text(fingerprint: str, request: Request) -> bytes:
    """A version and a rendered request as canonical JSON (ASCII, sorted keys, what is set)."""
    return _encode([fingerprint, fields_set(request)]).encode("ascii")


@dataclass(frozen=True, slots=True)
class KeyedQuestion:
    """A question to a version, of one case: its draws have one key in each generation.

    Attributes:
        text: from `request_text`.
        occurrence: counts from 0 when a body asks the same thing again.
        case: the id of the case that it is asked for; "" for what belongs to none. Two cases that ask the same have
            draws of their own.
    """

    text: bytes
    occurrence: int = 0
    case: str = ""

    def key(self, generation: int) -> bytes:
        """The key of the draws of a generation: twelve bytes of the question, and the number."""
        case = self.case.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(b"%s|%d|%s" % (self.text, self.occurrence, case), digest_size=_STEM_BYTES).digest()
        return digest + generation.to_bytes(4, "big")

    @property
    def number(self) -> int:
        """Its number, for an engine whose chance is its own; 0 where it is asked once, and for no case."""
        return case_number(f"{self.occurrence}|{self.case}") if self.occurrence or self.case else 0


def case_number(case: str) -> int:
    """A number below 2 ** 31 of a case's id, which keeps the seeds of two cases apart; 0 for no case."""
    if not case:
        return 0
    digest = hashlib.blake2b(case.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
