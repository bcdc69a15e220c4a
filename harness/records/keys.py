"""Content addresses of samples: what an answer depends on, as sixteen bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from harness.records.samples import Request

_DEFAULTS = Request()
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def request_text(fingerprint: str, request: Request) -> bytes:
    """A version and a rendered request as canonical JSON (ASCII, sorted keys, only what differs from the default)."""
    content = {
        name: value for name in Request.__slots__ if (value := getattr(request, name)) != getattr(_DEFAULTS, name)
    }
    return _encode([fingerprint, content]).encode("ascii")


def sample_key(text: bytes, generation: int, occurrence: int) -> bytes:
    """The key of a request's draws. `occurrence` counts from 0 when a body asks the same thing again."""
    return hashlib.blake2b(text + b"|%d|%d" % (generation, occurrence), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class KeyedQuestion:
    """A question to a version, numbered where a body asks it again: its draws have one key in each generation.

    Attributes:
        text: from `request_text`.
        occurrence: counts from 0 when a body asks the same thing again; in a conversation from the number of all that
            its user says (with tools also of its case), and later in a body from that of what it drew first.
    """

    text: bytes
    occurrence: int = 0

    def key(self, generation: int) -> bytes:
        """The key of the draws of a generation."""
        return sample_key(self.text, generation, self.occurrence)
