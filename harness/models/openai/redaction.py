"""Takes an API key out of what a server says, however the server wrote it."""

from __future__ import annotations

import base64
import dataclasses
import functools
import html.entities
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.records import Sample, TokenLogprob

_HIDDEN = "***"
_SHORTEST_SECRET = 8
_SHORTEST_ENCODED = 6


class Redactor:
    """Replaces a key by `***`: as it is, escaped for JSON, HTML or a URL (a mixture or repetition included), in base64.

    Args:
        key: the key, of ASCII characters, or None where there is none to hide.
    """

    def __init__(self, key: str | None) -> None:
        self._pattern = _pattern(key) if key else None
        self._hides_in_answers = key is not None and len(key) >= _SHORTEST_SECRET

    def text(self, said: str) -> str:
        """The text without the key."""
        return said if self._pattern is None else self._pattern.sub(_HIDDEN, said)

    def leaves(self, value: Any) -> Any:
        """A JSON document whose texts, keys of objects included, are without the key."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.leaves(child) for name, child in value.items()}
        return [self.leaves(child) for child in value] if isinstance(value, list | tuple) else value

    def sample(self, sample: Sample) -> Sample:
        """An answer without the key. One of fewer than 8 characters is no secret ("EMPTY"), and answers may hold it."""
        if not self._hides_in_answers:
            return sample
        calls = sample.tool_calls
        return dataclasses.replace(
            sample,
            text=self.text(sample.text),
            finish_reason=self.text(sample.finish_reason),
            reasoning=None if sample.reasoning is None else self.text(sample.reasoning),
            tool_calls=None if calls is None else tuple(self.leaves(call) for call in calls),
            logprobs=None if sample.logprobs is None else self._tokens(sample.logprobs),
        )

    def _tokens(self, tokens: tuple[TokenLogprob, ...]) -> tuple[TokenLogprob, ...]:
        """The tokens; of those that spell the key together only the log probabilities."""
        if self._pattern is None:
            return tokens
        spans = [match.span() for match in self._pattern.finditer("".join(entry.token for entry in tokens))]
        kept = []
        end = 0
        for entry in tokens:
            start, end = end, end + len(entry.token)
            if any(first < end and start < last for first, last in spans):
                kept.append(TokenLogprob(_HIDDEN, entry.logprob))
            else:
                top = tuple((self.text(token), logprob) for token, logprob in entry.top)
                kept.append(dataclasses.replace(entry, top=top))
        return tuple(kept)


def _pattern(key: str) -> re.Pattern[str]:
    forms = [key, *_in_base64(key.encode("utf-8"))]
    return re.compile("|".join("".join(map(_character, form)) for form in forms))


def _in_base64(key: bytes) -> set[str]:
    """The digits that the key alone decides, for each of the three places where it may start among other bytes."""
    found = set()
    for offset in range(3):
        digits = base64.b64encode(b"\0" * offset + key).decode("ascii")
        decided = digits[-(-8 * offset // 6) : 8 * (offset + len(key)) // 6]
        if len(decided) >= _SHORTEST_ENCODED:
            found |= {decided, decided.replace("+", "-").replace("/", "_")}
    return found


def _character(character: str) -> str:
    """A pattern of every way to write one character. All repetitions are bounded: what it reads may be hostile."""
    code = ord(character)
    escaped = rf"\\{{1,4}}(?i:u00{code:02x}|x{code:02x})|%(?:25){{0,4}}(?i:{code:02x})"
    entities = [rf"#0{{0,6}}{code}", rf"#[xX]0{{0,6}}(?i:{code:x})", *_entities(character)]
    plain = rf"{re.escape(character)}|&(?:amp;){{0,4}}(?:{'|'.join(entities)});?"
    if character == " ":
        plain += r"|\+"
    if not character.isalnum():
        plain = rf"\\{{0,4}}(?:{plain})"
    return f"(?:{plain}|{escaped})"


@functools.cache
def _entities(character: str) -> list[str]:
    return [name.removesuffix(";") for name, value in html.entities.html5.items() if value == character]


def without_secrets(url: str) -> str:
    """The address without user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "something that is no address"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
