"""Samples and requests as rows, and back. Common rows are small: what is rare shares one column of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.records import Request, Sample, TokenLogprob
from harness.records.keys import fields_set
from harness.store.schema.tables import samples


def dumps(value: Any) -> str:
    """JSON in ASCII, without spaces; mappings of any kind and numpy's numbers included."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


_NAMES = "sample_index", "text", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s", "created", "extra"
COLUMNS = tuple(samples.c[name] for name in _NAMES)
"""Columns that `stored_sample` reads, in this order."""


def sample_row(key: bytes, sample: Sample, created: float) -> dict[str, Any]:
    """A sample as a row of the table `samples`."""
    usual = sample.text, sample.finish_reason, sample.prompt_tokens, sample.completion_tokens, sample.latency_s
    return {"key": key, **dict(zip(_NAMES, (sample.index, *usual, created, _extra(sample)), strict=True))}


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


def stored_sample(row: Any) -> Sample:
    """The sample of a row of `COLUMNS`."""
    index, text, finish_reason, n_prompt, n_completion, latency_s, created, extra = row
    usual = text, index, finish_reason, n_prompt, n_completion, latency_s
    if extra is None:
        return Sample(*usual, stored=True, drawn_at=created)
    fields = json.loads(extra)
    for name in _LISTS:
        if name in fields:
            fields[name] = tuple(fields[name])
    if "logprobs" in fields:
        fields["logprobs"] = tuple(map(_logprob, fields["logprobs"]))
    return Sample(*usual, stored=True, drawn_at=created, **fields)


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
