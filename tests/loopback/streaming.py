"""An answer as the event stream that a server makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PIECE = re.compile(r"\S+\s*|\s+")


def event_stream(document: Mapping[str, Any]) -> str:
    """The events that add up to a chat completion or a completion: word by word, choices in turn, usage at the end."""
    shared = {name: document[name] for name in ("object", "model") if name in document}
    parts = [list(_parts(choice)) for choice in document["choices"]]
    turns = [part for turn in range(max(map(len, parts))) for each in parts for part in each[turn : turn + 1]]
    chunks: list[dict[str, Any]] = [{**shared, "choices": [part]} for part in turns]
    if "usage" in document:
        chunks.append({**shared, "choices": [], "usage": document["usage"]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _parts(choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    index, logprobs = choice["index"], choice.get("logprobs")
    if "text" in choice:
        for piece in _PIECE.findall(choice["text"]):
            yield {"index": index, "text": piece, "finish_reason": None}
        yield {"index": index, "text": "", "logprobs": logprobs, "finish_reason": choice["finish_reason"]}
        return
    message = choice["message"]
    yield {"index": index, "delta": {"role": "assistant"}, "finish_reason": None}
    for name in ("reasoning_content", "reasoning", "content"):
        for piece in _PIECE.findall(message.get(name) or ""):
            yield {"index": index, "delta": {name: piece}, "finish_reason": None}
    for position, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield {
            "index": index,
            "delta": {"tool_calls": [{**call, "index": position, "function": {"name": function["name"]}}]},
        }
        for character in function["arguments"]:
            yield {"index": index, "delta": {"tool_calls": [{"index": position, "function": {"arguments": character}}]}}
    for entry in (logprobs or {}).get("content") or ():
        yield {"index": index, "delta": {}, "logprobs": {"content": [entry]}}
    yield {"index": index, "delta": {}, "finish_reason": choice["finish_reason"]}
