"""Samples and requests as rows, and back. Common rows are small: what is rare shares one column of JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from harness.errors import StoreError
from harness.records import Request, Sample, TokenLogprob
from harness.records.keys import fields_set
from harness.store.schema.tables import samples

_REAL, _WHOLE = struct.Struct("<d"), struct.Struct("<q")


def dumps(value: Any) -> str:
    """JSON in ASCII, without spaces; mappings of any kind and numpy's numbers included."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def sample_row(key: bytes, sample: Sample, created: float) -> dict[str, Any]:
    """A sample as a row of the table `samples`."""
    usual = sample.text, sample.finish_reason, sample.prompt_tokens, sample.completion_tokens, sample.latency_s
    content = (sample.index, *usual, _extra(sample))
    row = dict(zip(_NAMES, content, strict=True))
    return {"key": key, "created": created, "digest": sample_digest(content, key), **row}


def sample_digest(row: Sequence[Any], key: bytes) -> int:
    """A digest of a sample as it is stored (index, text, finish_reason, prompt_tokens, completion_tokens, latency_s,
    extra) and of the key that it lies under, by which a change is found that a damaged disk or a hand made. It keeps
    nobody out who means harm.
    """
    index, text, finish_reason, prompt_tokens, completion_tokens, latency_s, extra = row
    whole = f"{index} {prompt_tokens} {completion_tokens} {len(text)} {text}{finish_reason} {extra}"
    latency = _REAL.pack(-1.0 if latency_s is None else latency_s)
    digest = blake2b(whole.encode("utf-8", "surrogatepass") + latency + key, digest_size=8).digest()
    number: int = _WHOLE.unpack(digest)[0]
    return number


_NAMES = "sample_index", "text", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s", "extra"
COLUMNS = tuple(samples.c[name] for name in _NAMES)
"""Columns that a sample's digest is made of beside its key, in this order."""


def check_sample(url: str, key: bytes, digest: int | None, row: Sequence[Any]) -> None:
    """Raise a StoreError where a sample that was read is not the one that was stored."""
    if digest != sample_digest(row, key):
        raise StoreError(
            f"The store {url} is damaged: the sample {row[0]} of {key.hex()} is not what was stored; somebody changed "
            "it or moved it, or the disk did. Put a copy of the store in its place, or draw anew with --fresh."
        )


_LISTS = ("tool_calls", "context", "messages")
_RARE = ("reasoning", *_LISTS, "loglikelihood", "is_greedy", "cost", "metadata", "failure")
"""Fields that few samples have, stored as they are."""


def _extra(sample: Sample) -> str | None:
    extra: dict[str, Any] = {name: value for name in _RARE if (value := getattr(sample, name)) is not None}
    if sample.logprobs is not None:
        extra["logprobs"] = [[entry.token, entry.logprob, entry.top] for entry in sample.logprobs]
    if sample.cut_tokens:
        extra["cut_tokens"] = sample.cut_tokens
    return dumps(extra) if extra else None


def stored_sample(row: Any, created: float | None = None) -> Sample:
    """The sample of a row (index, text, finish_reason, prompt_tokens, completion_tokens, latency_s, extra).

    Args:
        created: when it was stored, in seconds since 1970.
    """
    index, text, *usual, extra = row
    if extra is None:
        return Sample(text, index, *usual, stored=True, drawn_at=created)
    fields = json.loads(extra)
    for name in _LISTS:
        if name in fields:
            fields[name] = tuple(fields[name])
    if "logprobs" in fields:
        fields["logprobs"] = tuple(map(_logprob, fields["logprobs"]))
    return Sample(text, index, *usual, stored=True, drawn_at=created, **fields)


def _logprob(entry: list[Any]) -> TokenLogprob:
    token, logprob, top = entry
    return TokenLogprob(token, logprob, tuple((alternative, value) for alternative, value in top))


def request_text(request: Request) -> str:
    """A request as JSON, without what it does not set."""
    return dumps(fields_set(request))


def stored_request(text: str) -> Request:
    """The request of its JSON."""
    fields = json.loads(text)
    for name in ("messages", "tools"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return Request(**fields)
