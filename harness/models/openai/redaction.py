"""Takes an API key out of what a server says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.records import Sample, TokenLogprob

_HIDDEN = "***"
_SHORTEST_SECRET = 8


class Redactor:
    """Replaces a key by `***`. One of fewer than 8 characters is no secret ("EMPTY")."""

    def __init__(self, key: str | None) -> None:
        self.secret = key  # here alone, where no repr shows it
        self._key = key if key is not None and len(key) >= _SHORTEST_SECRET else None

    def text(self, value: str) -> str:
        """The text without the key."""
        return value if self._key is None else value.replace(self._key, _HIDDEN)

    def leaves(self, value: Any) -> Any:
        """A JSON document whose texts, keys of objects included, are without the key."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.leaves(child) for name, child in value.items()}
        return [self.leaves(child) for child in value] if isinstance(value, list | tuple) else value

    def sample(self, sample: Sample) -> Sample:
        """An answer without the key."""
        if self._key is None:
            return sample
        texts = {name: self.leaves(getattr(sample, name)) for name in ("text", "finish_reason", "reasoning")}
        calls = None if sample.tool_calls is None else tuple(self.leaves(sample.tool_calls))
        logprobs = None if sample.logprobs is None else self._tokens(sample.logprobs)
        return dataclasses.replace(sample, **texts, tool_calls=calls, logprobs=logprobs)

    def _tokens(self, tokens: tuple[TokenLogprob, ...]) -> tuple[TokenLogprob, ...]:
        """The tokens; where they spell the key, their log probabilities alone."""
        if self._key is not None and self._key in "".join(entry.token for entry in tokens):
            return tuple(TokenLogprob(_HIDDEN, entry.logprob) for entry in tokens)
        tops = (tuple((self.text(token), logprob) for token, logprob in entry.top) for entry in tokens)
        return tuple(dataclasses.replace(entry, top=top) for entry, top in zip(tokens, tops, strict=True))


def without_secrets(url: str) -> str:
    """The address without user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "something that is no address"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
